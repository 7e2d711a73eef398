/* The bucket in one word, alone and under many threads; and the table of them, which a flood must not make laxer. */
#include "core/rng.h"
#include "hz_test.h"
#include "middleware/rate_table.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define START_NS (1000 * HZ_NS_PER_S)

static struct hz_gcra gcra_of(uint64_t interval_ns, uint64_t burst)
{
	return (struct hz_gcra){ interval_ns, interval_ns * burst };
}

static unsigned drain(uint64_t *word, const struct hz_gcra *gcra, uint64_t now_ns)
{
	unsigned taken = 0;

	while (taken < 100000 && hz_gcra_take(word, gcra, now_ns).is_taken)
		taken++;
	return taken;
}

static void gcra_gives_the_burst_and_then_one_per_interval(void)
{
	const struct hz_gcra gcra = gcra_of(500000, 200);
	struct hz_gcra_taken taken;
	uint64_t word = 0;

	CU_ASSERT_EQUAL(hz_gcra_take(&word, &gcra, START_NS).left_ns / gcra.interval_ns, 199);
	CU_ASSERT_EQUAL(drain(&word, &gcra, START_NS), 199);
	taken = hz_gcra_take(&word, &gcra, START_NS);
	CU_ASSERT_FALSE(taken.is_taken);
	CU_ASSERT_EQUAL(taken.wait_ns, 500000);
	CU_ASSERT_FALSE(hz_gcra_take(&word, &gcra, START_NS + 499999).is_taken);
	CU_ASSERT_EQUAL(hz_gcra_take(&word, &gcra, START_NS + 499999).wait_ns, 1);
	CU_ASSERT_TRUE(hz_gcra_take(&word, &gcra, START_NS + 500000).is_taken);
	CU_ASSERT_EQUAL(drain(&word, &gcra, START_NS + 500000 + 7 * 500000), 7);
	CU_ASSERT_EQUAL(drain(&word, &gcra, START_NS + 60 * HZ_NS_PER_S), 200);
}

/* Tokens in units of an interval's nanoseconds, counted with plain arithmetic. */
static void gcra_agrees_with_a_counted_bucket(void)
{
	struct hz_rng rng;

	hz_rng_seed(&rng, 3);
	for (unsigned run = 0; run < 50; run++) {
		const struct hz_gcra gcra =
			gcra_of(1 + hz_rng_below(&rng, 1000000), 1 + hz_rng_below(&rng, 20));
		uint64_t now_ns = START_NS, level = gcra.depth_ns, word = 0;

		for (unsigned i = 0; i < 2000; i++) {
			uint64_t step_ns = hz_rng_below(&rng, gcra.interval_ns * 2);
			bool has = false;

			now_ns += step_ns;
			level = HZ_MIN(level + step_ns, gcra.depth_ns);
			if (level >= gcra.interval_ns) {
				has = true;
				level -= gcra.interval_ns;
			}
			CU_ASSERT_EQUAL(hz_gcra_take(&word, &gcra, now_ns).is_taken, has);
		}
	}
}

static void gcra_of_another_limit_starts_empty_and_recovers(void)
{
	const struct hz_gcra slow = gcra_of(3600 * HZ_NS_PER_S, 10), fast = gcra_of(500000, 200);
	uint64_t word = 0;

	CU_ASSERT_EQUAL(drain(&word, &slow, START_NS), 10);
	CU_ASSERT_FALSE(hz_gcra_take(&word, &fast, START_NS).is_taken);
	CU_ASSERT_FALSE(hz_gcra_take(&word, &fast, START_NS + 499999).is_taken);
	CU_ASSERT_TRUE(hz_gcra_take(&word, &fast, START_NS + 500000).is_taken);
}

/* A worker in a long turn looks at a word that another has moved on. */
static void gcra_worker_whose_clock_is_behind_gives_nothing_away(void)
{
	const struct hz_gcra gcra = gcra_of(1000, 50);
	unsigned taken = 0;
	uint64_t word = 0;

	for (uint64_t at_ns = 0; at_ns < 10 * HZ_NS_PER_MS; at_ns += 100) {
		uint64_t behind_ns = at_ns % 200 == 0 ? 2 * HZ_NS_PER_MS : 0;

		taken += hz_gcra_take(&word, &gcra, START_NS + at_ns - behind_ns).is_taken;
	}
	CU_ASSERT(taken <= 50 + 10000);
	CU_ASSERT(taken >= 9900);
}

struct taker {
	pthread_t thread;
	uint64_t *word;
	unsigned taken;
};

static const struct hz_gcra shared_gcra = { 1000, 1000 * 50000ull };

static void *taker_run(void *arg)
{
	struct taker *taker = arg;

	for (unsigned i = 0; i < 40000; i++)
		taker->taken += hz_gcra_take(taker->word, &shared_gcra, START_NS).is_taken;
	return NULL;
}

