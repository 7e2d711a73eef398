/* Slow answers and the example of each second, from one worker to housekeeping. */
#include "core/base.h"
#include "hz_test.h"
#include "telemetry/slow_ring.h"
#include <math.h>
#include <pthread.h>

#define OVER_NS 10000u

static struct hz_slow_conf conf;
static struct hz_slow_ring ring;
static struct hz_rng rng;

static void ring_begin(uint64_t over_ns)
{
	conf.over_ns = over_ns;
	hz_slow_ring_init(&ring, &conf);
	hz_rng_seed(&rng, 42);
	CU_ASSERT(hz_slow_ring_turn(&ring, HZ_NS_PER_S));
}

/* An answer of that time, whose number is told as its connection. False: the ring was full. */
static bool answer(uint64_t number, uint64_t total_ns)
{
	struct hz_event_slow *place;

	if (!hz_slow_ring_wants(&ring, total_ns))
		return true;
	place = hz_slow_ring_place(&ring, total_ns, &rng);
	if (place == NULL)
		return false;
	place->connection = number;
	place->is_example = total_ns < ring.over_ns;
	hz_slow_ring_put(&ring, place);
	return true;
}

/* The number of the next record, 0: there is none. */
static uint64_t take(bool is_example)
{
	const struct hz_event_slow *record = hz_slow_ring_first(&ring);
	uint64_t number = record != NULL ? record->connection : 0;

	if (record == NULL)
		return 0;
	CU_ASSERT_EQUAL(record->is_example, is_example);
	hz_slow_ring_drop(&ring);
	return number;
}

static void answer_at_the_limit_is_slow_below_is_not(void)
{
	ring_begin(OVER_NS);
	CU_ASSERT(answer(1, OVER_NS - 1));
	CU_ASSERT(answer(2, OVER_NS));
	CU_ASSERT(answer(3, OVER_NS - 1));
	CU_ASSERT_EQUAL(take(false), 2);
	CU_ASSERT_EQUAL(take(false), 0);
}

static void records_come_in_order_and_none_twice(void)
{
	ring_begin(OVER_NS);
	for (uint64_t i = 1; i <= 1000; i++) {
		CU_ASSERT(answer(i, OVER_NS));
		if (i % 50 != 0)
			continue;
		for (uint64_t k = i - 49; k <= i; k++)
			CU_ASSERT_EQUAL(take(false), k);
		CU_ASSERT_EQUAL(take(false), 0);
	}
}

static void ring_that_is_full_refuses_and_keeps_what_it_has(void)
{
	ring_begin(OVER_NS);
	for (uint64_t i = 1; i <= HZ_SLOW_SLOTS; i++)
		CU_ASSERT(answer(i, OVER_NS));
	CU_ASSERT_FALSE(answer(1000, OVER_NS));
	CU_ASSERT_EQUAL(take(false), 1);
	CU_ASSERT(answer(1001, OVER_NS));
	CU_ASSERT_FALSE(answer(1002, OVER_NS));
	for (uint64_t i = 2; i <= HZ_SLOW_SLOTS; i++)
		CU_ASSERT_EQUAL(take(false), i);
	CU_ASSERT_EQUAL(take(false), 1001);
}

static void each_second_has_one_example_at_its_end(void)
{
	ring_begin(OVER_NS);
	for (uint64_t s = 2; s < 10; s++) {
		for (uint64_t i = 1; i <= 100; i++)
			CU_ASSERT(answer(s * 1000 + i, 5));
		CU_ASSERT(hz_slow_ring_turn(&ring, s * HZ_NS_PER_S - 1));
		CU_ASSERT_PTR_NULL(hz_slow_ring_first(&ring));
		CU_ASSERT(hz_slow_ring_turn(&ring, s * HZ_NS_PER_S));
		CU_ASSERT_EQUAL(take(true) / 1000, s);
		CU_ASSERT_PTR_NULL(hz_slow_ring_first(&ring));
	}
	CU_ASSERT(hz_slow_ring_turn(&ring, 10 * HZ_NS_PER_S)); /* a second without an answer */
	CU_ASSERT_PTR_NULL(hz_slow_ring_first(&ring));
}

static void example_that_is_slow_is_told_once(void)
{
	ring_begin(OVER_NS);
	CU_ASSERT(answer(1, OVER_NS));
	CU_ASSERT(hz_slow_ring_turn(&ring, 2 * HZ_NS_PER_S));
	CU_ASSERT_EQUAL(take(false), 1);
	CU_ASSERT_PTR_NULL(hz_slow_ring_first(&ring));
}

