/* The halves of a SYN cookie that XDP and worker share, against a second opinion byte by byte, and the life of
 * their keys. */
#include "hz_test.h"

#include "core/base.h"
#include "core/cookie_keys.h"
#include "core/rng.h"
#include <string.h>

#define PERIOD_NS (1ull << 36)
#define EPOCH_NS  (64 * PERIOD_NS)
#define NOW_NS    (5 * EPOCH_NS + 10 * PERIOD_NS + 12345)

static struct hz_cookies cookies;

static void fresh(uint64_t now_ns)
{
	memset(&cookies, 0, sizeof(cookies));
	CU_ASSERT_EQUAL_FATAL(hz_cookie_keys_open(&cookies, now_ns), 0);
}

/* As the comment of cookie_syn.h has it: bytes of flow hash, number and period|MSS, hashed by the key of the
 * period's epoch. */
static uint32_t second_opinion(uint64_t flow, uint32_t irs, uint32_t mss, uint64_t now_ns)
{
	static const uint32_t table[8] = { 536, 1220, 1300, 1380, 1420, 1440, 1460, 8940 };
	uint64_t period = now_ns / PERIOD_NS;
	const struct hz_cookie_key *key = &cookies.key[period / 64 % 2];
	uint8_t bytes[16];
	uint32_t index = 7, number;
	__u64 word[2];

	while (index > 0 && table[index] > mss)
		index--;
	number = (uint32_t)period * 8 + index;
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(flow >> 8 * i);
	for (int i = 0; i < 4; i++) {
		bytes[8 + i] = (uint8_t)(number >> 8 * i);
		bytes[12 + i] = (uint8_t)(irs >> 8 * i);
	}
	memcpy(word, bytes, sizeof(word));
	return (uint32_t)(hz_siphash(key->k0, key->k1, word, 2) << 8 | (period % 32 * 8 + index));
}

static void cookie_is_as_its_layout_says(void)
{
	struct hz_rng rng;

	hz_rng_seed(&rng, 7);
	fresh(NOW_NS);
	for (int i = 0; i < 10000; i++) {
		uint64_t flow = hz_rng_next(&rng), now_ns = hz_rng_next(&rng) >> 8;
		uint32_t irs = (uint32_t)hz_rng_next(&rng);
		uint32_t mss = (uint32_t)hz_rng_below(&rng, 10000);

		CU_ASSERT_EQUAL_FATAL(hz_cookie_make(&cookies, flow, irs, mss, now_ns),
		                      second_opinion(flow, irs, mss, now_ns));
	}
}

static void cookie_mss_is_the_largest_not_above(void)
{
	static const uint32_t given[] = { 536,  1219, 1220, 1299, 1379, 1380, 1419,
		                          1439, 1459, 1460, 8939, 8940, 65535 };
	static const uint32_t kept[] = { 536,  536,  1220, 1220, 1300, 1380, 1380,
		                         1420, 1440, 1460, 1460, 8940, 8940 };

	fresh(NOW_NS);
	for (size_t i = 0; i < HZ_ARRAY_LEN(given); i++) {
		uint32_t cookie = hz_cookie_make(&cookies, 1, 2, given[i], NOW_NS);

		CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, NOW_NS), kept[i]);
	}
	CU_ASSERT_EQUAL(hz_cookie_mss_theirs(0, 0), 536);
	CU_ASSERT_EQUAL(hz_cookie_mss_theirs(0, 1), 1220);
	CU_ASSERT_EQUAL(hz_cookie_mss_theirs(1, 1), 536);
	CU_ASSERT_EQUAL(hz_cookie_mss_theirs(1400, 1), 1400);
}