static void gcra_under_threads_gives_each_token_once(void)
{
	struct taker taker[4] = { 0 };
	unsigned taken = 0;
	uint64_t word = 0;

	for (unsigned i = 0; i < 4; i++) {
		taker[i].word = &word;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&taker[i].thread, NULL, taker_run, &taker[i]),
		                      0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(taker[i].thread, NULL);
		taken += taker[i].taken;
	}
	CU_ASSERT_EQUAL(taken, 50000);
}

/* --- the table ------------------------------------------------------------------------------------------------- */

static struct hz_rate_table *table_open(uint32_t sets)
{
	struct hz_rate_table *table = NULL;

	CU_ASSERT_EQUAL_FATAL(hz_rate_table_open(sets, &table), 0);
	return table;
}

static void table_sets_must_be_a_power_of_two(void)
{
	struct hz_rate_table *table = NULL;

	CU_ASSERT_EQUAL(hz_rate_table_open(0, &table), -EINVAL);
	CU_ASSERT_EQUAL(hz_rate_table_open(3, &table), -EINVAL);
	CU_ASSERT_PTR_NULL(table);
	hz_rate_table_close(NULL);
}

static void table_keys_tell_clients_apart(void)
{
	static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };
	struct hz_rate_table *table = table_open(1), *other = table_open(1);
	uint8_t a[16] = { 0x20, 1, 0xd, 0xb8 }, b[16] = { 0x20, 1, 0xd, 0xb8 };
	uint64_t key = hz_rate_table_addr_key(table, 1, a);

	b[15] = 1;
	CU_ASSERT_EQUAL(key, hz_rate_table_addr_key(table, 1, b)); /* one /64 */
	b[8] = 0x80;
	CU_ASSERT_EQUAL(key, hz_rate_table_addr_key(table, 1, b));
	b[7] = 1;
	CU_ASSERT_NOT_EQUAL(key, hz_rate_table_addr_key(table, 1, b));
	CU_ASSERT_NOT_EQUAL(key, hz_rate_table_addr_key(table, 2, a));
	CU_ASSERT_NOT_EQUAL(key, hz_rate_table_addr_key(other, 1, a));
	memcpy(a, v4_prefix, 12);
	memcpy(b, v4_prefix, 12);
	a[15] = 1;
	b[15] = 2;
	CU_ASSERT_NOT_EQUAL(hz_rate_table_addr_key(table, 1, a),
	                    hz_rate_table_addr_key(table, 1, b));
	hz_rate_table_close(table);
	hz_rate_table_close(other);
}

/* The bytes that count are the same, in the halves of two families. */
static void table_keys_tell_families_apart(void)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 7, 0, 1 };
	struct hz_rate_table *table = table_open(64);
	uint8_t v6[16] = { 0 };

	memcpy(v6, v4 + 8, 8);
	CU_ASSERT_NOT_EQUAL(hz_rate_table_addr_key(table, 1, v4),
	                    hz_rate_table_addr_key(table, 1, v6));
	hz_rate_table_close(table);
}

static void table_keys_tell_every_byte_of_texts_apart(void)
{
	struct hz_rate_table *table = table_open(1);
	uint8_t text[200] = { 0 };
	uint64_t key[2 * sizeof(text)];

	for (size_t i = 0; i < sizeof(text); i++) {
		key[2 * i] = hz_rate_table_text_key(table, 1, (struct hz_span){ text, i });
		text[i] = 1;
		key[2 * i + 1] =
			hz_rate_table_text_key(table, 1, (struct hz_span){ text, sizeof(text) });
		text[i] = 0;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(key); i++) {
		CU_ASSERT_NOT_EQUAL(key[i], 0);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(key[i], key[k]);
	}
	hz_rate_table_close(table);
}

static void table_key_at_rest_gives_way_for_nothing(void)
{
	const struct hz_gcra gcra = gcra_of(1000, 5);
	struct hz_rate_table *table = table_open(1);
	uint64_t now_ns = START_NS;

	for (uint64_t key = 1; key < 1000;
	     key++, now_ns += 1000) { /* one token each: at rest soon */
		CU_ASSERT_EQUAL(hz_rate_table_take(table, key, &gcra, now_ns).left_ns /
		                        gcra.interval_ns,
		                4);
	}
	hz_rate_table_close(table);
}

/* Three keys fill the only set; a fourth one cannot have more than the emptiest of them, and whoever was forgotten
 * for it comes back no fuller. */
static void table_flood_does_not_refill_who_is_forgotten(void)
{
	const struct hz_gcra gcra = gcra_of(HZ_NS_PER_S, 10);
	struct hz_rate_table *table = table_open(1);
	unsigned taken = 0;

	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_TRUE(hz_rate_table_take(table, 77, &gcra, START_NS).is_taken);
	for (unsigned round = 0; round < 1000; round++) {
		for (uint64_t key = 100; key < 120; key++)
			hz_rate_table_take(table, key, &gcra, START_NS);
		taken += hz_rate_table_take(table, 77, &gcra, START_NS).is_taken;
	}
	CU_ASSERT_EQUAL(taken, 0);
	hz_rate_table_close(table);
}

