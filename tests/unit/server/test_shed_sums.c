/* Refusals that XDP counted become sums: each counted in exactly one record, whatever the ring takes. */
#include "core/base.h"
#include "core/limits.h"
#include "hz_test.h"
#include "server/shed_sums.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROWS     2u
#define SENT_MAX 4096

struct world {
	struct hz_shed_row row[ROWS];
	struct hz_shed_sums *sums;
	uint64_t now_ns;
	uint32_t room; /* of the ring */
	uint32_t sent_count;
	struct hz_event_shed sent[SENT_MAX];
};

static int ring_take(void *ctx, const struct hz_event_shed *record)
{
	struct world *world = ctx;

	if (world->room == 0)
		return -EAGAIN;
	world->room--;
	world->sent[world->sent_count++ % SENT_MAX] = *record;
	return 0;
}

/* NULL: no memory. */
static struct world *world_open(void)
{
	struct world *world = calloc(1, sizeof(*world));

	if (world == NULL)
		return NULL;
	world->room = UINT32_MAX;
	world->now_ns = 100 * HZ_NS_PER_S;
	if (hz_shed_sums_open(world->row, ROWS, world->now_ns, ring_take, world, &world->sums) !=
	    0) {
		free(world);
		return NULL;
	}
	return world;
}

static void world_close(struct world *world)
{
	hz_shed_sums_close(world->sums);
	free(world);
}

static void turn(struct world *world, uint64_t later_ns)
{
	world->now_ns += later_ns;
	hz_shed_sums_turn(world->sums, world->now_ns);
}

static struct hz_addr prefix4(uint32_t number)
{
	return (struct hz_addr){
		{ [10] = 0xff, [11] = 0xff, 10, (uint8_t)(number >> 8), (uint8_t)number, 0 }
	};
}

/* As XDP does it, but for the place, which it finds by a hash. */
static void refuse(struct world *world, uint32_t row, uint32_t place, struct hz_addr prefix,
                   uint32_t reason, uint64_t count)
{
	struct hz_shed_place *at = &world->row[row].place[place];

	at->prefix = prefix;
	at->reason = reason;
	at->count += count;
}

static uint64_t told_of(const struct world *world)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < world->sent_count; i++)
		sum += world->sent[i].count;
	return sum;
}

static void refusals_become_one_sum_and_are_told_once(void)
{
	struct world *world = world_open();
	const struct hz_event_shed *sum;
	struct hz_addr prefix = prefix4(3);

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(world->sent_count, 0);
	refuse(world, 0, 7, prefix, HZ_REASON_shed_drop, 40);
	refuse(world, 1, 9, prefix, HZ_REASON_shed_drop, 2); /* on another CPU */
	turn(world, HZ_NS_PER_S - 1);
	CU_ASSERT_EQUAL(world->sent_count, 0);
	turn(world, 1);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 1);
	sum = &world->sent[0];
	CU_ASSERT_EQUAL(sum->header.kind, HZ_EVENT_SHED);
	CU_ASSERT_EQUAL(sum->header.bytes, sizeof(*sum));
	CU_ASSERT_EQUAL(sum->header.time_ns, world->now_ns);
	CU_ASSERT_EQUAL(sum->reason, HZ_REASON_shed_drop);
	CU_ASSERT_EQUAL(sum->prefix_bits, 24);
	CU_ASSERT_EQUAL(memcmp(&sum->prefix, &prefix, sizeof(prefix)), 0);
	CU_ASSERT_EQUAL(sum->count, 42);
	CU_ASSERT_EQUAL(sum->span_ns, HZ_NS_PER_S);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(world->sent_count, 1);
	world_close(world);
}

static void reasons_and_families_are_kept_apart(void)
{
	const struct hz_addr six = { { 0x20, 0x01, 0x0d, 0xb8 } };
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	refuse(world, 0, 1, prefix4(3), HZ_REASON_shed_drop, 1);
	refuse(world, 0, 2, prefix4(3), HZ_REASON_drop_source_rate, 2);
	refuse(world, 0, 3, six, HZ_REASON_shed_drop, 3);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 3);
	CU_ASSERT_EQUAL(world->sent[0].count, 3); /* the largest first */
	CU_ASSERT_EQUAL(world->sent[0].prefix_bits, 64);
	CU_ASSERT_EQUAL(world->sent[1].reason, HZ_REASON_drop_source_rate);
	CU_ASSERT_EQUAL(world->sent[1].prefix_bits, 24);
	CU_ASSERT_EQUAL(world->sent[2].count, 1);
	world_close(world);
}