static void example_that_finds_the_ring_full_is_lost(void)
{
	ring_begin(OVER_NS);
	CU_ASSERT(answer(1, 5));
	for (uint64_t i = 1; i <= HZ_SLOW_SLOTS; i++)
		CU_ASSERT(answer(i, OVER_NS));
	ring.has_example = true;
	CU_ASSERT_FALSE(hz_slow_ring_turn(&ring, 2 * HZ_NS_PER_S));
	CU_ASSERT(hz_slow_ring_turn(&ring, 3 * HZ_NS_PER_S));
}

static void ring_that_is_off_tells_nothing_until_a_second_after_it_is_on(void)
{
	ring_begin(UINT64_MAX);
	for (uint64_t i = 1; i <= 100; i++)
		CU_ASSERT_FALSE(hz_slow_ring_wants(&ring, HZ_NS_PER_S));
	conf.over_ns = OVER_NS;
	CU_ASSERT_FALSE(hz_slow_ring_wants(&ring, HZ_NS_PER_S));
	CU_ASSERT(hz_slow_ring_turn(&ring, 2 * HZ_NS_PER_S));
	CU_ASSERT(hz_slow_ring_wants(&ring, HZ_NS_PER_S));
	hz_slow_ring_init(&ring, &conf);
	CU_ASSERT_FALSE(hz_slow_ring_wants(&ring, HZ_NS_PER_S)); /* no second has begun */
}

#define SECONDS 20000u
#define PER_S   10u

/* Ten answers a second: chi-square with 9 degrees of freedom is below 27.9 in 999 of 1000 runs, and the seed is
 * fixed. And few random numbers: 1 + 1/2 + ... + 1/10 takers, 2.9 a second. */
static void examples_are_uniform_and_take_few_random_numbers(void)
{
	unsigned count[PER_S] = { 0 }, takers = 0;
	double expected = (double)SECONDS / PER_S, chi2 = 0;

	ring_begin(OVER_NS);
	for (uint64_t s = 2; s < SECONDS + 2; s++) {
		for (uint64_t i = 1; i <= PER_S; i++) {
			takers += ring.next == ring.seen + 1;
			CU_ASSERT(answer(i, 5));
		}
		CU_ASSERT(hz_slow_ring_turn(&ring, s * HZ_NS_PER_S));
		count[(take(true) - 1) % PER_S]++;
	}
	for (unsigned i = 0; i < PER_S; i++)
		chi2 += (count[i] - expected) * (count[i] - expected) / expected;
	CU_ASSERT(chi2 < 27.9);
	CU_ASSERT(fabs((double)takers / SECONDS - 2.929) < 0.05);
}

#define MANY 200000u

static void *consumer(void *unused)
{
	uint64_t last = 0;

	(void)unused;
	while (last != MANY) {
		const struct hz_event_slow *record = hz_slow_ring_first(&ring);

		if (record == NULL)
			continue;
		CU_ASSERT(record->connection > last);
		CU_ASSERT_EQUAL(record->stage_ns[HZ_STAGE_TX], record->connection);
		last = record->connection;
		hz_slow_ring_drop(&ring);
	}
	return NULL;
}

static void records_are_whole_when_another_thread_sees_them(void)
{
	pthread_t thread;

	ring_begin(OVER_NS);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, consumer, NULL), 0);
	for (uint64_t i = 1; i <= MANY;) {
		struct hz_event_slow *place;

		CU_ASSERT(hz_slow_ring_wants(&ring, OVER_NS));
		place = hz_slow_ring_place(&ring, OVER_NS, &rng);
		if (place == NULL)
			continue;
		place->connection = place->stage_ns[HZ_STAGE_TX] = i++;
		hz_slow_ring_put(&ring, place);
	}
	pthread_join(thread, NULL);
}

HZ_SUITE(slow_ring, CASE(answer_at_the_limit_is_slow_below_is_not),
         CASE(records_come_in_order_and_none_twice),
         CASE(ring_that_is_full_refuses_and_keeps_what_it_has),
         CASE(each_second_has_one_example_at_its_end), CASE(example_that_is_slow_is_told_once),
         CASE(example_that_finds_the_ring_full_is_lost),
         CASE(ring_that_is_off_tells_nothing_until_a_second_after_it_is_on),
         CASE(examples_are_uniform_and_take_few_random_numbers),
         CASE(records_are_whole_when_another_thread_sees_them));