/* Whatever keys and limits share a set, in whatever order: no key ever gets more than its own limit gives. */
static void table_flood_of_any_kind_never_lets_a_key_beyond_its_limit(void)
{
	enum { KEYS = 12, STEPS = 20000 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 11);
	for (unsigned run = 0; run < 10; run++) {
		struct hz_rate_table *table = table_open(1 + (run & 1));
		uint64_t level[KEYS], seen_ns[KEYS], now_ns = START_NS;
		unsigned taken = 0, beyond = 0;
		struct hz_gcra gcra[KEYS];

		for (unsigned i = 0; i < KEYS; i++) {
			gcra[i] = gcra_of(1000 + hz_rng_below(&rng, 1u << (10 + i)),
			                  1 + hz_rng_below(&rng, 30));
			level[i] = gcra[i].depth_ns;
			seen_ns[i] = now_ns;
		}
		for (unsigned step = 0; step < STEPS; step++) {
			uint64_t i = hz_rng_below(&rng, KEYS);

			now_ns += hz_rng_below(&rng, 4000);
			level[i] = HZ_MIN(level[i] + (now_ns - seen_ns[i]), gcra[i].depth_ns);
			seen_ns[i] = now_ns;
			if (!hz_rate_table_take(table, i + 1, &gcra[i], now_ns).is_taken)
				continue;
			taken++;
			beyond += level[i] < gcra[i].interval_ns;
			level[i] -= HZ_MIN(level[i], gcra[i].interval_ns);
		}
		CU_ASSERT_EQUAL(beyond, 0);
		CU_ASSERT(taken > 400);
		hz_rate_table_close(table);
	}
}

static void table_newcomer_in_a_flooded_set_waits_for_one_token_of_its_own(void)
{
	const struct hz_gcra slow = gcra_of(3600 * HZ_NS_PER_S, 10), fast = gcra_of(500000, 200);
	struct hz_rate_table *table = table_open(1);

	for (unsigned i = 0; i < 100; i++)
		hz_rate_table_take(table, 1 + i % 10, &slow, START_NS);
	CU_ASSERT_FALSE(hz_rate_table_take(table, 99, &fast, START_NS).is_taken);
	CU_ASSERT_TRUE(hz_rate_table_take(table, 99, &fast, START_NS + 500000).is_taken);
	hz_rate_table_close(table);
}

struct user {
	pthread_t thread;
	struct hz_rate_table *table;
	unsigned taken[64];
};

static const struct hz_gcra user_gcra = { HZ_NS_PER_S, 100 * HZ_NS_PER_S };

static void *user_run(void *arg)
{
	struct user *user = arg;

	for (unsigned i = 0; i < 64 * 400; i++)
		user->taken[i % 64] +=
			hz_rate_table_take(user->table, 1 + i % 64, &user_gcra, START_NS).is_taken;
	return NULL;
}

/* Two workers in one set may lose count of a request, once per time a key is entered. */
static void table_under_threads_keeps_limits(void)
{
	struct user *user = calloc(4, sizeof(*user));
	struct hz_rate_table *table = table_open(64);

	for (unsigned i = 0; i < 4; i++) {
		user[i].table = table;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&user[i].thread, NULL, user_run, &user[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(user[i].thread, NULL);
	for (unsigned key = 0; key < 64; key++) {
		unsigned taken = 0;

		for (unsigned i = 0; i < 4; i++)
			taken += user[i].taken[key];
		CU_ASSERT(taken >= 90 && taken <= 110);
	}
	hz_rate_table_close(table);
	free(user);
}

HZ_SUITE(gcra, CASE(gcra_gives_the_burst_and_then_one_per_interval),
         CASE(gcra_agrees_with_a_counted_bucket),
         CASE(gcra_of_another_limit_starts_empty_and_recovers),
         CASE(gcra_worker_whose_clock_is_behind_gives_nothing_away),
         CASE(gcra_under_threads_gives_each_token_once), CASE(table_sets_must_be_a_power_of_two),
         CASE(table_keys_tell_clients_apart), CASE(table_keys_tell_families_apart),
         CASE(table_keys_tell_every_byte_of_texts_apart),
         CASE(table_key_at_rest_gives_way_for_nothing),
         CASE(table_flood_does_not_refill_who_is_forgotten),
         CASE(table_flood_of_any_kind_never_lets_a_key_beyond_its_limit),
         CASE(table_newcomer_in_a_flooded_set_waits_for_one_token_of_its_own),
         CASE(table_under_threads_keeps_limits));
