#include "server/shed_sums.h"
#include "core/base.h"
#include "core/limits.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROW_PLACES (HZ_SHED_PLACES + HZ_SHED_REASONS)
#define SUMS_MAX   HZ_LIMIT_shed_sums_max
#define OUTS       (SUMS_MAX + HZ_SHED_REASONS) /* behind the sums what is left, by reason */

/* A place that has something to tell. */
struct found {
	struct hz_shed_place *place;
	uint64_t count; /* of it, as it was read */
	uint64_t gained;
	uint32_t reason;
	uint32_t bits;
	uint32_t out; /* the record that tells it */
	struct hz_addr prefix;
};

/* One reason and prefix: found[first..first+count-1]. */
struct group {
	uint64_t gained;
	uint32_t first, count;
};

struct hz_shed_sums { /* owned by its opener */
	struct hz_shed_row *rows;
	uint32_t row_count;
	uint64_t turned_ns; /* the last turn */
	uint64_t since_ns;  /* and that which sent all there was */
	hz_shed_sums_fn *send;
	void *ctx;
	struct found *found; /* owned, as the next: room for each place of all rows */
	struct group *group;
	uint32_t found_count, group_count;
	struct hz_event_shed out[OUTS];
};

static const uint32_t reasons[HZ_SHED_REASONS] = HZ_SHED_REASON_LIST;

static uint32_t bits_of(const struct hz_addr *prefix)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(prefix->byte, mapped, sizeof(mapped)) == 0 ? HZ_SHED_PREFIX_BITS
	                                                         : HZ_SHED_PREFIX_BITS6;
}

/* The count first: one that is not told yet keeps its prefix, hz_abi.h. */
static void place_read(struct hz_shed_sums *sums, struct hz_shed_place *place, bool is_rest)
{
	uint64_t count = __atomic_load_n(&place->count, __ATOMIC_ACQUIRE);
	struct found *found;

	if (count == place->told)
		return;
	found = &sums->found[sums->found_count++];
	*found = (struct found){ .place = place,
		                 .count = count,
		                 .gained = count - place->told,
		                 .reason = place->reason };
	if (is_rest)
		return;
	found->prefix = place->prefix;
	found->bits = bits_of(&place->prefix);
}

static void rows_read(struct hz_shed_sums *sums)
{
	sums->found_count = 0;
	for (uint32_t i = 0; i < sums->row_count; i++) {
		struct hz_shed_row *row = &sums->rows[i];

		__atomic_store_n(&row->round, row->round + 1, __ATOMIC_RELAXED);
		for (uint32_t j = 0; j < HZ_SHED_PLACES; j++)
			place_read(sums, &row->place[j], false);
		for (uint32_t j = 0; j < HZ_SHED_REASONS; j++)
			place_read(sums, &row->rest[j], true);
	}
}

static int found_order(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	if (left->bits != right->bits)
		return left->bits < right->bits ? -1 : 1;
	if (left->reason != right->reason)
		return left->reason < right->reason ? -1 : 1;
	return memcmp(&left->prefix, &right->prefix, sizeof(left->prefix));
}

/* The largest first. */
static int group_order(const void *a, const void *b)
{
	const struct group *left = a, *right = b;

	if (left->gained != right->gained)
		return left->gained > right->gained ? -1 : 1;
	return left->first < right->first ? -1 : left->first > right->first;
}

static void groups_make(struct hz_shed_sums *sums)
{
	sums->group_count = 0;
	qsort(sums->found, sums->found_count, sizeof(*sums->found), found_order);
	for (uint32_t i = 0; i < sums->found_count; i++) {
		const struct found *found = &sums->found[i];

		if (i == 0 || found_order(found - 1, found) != 0)
			sums->group[sums->group_count++] = (struct group){ .first = i };
		sums->group[sums->group_count - 1].gained += found->gained;
		sums->group[sums->group_count - 1].count++;
	}
	qsort(sums->group, sums->group_count, sizeof(*sums->group), group_order);
}

/* Behind the sums; the last one for what is no reason of these: a row that is not what it should be. */
static uint32_t out_of_rest(uint32_t reason)
{
	uint32_t which = 0;

	while (which < HZ_SHED_REASONS - 1 && reasons[which] != reason)
		which++;
	return SUMS_MAX + which;
}