static void what_has_no_place_is_summed_by_reason(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	world->row[0].rest[3] =
		(struct hz_shed_place){ .reason = HZ_REASON_drop_source_rate, .count = 5 };
	world->row[1].rest[3] =
		(struct hz_shed_place){ .reason = HZ_REASON_drop_source_rate, .count = 6 };
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 1);
	CU_ASSERT_EQUAL(world->sent[0].prefix_bits, 0);
	CU_ASSERT_EQUAL(world->sent[0].reason, HZ_REASON_drop_source_rate);
	CU_ASSERT_EQUAL(world->sent[0].count, 11);
	world_close(world);
}

static void many_prefixes_are_told_by_name_as_far_as_allowed(void)
{
	const uint32_t beyond = 10, all = HZ_LIMIT_shed_sums_max + beyond;
	struct world *world = world_open();
	const struct hz_event_shed *rest;

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	for (uint32_t i = 0; i < all; i++)
		refuse(world, 0, i, prefix4(i), HZ_REASON_shed_reset, 1 + i);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, HZ_LIMIT_shed_sums_max + 1);
	for (uint32_t i = 0; i < HZ_LIMIT_shed_sums_max; i++)
		CU_ASSERT_EQUAL(world->sent[i].count, all - i);
	rest = &world->sent[HZ_LIMIT_shed_sums_max];
	CU_ASSERT_EQUAL(rest->prefix_bits, 0);
	CU_ASSERT_EQUAL(rest->reason, HZ_REASON_shed_reset);
	CU_ASSERT_EQUAL(rest->count, beyond * (beyond + 1) / 2);
	world_close(world);
}

static void full_ring_delays_sums_and_loses_none(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	refuse(world, 0, 1, prefix4(1), HZ_REASON_shed_drop, 30);
	refuse(world, 0, 2, prefix4(2), HZ_REASON_shed_drop, 20);
	refuse(world, 0, 3, prefix4(3), HZ_REASON_shed_drop, 10);
	world->room = 1;
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(told_of(world), 30);
	CU_ASSERT_EQUAL(world->row[0].place[1].told, 30);
	CU_ASSERT_EQUAL(world->row[0].place[2].told, 0); /* so it goes to nobody else */
	refuse(world, 0, 2, prefix4(2), HZ_REASON_shed_drop, 5);
	world->room = UINT32_MAX;
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(world->sent_count, 3);
	CU_ASSERT_EQUAL(told_of(world), 65);
	CU_ASSERT_EQUAL(world->sent[1].count, 25);
	CU_ASSERT_EQUAL(world->sent[1].span_ns, 2 * HZ_NS_PER_S);
	refuse(world, 0, 2, prefix4(2), HZ_REASON_shed_drop, 1);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(world->sent[3].span_ns, HZ_NS_PER_S);
	world_close(world);
}

static void rounds_begin_with_it_and_go_on_each_second(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	CU_ASSERT_EQUAL(world->row[0].round, 1);
	CU_ASSERT_EQUAL(world->row[1].round, 1);
	turn(world, HZ_NS_PER_S);
	turn(world, HZ_NS_PER_S / 2);
	turn(world, HZ_NS_PER_S / 2);
	CU_ASSERT_EQUAL(world->row[1].round, 3);
	world_close(world);
}

static void every_refusal_is_told_exactly_once(void)
{
	struct world *world = world_open();
	uint64_t refused = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	srandom(11);
	for (uint32_t i = 0; i < 30; i++) {
		for (uint32_t j = 0; j < 200; j++) {
			uint32_t row = (uint32_t)random() % ROWS,
				 place = (uint32_t)random() % HZ_SHED_PLACES;
			struct hz_shed_place *at = &world->row[row].place[place];

			if (at->count != at->told) /* or it has a prefix that is not told */
				continue;
			refuse(world, row, place, prefix4((uint32_t)random() % 100),
			       HZ_REASON_shed_drop + (uint32_t)random() % 3, 1 + j);
			refused += 1 + j;
		}
		world->room = (uint32_t)random() % 100;
		turn(world, HZ_NS_PER_S);
	}
	world->room = UINT32_MAX;
	turn(world, HZ_NS_PER_S);
	CU_ASSERT(world->sent_count < SENT_MAX);
	CU_ASSERT_EQUAL(told_of(world), refused);
	world_close(world);
}

