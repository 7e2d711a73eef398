#include "http/h1_worker.h"
#include <errno.h>
#include <stdlib.h>

/* Memory of those that never waited at once is never touched. */
uint32_t hz_http_waiting_max(uint32_t connections_max)
{
	uint32_t count = connections_max / HZ_LIMIT_waiting_part;

	count = HZ_MIN(HZ_MAX(count, (uint32_t)HZ_LIMIT_waiting_min),
	               (uint32_t)HZ_LIMIT_waiting_max);
	return HZ_MIN(count, connections_max);
}

static int pools_open(struct hz_http_worker *http)
{
	uint32_t flights = hz_http_waiting_max(http->conf.connections_max) + 1; /* and scratch */
	int err;

	err = hz_pool_open(&http->conns, sizeof(struct hz_h1_conn), http->conf.connections_max,
	                   HZ_POOL_PREFAULT | HZ_POOL_HUGE);
	if (err != 0)
		return err;
	err = hz_pool_open(&http->flights, sizeof(struct hz_h1_flight), flights, 0);
	if (err != 0)
		return err;
	err = hz_pool_open(&http->blocks, HZ_LIMIT_body_block_bytes, HZ_LIMIT_body_blocks, 0);
	if (err != 0)
		return err;
	return hz_pool_open(&http->big_heads, HZ_LIMIT_header_bytes_max,
	                    HZ_MAX(flights / HZ_LIMIT_waiting_big_part, 1u), 0);
}

int hz_http_worker_open(const struct hz_http_worker_conf *conf, struct hz_http_worker **out)
{
	struct hz_http_worker *http;
	int err;

	if (conf->connections_max == 0)
		return -EINVAL;
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return -ENOMEM;
	http->conf = *conf;
	err = pools_open(http);
	if (err == 0)
		http->ticket = calloc(http->flights.capacity, sizeof(*http->ticket));
	if (err == 0 && http->ticket == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = hz_source_table_open(&http->sources, conf->connections_max);
	if (err != 0) {
		hz_http_worker_close(http);
		return err;
	}
	http->scratch = hz_pool_get(&http->flights);
	hz_h1_flight_init(http, http->scratch);
	*out = http;
	return 0;
}

void hz_http_worker_close(struct hz_http_worker *http)
{
	if (http == NULL)
		return;
	hz_source_table_close(&http->sources);
	free(http->ticket);
	hz_pool_close(&http->big_heads);
	hz_pool_close(&http->blocks);
	hz_pool_close(&http->flights);
	hz_pool_close(&http->conns);
	free(http);
}

void hz_http_worker_drain(struct hz_http_worker *http)
{
	__atomic_store_n(&http->is_draining, true, __ATOMIC_RELAXED);
}

/* Of which the worker keeps so many for itself. */
static void share_add(struct hz_http_share *share, const struct hz_pool *pool, uint32_t kept)
{
	uint32_t in_use = hz_pool_in_use(pool);

	share->used += in_use > kept ? in_use - kept : 0;
	share->limit += pool->capacity - kept;
}

void hz_http_worker_usage(const struct hz_http_worker *http, struct hz_http_usage *usage)
{
	share_add(&usage->connections, &http->conns, 0);
	share_add(&usage->waiting, &http->flights, 1); /* scratch */
	share_add(&usage->large_heads, &http->big_heads, 0);
	share_add(&usage->body_blocks, &http->blocks, 0);
}