/* Which record tells what. */
static void outs_fill(struct hz_shed_sums *sums, uint64_t now_ns)
{
	uint32_t sum_count = 0;

	memset(sums->out, 0, sizeof(sums->out));
	for (uint32_t i = 0; i < sums->group_count; i++) {
		const struct group *group = &sums->group[i];
		struct found *found = &sums->found[group->first];
		bool is_sum = found->bits != 0 && sum_count < SUMS_MAX;
		uint32_t which = is_sum ? sum_count++ : out_of_rest(found->reason);
		struct hz_event_shed *out = &sums->out[which];

		out->header = (struct hz_event){ .kind = HZ_EVENT_SHED,
			                         .bytes = sizeof(*out),
			                         .time_ns = now_ns };
		out->reason = is_sum ? found->reason : reasons[which - SUMS_MAX];
		out->prefix_bits = is_sum ? found->bits : 0;
		if (is_sum)
			out->prefix = found->prefix;
		out->count += group->gained;
		out->span_ns = HZ_MAX(now_ns - sums->since_ns, 1u); /* 0 is a first one */
		for (uint32_t j = 0; j < group->count; j++)
			found[j].out = which;
	}
}

/* What went out is told; the rest comes again with the next turn. */
static bool outs_send(struct hz_shed_sums *sums)
{
	bool is_full = false;

	for (uint32_t i = 0; i < OUTS; i++)
		if (sums->out[i].count != 0 && !is_full) {
			is_full = sums->send(sums->ctx, &sums->out[i]) != 0;
			if (!is_full)
				sums->out[i].count = 0;
		}
	for (uint32_t i = 0; i < sums->found_count; i++) {
		const struct found *found = &sums->found[i];

		if (sums->out[found->out].count == 0)
			__atomic_store_n(&found->place->told, found->count, __ATOMIC_RELEASE);
	}
	return !is_full;
}

/* For whoever goes on after us. */
static void rows_told(struct hz_shed_sums *sums, uint64_t now_ns)
{
	sums->since_ns = now_ns;
	for (uint32_t i = 0; i < sums->row_count; i++)
		sums->rows[i].told_s = (uint32_t)(now_ns / HZ_NS_PER_S);
}

void hz_shed_sums_finish(struct hz_shed_sums *sums, uint64_t now_ns)
{
	sums->turned_ns = now_ns;
	rows_read(sums);
	groups_make(sums);
	outs_fill(sums, now_ns);
	if (outs_send(sums))
		rows_told(sums, now_ns);
}

void hz_shed_sums_turn(struct hz_shed_sums *sums, uint64_t now_ns)
{
	if (now_ns - sums->turned_ns >= HZ_NS_PER_S)
		hz_shed_sums_finish(sums, now_ns);
}

/* Since when is anything not told? Up to a second earlier than that; now where nobody ever told. */
static uint64_t rows_since(const struct hz_shed_row *rows, uint32_t row_count, uint64_t now_ns)
{
	uint64_t since_ns = now_ns;

	for (uint32_t i = 0; i < row_count; i++)
		if (rows[i].told_s != 0)
			since_ns = HZ_MIN(since_ns, rows[i].told_s * HZ_NS_PER_S);
	return since_ns;
}

int hz_shed_sums_open(struct hz_shed_row *rows, uint32_t row_count, uint64_t now_ns,
                      hz_shed_sums_fn *send, void *ctx, struct hz_shed_sums **out)
{
	struct hz_shed_sums *sums = calloc(1, sizeof(*sums));

	row_count = HZ_MIN(row_count, (uint32_t)HZ_WORKERS_MAX);
	if (sums == NULL)
		return -ENOMEM;
	*sums = (struct hz_shed_sums){ .rows = rows,
		                       .row_count = row_count,
		                       .turned_ns = now_ns,
		                       .since_ns = rows_since(rows, row_count, now_ns),
		                       .send = send,
		                       .ctx = ctx };
	sums->found = calloc((size_t)sums->row_count * ROW_PLACES, sizeof(*sums->found));
	sums->group = calloc((size_t)sums->row_count * ROW_PLACES, sizeof(*sums->group));
	if (sums->found == NULL || sums->group == NULL) {
		hz_shed_sums_close(sums);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < sums->row_count; i++)
		__atomic_store_n(&rows[i].round, rows[i].round + 1, __ATOMIC_RELAXED);
	*out = sums;
	return 0;
}

void hz_shed_sums_close(struct hz_shed_sums *sums)
{
	if (sums == NULL)
		return;
	free(sums->found);
	free(sums->group);
	free(sums);
}