/* Whoever turned before died: its successor says since when, to the second. */
static void refusals_of_an_absence_are_told_of_all_of_it(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	turn(world, HZ_NS_PER_S + HZ_NS_PER_S / 2);
	refuse(world, 1, 1, prefix4(1), HZ_REASON_drop_source_rate, 700);
	hz_shed_sums_close(world->sums);
	world->now_ns += 300 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL_FATAL(
		hz_shed_sums_open(world->row, ROWS, world->now_ns, ring_take, world, &world->sums),
		0);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 1);
	CU_ASSERT_EQUAL(world->sent[0].count, 700);
	CU_ASSERT(world->sent[0].span_ns >= 301 * HZ_NS_PER_S);
	CU_ASSERT(world->sent[0].span_ns < 302 * HZ_NS_PER_S);
	refuse(world, 1, 1, prefix4(1), HZ_REASON_drop_source_rate, 1);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(world->sent[1].span_ns, HZ_NS_PER_S);
	world_close(world);
}

/* What was not told when it died counts as well: an end without room says nothing of a time. */
static void refusals_that_had_no_room_keep_their_time_over_a_restart(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	turn(world, HZ_NS_PER_S);
	refuse(world, 0, 1, prefix4(1), HZ_REASON_shed_drop, 3);
	world->room = 0;
	world->now_ns += 10 * HZ_NS_PER_S;
	hz_shed_sums_finish(world->sums, world->now_ns);
	hz_shed_sums_close(world->sums);
	world->room = UINT32_MAX;
	CU_ASSERT_EQUAL_FATAL(
		hz_shed_sums_open(world->row, ROWS, world->now_ns, ring_take, world, &world->sums),
		0);
	turn(world, HZ_NS_PER_S);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 1);
	CU_ASSERT_EQUAL(world->sent[0].span_ns, 11 * HZ_NS_PER_S);
	world_close(world);
}

static void finish_tells_what_no_second_has_ended_for(void)
{
	struct world *world = world_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	turn(world, HZ_NS_PER_S);
	refuse(world, 0, 1, prefix4(1), HZ_REASON_shed_drop, 3);
	hz_shed_sums_finish(world->sums, world->now_ns);
	CU_ASSERT_EQUAL_FATAL(world->sent_count, 1);
	CU_ASSERT_EQUAL(world->sent[0].count, 3);
	CU_ASSERT_EQUAL(world->sent[0].span_ns, 1); /* no first one */
	refuse(world, 0, 1, prefix4(1), HZ_REASON_shed_drop, 4);
	world->now_ns += HZ_NS_PER_MS;
	hz_shed_sums_finish(world->sums, world->now_ns);
	CU_ASSERT_EQUAL(world->sent[1].count, 4);
	CU_ASSERT_EQUAL(world->sent[1].span_ns, HZ_NS_PER_MS);
	turn(world, HZ_NS_PER_S - 1);
	CU_ASSERT_EQUAL(world->row[0].round, 4); /* a second begins with it */
	world_close(world);
}

HZ_SUITE(shed_sums, CASE(refusals_become_one_sum_and_are_told_once),
         CASE(reasons_and_families_are_kept_apart), CASE(what_has_no_place_is_summed_by_reason),
         CASE(many_prefixes_are_told_by_name_as_far_as_allowed),
         CASE(full_ring_delays_sums_and_loses_none),
         CASE(rounds_begin_with_it_and_go_on_each_second), CASE(every_refusal_is_told_exactly_once),
         CASE(refusals_of_an_absence_are_told_of_all_of_it),
         CASE(refusals_that_had_no_room_keep_their_time_over_a_restart),
         CASE(finish_tells_what_no_second_has_ended_for));
