#include "tcp/tcp_table.h"

#include "core/pages.h"
#include <assert.h>
#include <errno.h>

int hz_tcp_table_open(struct hz_tcp_table *table, uint32_t entries_max)
{
	uint32_t slots = 16;

	if (entries_max == 0 || entries_max > 1u << 28)
		return -EINVAL;
	while (slots < 2 * entries_max)
		slots *= 2;
	table->slot = hz_pages_map(slots * sizeof(*table->slot), true);
	if (table->slot == NULL)
		return -ENOMEM;
	table->mask = slots - 1;
	table->count = 0;
	return 0;
}

void hz_tcp_table_close(struct hz_tcp_table *table)
{
	hz_pages_unmap(table->slot, (table->mask + 1ull) * sizeof(*table->slot));
	table->slot = NULL;
	table->count = 0;
}

void hz_tcp_table_add(struct hz_tcp_table *table, uint32_t hash, uint32_t ref)
{
	uint32_t at = hash;

	assert(ref != HZ_TCP_REF_NONE && table->count <= table->mask / 2);
	while (table->slot[at & table->mask].ref != HZ_TCP_REF_NONE)
		at++;
	table->slot[at & table->mask] = (struct hz_tcp_table_slot){ hash, ref };
	table->count++;
}

/* Fills the hole by moving back what probed past it (Knuth 6.4 R), so that no tombstones slow down
 * later probes. */
static void close_hole(struct hz_tcp_table *table, uint32_t hole)
{
	uint32_t mask = table->mask;

	for (uint32_t at = (hole + 1) & mask; table->slot[at].ref != HZ_TCP_REF_NONE;
	     at = (at + 1) & mask) {
		uint32_t home = table->slot[at].hash & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		table->slot[hole] = table->slot[at];
		hole = at;
	}
	table->slot[hole].ref = HZ_TCP_REF_NONE;
}

bool hz_tcp_table_remove(struct hz_tcp_table *table, uint32_t hash, uint32_t ref)
{
	uint32_t at = hash & table->mask;

	while (table->slot[at].ref != ref) {
		if (table->slot[at].ref == HZ_TCP_REF_NONE)
			return false;
		at = (at + 1) & table->mask;
	}
	close_hole(table, at);
	table->count--;
	return true;
}