static void cookie_of_other_flow_number_or_bit_is_refused(void)
{
	uint32_t cookie;

	fresh(NOW_NS);
	cookie = hz_cookie_make(&cookies, 77, 99, 1460, NOW_NS);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 77, 99, cookie, NOW_NS), 1460);
	for (int bit = 0; bit < 64; bit++)
		CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 77 ^ 1ull << bit, 99, cookie, NOW_NS), 0);
	for (int bit = 0; bit < 32; bit++) {
		CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 77, 99 ^ 1u << bit, cookie, NOW_NS), 0);
		CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 77, 99, cookie ^ 1u << bit, NOW_NS), 0);
	}
}

/* Two periods and eight sizes: 16 of 2^32 numbers are right, or one of 256 million. */
static void cookie_guessed_a_million_times_is_refused(void)
{
	struct hz_rng rng;
	unsigned accepted = 0;

	hz_rng_seed(&rng, 1);
	fresh(NOW_NS);
	memset(&cookies.key, 0x5a, sizeof(cookies.key)); /* the same every run: no chance in it */
	for (int i = 0; i < 1000000; i++) {
		uint32_t guess = (uint32_t)hz_rng_next(&rng);

		accepted += hz_cookie_check(&cookies, 3, 4, guess, NOW_NS) != 0;
	}
	CU_ASSERT_EQUAL(accepted, 0);
}

static void cookie_lives_its_period_and_the_next(void)
{
	uint64_t begin_ns = NOW_NS / PERIOD_NS * PERIOD_NS;
	uint32_t cookie;

	fresh(NOW_NS);
	cookie = hz_cookie_make(&cookies, 1, 2, 1460, NOW_NS);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, begin_ns - 1), 0);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, begin_ns), 1460);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, begin_ns + 2 * PERIOD_NS - 1),
	                1460);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, begin_ns + 2 * PERIOD_NS), 0);
	/* the five bits of the period come round, the hash does not */
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, NOW_NS + 32 * PERIOD_NS), 0);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, NOW_NS + 128 * PERIOD_NS), 0);
}

static void cookie_of_the_first_period_after_boot_is_good(void)
{
	uint32_t cookie;

	fresh(1000);
	cookie = hz_cookie_make(&cookies, 1, 2, 1460, 1000);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, 2000), 1460);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, PERIOD_NS + 1), 1460);
	/* a period before the first is none */
	cookie = hz_cookie_of(&cookies, 1, 2, UINT64_MAX, 6);
	CU_ASSERT_EQUAL(hz_cookie_check(&cookies, 1, 2, cookie, 2000), 0);
}

static void cookie_timestamp_is_never_ahead_and_keeps_bits(void)
{
	for (uint64_t clock = 0; clock < 1u << 16; clock++) {
		uint32_t at = (uint32_t)(clock - 300), bits = (uint32_t)clock * 7 % 32;
		uint32_t value = hz_cookie_ts_make(at, bits);

		CU_ASSERT_EQUAL_FATAL(value & 31, bits);
		CU_ASSERT_FATAL(at - value < 32);
	}
	CU_ASSERT_EQUAL(hz_cookie_ts_bits(14, 1), 30);
	CU_ASSERT_EQUAL(hz_cookie_ts_bits(HZ_COOKIE_TS_SCALE_NONE, 0), 15);
}

/* Once per second for three epochs: each epoch has a key of its own, and a cookie lives across the change. */
static void keys_rotate_and_no_living_cookie_is_lost(void)
{
	const uint64_t step_ns = 1000000000;
	uint64_t begin_ns = 5 * EPOCH_NS, changes = 0, last_ns = 0;
	struct hz_cookies before;
	uint32_t cookie = 0;

	fresh(begin_ns);
	for (uint64_t now_ns = begin_ns; now_ns < begin_ns + 3 * EPOCH_NS; now_ns += step_ns) {
		if (now_ns - last_ns >= PERIOD_NS) {
			cookie = hz_cookie_make(&cookies, 8, 9, 1300, now_ns);
			last_ns = now_ns;
		}
		before = cookies;
		CU_ASSERT_EQUAL_FATAL(hz_cookie_keys_turn(&cookies, now_ns), 0);
		changes += memcmp(before.key, cookies.key, sizeof(before.key)) != 0;
		CU_ASSERT_EQUAL_FATAL(hz_cookie_check(&cookies, 8, 9, cookie, now_ns), 1300);
		CU_ASSERT_EQUAL_FATAL(cookies.epoch[hz_cookie_epoch(now_ns) & 1],
		                      hz_cookie_epoch(now_ns));
	}
	CU_ASSERT_EQUAL(changes, 3);
	CU_ASSERT_EQUAL(memcmp(&before.flow, &cookies.flow, sizeof(before.flow)), 0);
	CU_ASSERT_EQUAL(before.token, cookies.token);
}

