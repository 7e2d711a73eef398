/* What a connection costs while it is idle: all of its parts, which no single module sees. */
#include "hz_test.h"

#include "core/source_table.h"
#include "http/h1_worker.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"
#include <stdio.h>

#define CONNECTIONS   131072u /* boot/connections_max and boot/time_wait_max as they are by default */
#define TIME_WAITS    65536u
#define IDLE_LIMIT    384u
#define PER_TIME_WAIT 96u

/* Of a table at its limit, per connection. */
static size_t table_share(void)
{
	struct hz_tcp_table table = { 0 };
	size_t bytes;

	CU_ASSERT_EQUAL_FATAL(hz_tcp_table_open(&table, CONNECTIONS + TIME_WAITS), 0);
	bytes = (table.mask + 1ull) * sizeof(*table.slot) / CONNECTIONS;
	hz_tcp_table_close(&table);
	return bytes;
}

static size_t sources_share(void)
{
	struct hz_source_table table = { 0 };
	size_t bytes;

	CU_ASSERT_EQUAL_FATAL(hz_source_table_open(&table, CONNECTIONS), 0);
	bytes = (table.mask + 1ull) * sizeof(*table.source) / CONNECTIONS;
	hz_source_table_close(&table);
	return bytes;
}

static void memory_of_idle_connection_is_at_most_384_bytes(void)
{
	size_t pcb = sizeof(struct hz_tcp_pcb), http = sizeof(struct hz_h1_conn);
	size_t turns = 2 * sizeof(struct hz_tcp_pcb *);
	size_t table = table_share(), sources = sources_share();
	size_t total = pcb + http + turns + table + sources;

	printf("# idle connection: %zu bytes = PCB with its timer %zu + HTTP %zu + turn lists %zu "
	       "+ "
	       "flow table %zu + table of sources %zu\n",
	       total, pcb, http, turns, table, sources);
	printf("# busy connection: %zu bytes more\n", sizeof(struct hz_tcp_rec));
	CU_ASSERT(pcb <= 192);
	CU_ASSERT(total <= IDLE_LIMIT);
}

static void memory_of_time_wait_is_half_a_connection(void)
{
	CU_ASSERT(sizeof(struct hz_tcp_tw) <= PER_TIME_WAIT);
}

HZ_SUITE(memory, CASE(memory_of_idle_connection_is_at_most_384_bytes),
         CASE(memory_of_time_wait_is_half_a_connection));
