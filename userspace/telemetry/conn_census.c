#include "telemetry/conn_census.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int hz_conn_census_open(struct hz_conn_census *census)
{
	*census = (struct hz_conn_census){ 0 };
	census->entry = calloc(HZ_LIMIT_census_conns_max, sizeof(*census->entry));
	return census->entry != NULL ? 0 : -ENOMEM;
}

void hz_conn_census_close(struct hz_conn_census *census)
{
	free(census->entry);
	census->entry = NULL;
}

bool hz_conn_census_ask(struct hz_conn_census *census, const struct hz_conn_query *query)
{
	assert(query->limit >= 1 && query->limit <= HZ_LIMIT_census_conns_max);
	if (__atomic_load_n(&census->phase, __ATOMIC_ACQUIRE) != HZ_CONN_CENSUS_FREE)
		return false;
	census->query = *query;
	census->cursor = 0;
	census->count = 0;
	census->seen = 0;
	census->matched = 0;
	census->is_partial = false;
	__atomic_store_n(&census->is_withdrawn, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&census->phase, HZ_CONN_CENSUS_ASKED, __ATOMIC_RELEASE);
	return true;
}

void hz_conn_census_withdraw(struct hz_conn_census *census)
{
	__atomic_store_n(&census->is_withdrawn, 1, __ATOMIC_RELAXED);
}

bool hz_conn_census_is_done(const struct hz_conn_census *census)
{
	return __atomic_load_n(&census->phase, __ATOMIC_ACQUIRE) == HZ_CONN_CENSUS_DONE;
}

void hz_conn_census_release(struct hz_conn_census *census)
{
	assert(hz_conn_census_is_done(census));
	__atomic_store_n(&census->phase, HZ_CONN_CENSUS_FREE, __ATOMIC_RELAXED);
}

bool hz_conn_census_is_asked(const struct hz_conn_census *census)
{
	return __atomic_load_n(&census->phase, __ATOMIC_ACQUIRE) == HZ_CONN_CENSUS_ASKED;
}

static bool is_before(const struct hz_conn_census *census, uint32_t a, uint32_t b)
{
	return hz_conn_query_compare(&census->query, &census->entry[a], &census->entry[b]) < 0;
}

static void swap(struct hz_conn_census *census, uint32_t a, uint32_t b)
{
	struct hz_conn_info kept = census->entry[a];

	census->entry[a] = census->entry[b];
	census->entry[b] = kept;
}

static void sift_up(struct hz_conn_census *census, uint32_t at)
{
	while (at > 0 && is_before(census, (at - 1) / 2, at)) {
		swap(census, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void sift_down(struct hz_conn_census *census)
{
	uint32_t at = 0;

	for (;;) {
		uint32_t last = at, left = 2 * at + 1, right = left + 1;

		if (left < census->count && is_before(census, last, left))
			last = left;
		if (right < census->count && is_before(census, last, right))
			last = right;
		if (last == at)
			return;
		swap(census, at, last);
		at = last;
	}
}

void hz_conn_census_offer(struct hz_conn_census *census, const struct hz_conn_info *info)
{
	census->seen++;
	if (!hz_conn_query_matches(&census->query, info))
		return;
	census->matched++;
	if (census->count < census->query.limit) {
		census->entry[census->count++] = *info;
		sift_up(census, census->count - 1);
	} else if (hz_conn_query_compare(&census->query, info, &census->entry[0]) < 0) {
		census->entry[0] = *info;
		sift_down(census);
	}
}

void hz_conn_census_finish(struct hz_conn_census *census, bool is_partial)
{
	census->is_partial = is_partial;
	__atomic_store_n(&census->phase, HZ_CONN_CENSUS_DONE, __ATOMIC_RELEASE);
}