static void keys_of_a_server_before_are_kept_while_young(void)
{
	struct hz_cookies before;

	fresh(NOW_NS);
	before = cookies;
	CU_ASSERT_EQUAL(hz_cookie_keys_open(&cookies, NOW_NS + 1000000000), 0);
	CU_ASSERT_EQUAL(memcmp(&before, &cookies, sizeof(before)), 0);
	CU_ASSERT_EQUAL(hz_cookie_keys_turn(&cookies, NOW_NS),
	                0); /* makes that of the next epoch */
	before = cookies;
	CU_ASSERT_EQUAL(hz_cookie_keys_open(&cookies, NOW_NS + 1000000000), 0);
	CU_ASSERT_EQUAL(memcmp(&before, &cookies, sizeof(before)), 0);
	CU_ASSERT_EQUAL(hz_cookie_keys_open(&cookies, NOW_NS + 10 * EPOCH_NS), 0);
	CU_ASSERT_NOT_EQUAL(before.key[0].k0, cookies.key[0].k0);
	CU_ASSERT_NOT_EQUAL(before.key[1].k0, cookies.key[1].k0);
	CU_ASSERT_EQUAL(memcmp(&before.flow, &cookies.flow, sizeof(before.flow)), 0);
	CU_ASSERT_EQUAL(before.token, cookies.token);
}

static void keys_of_two_instances_differ_and_none_is_zero(void)
{
	struct hz_cookies first;

	fresh(NOW_NS);
	first = cookies;
	fresh(NOW_NS);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_NOT_EQUAL(first.key[i].k0, cookies.key[i].k0);
		CU_ASSERT_NOT_EQUAL(first.key[i].k1, 0);
	}
	CU_ASSERT_NOT_EQUAL(first.flow.k0, cookies.flow.k0);
	CU_ASSERT_NOT_EQUAL(first.token, cookies.token);
	CU_ASSERT_NOT_EQUAL(first.token, 0);
}

/* What the workers of a server before left: nobody answers for them, none receives as much. */
static void orders_of_a_server_before_are_gone(void)
{
	fresh(NOW_NS);
	cookies.answer_until_ns = UINT64_MAX;
	cookies.mss4 = cookies.mss6 = 9000;
	CU_ASSERT_EQUAL(hz_cookie_keys_open(&cookies, NOW_NS), 0);
	CU_ASSERT_EQUAL(cookies.answer_until_ns, 0);
	CU_ASSERT_EQUAL(cookies.mss4 | cookies.mss6, 0);
}

HZ_SUITE(cookie_keys, CASE(cookie_is_as_its_layout_says), CASE(cookie_mss_is_the_largest_not_above),
         CASE(cookie_of_other_flow_number_or_bit_is_refused),
         CASE(cookie_guessed_a_million_times_is_refused),
         CASE(cookie_lives_its_period_and_the_next),
         CASE(cookie_of_the_first_period_after_boot_is_good),
         CASE(cookie_timestamp_is_never_ahead_and_keeps_bits),
         CASE(keys_rotate_and_no_living_cookie_is_lost),
         CASE(keys_of_a_server_before_are_kept_while_young),
         CASE(keys_of_two_instances_differ_and_none_is_zero),
         CASE(orders_of_a_server_before_are_gone));
