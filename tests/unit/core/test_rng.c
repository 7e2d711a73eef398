#include "core/base.h"
#include "core/rng.h"
#include "core/siphash.h"
#include <hz_test.h>
#include <string.h>

static void rng_seed_zero_gives_published_sequence(void)
{
	/* splitmix64(0), as in the authors' reference, then the first xoshiro256** outputs from that
	 * state, computed with an independent implementation. */
	static const uint64_t state[4] = { 0xe220a8397b1dcdafULL, 0x6e789e6aa1b965f4ULL,
		                           0x06c45d188009454fULL, 0xf88bb8a8724c81ecULL };
	static const uint64_t first[4] = { 0x99ec5f36cb75f2b4ULL, 0xbf6e1f784956452aULL,
		                           0x1a5f849d4933e6e0ULL, 0x6aa594f1262d2d2cULL };
	struct hz_rng rng;

	hz_rng_seed(&rng, 0);
	CU_ASSERT_EQUAL(memcmp(rng.s, state, sizeof(state)), 0);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(hz_rng_next(&rng), first[i]);
}

static void rng_same_seed_replays_and_other_seed_differs(void)
{
	struct hz_rng a, b, c;
	unsigned same = 0;

	hz_rng_seed(&a, 42);
	hz_rng_seed(&b, 42);
	hz_rng_seed(&c, 43);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t next = hz_rng_next(&a);

		CU_ASSERT_EQUAL_FATAL(next, hz_rng_next(&b));
		same += next == hz_rng_next(&c);
	}
	CU_ASSERT_EQUAL(same, 0);
}

static void rng_below_is_in_range_and_even(void)
{
	static const uint64_t bounds[] = { 1,         2, 3, 7, 1000, 1ULL << 32, (1ULL << 63) + 1,
		                           UINT64_MAX };
	unsigned hits[6] = { 0 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 1);
	for (size_t b = 0; b < HZ_ARRAY_LEN(bounds); b++)
		for (unsigned i = 0; i < 10000; i++)
			CU_ASSERT_TRUE_FATAL(hz_rng_below(&rng, bounds[b]) < bounds[b]);
	for (unsigned i = 0; i < 60000; i++)
		hits[hz_rng_below(&rng, 6)]++;
	for (unsigned i = 0; i < 6; i++)
		CU_ASSERT_TRUE(hits[i] > 9500 && hits[i] < 10500); /* 5.5 standard deviations */
}

/* A bound of three quarters of 2^64 without rejection would draw the low third twice as often. */
static void rng_below_huge_bound_is_not_biased(void)
{
	uint64_t bound = 3ULL << 62;
	unsigned low = 0;
	struct hz_rng rng;

	hz_rng_seed(&rng, 9);
	for (unsigned i = 0; i < 60000; i++)
		low += hz_rng_below(&rng, bound) % 3 == 0;
	CU_ASSERT_TRUE(low > 19300 && low < 20700);
}

static void rng_secret_fills_all_bytes_and_differs(void)
{
	uint8_t a[1000] = { 0 }, b[1000] = { 0 };
	unsigned zeros = 0;

	CU_ASSERT_EQUAL(hz_rng_secret(a, sizeof(a)), 0);
	CU_ASSERT_EQUAL(hz_rng_secret(b, sizeof(b)), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
	for (size_t i = sizeof(a) - 100; i < sizeof(a); i++)
		zeros += a[i] == 0;
	CU_ASSERT_TRUE(zeros < 20);
	CU_ASSERT_EQUAL(hz_rng_secret(a, 0), 0);
}

/* vectors.h of the reference implementation, SipHash-2-4: key 00..0f, input 00, 01, 02 ...; the lengths
 * 0, 8, 16 ... 56. */
static void siphash_official_vectors_match(void)
{
	static const __u64 expected[] = {
		0x726fdb47dd0e0e31ULL, 0x93f5f5799a932462ULL, 0x3f2acc7f57c29bdbULL,
		0xb8ad50c6f649af94ULL, 0x7127512f72f27cceULL, 0x0e3ea96b5304a7d0ULL,
		0xe612a3cb9ecba951ULL, 0xb78dbfaf3a8d83bdULL,
	};
	uint8_t input[64];
	__u64 word[8], key[2];

	for (uint8_t i = 0; i < sizeof(input); i++)
		input[i] = i;
	memcpy(key, input, sizeof(key));
	memcpy(word, input, sizeof(word));
	for (__u32 words = 0; words < HZ_ARRAY_LEN(expected); words++)
		CU_ASSERT_EQUAL(hz_siphash(key[0], key[1], word, words), expected[words]);
}

/* Of CPython, whose string hash it is: PYTHONHASHSEED=0 python3 -c 'print(hash(bytes(range(16))))'; the rest,
 * with the key above, of a program that gives both these and the vectors above. */
static void siphash_13_vectors_match(void)
{
	static const __u64 expected[] = {
		0xabac0158050fc4dcULL, 0x369095118d299a8eULL, 0xcc4fdd1a7d908b66ULL,
		0xf464aeb267349c8cULL, 0x81157b6c16a7b60dULL, 0xc1d2363299e41531ULL,
	};
	uint8_t input[64];
	__u64 word[8], key[2];

	for (uint8_t i = 0; i < sizeof(input); i++)
		input[i] = i;
	memcpy(key, input, sizeof(key));
	memcpy(word, input, sizeof(word));
	CU_ASSERT_EQUAL(hz_siphash_13(0, 0, word, 2), 0x8972188433a5c5b7ULL);
	for (__u32 words = 0; words < HZ_ARRAY_LEN(expected); words++)
		CU_ASSERT_EQUAL(hz_siphash_13(key[0], key[1], word, words), expected[words]);
}

static void siphash_key_and_every_bit_of_input_matter(void)
{
	__u64 word[3] = { 1, 2, 3 };
	__u64 plain = hz_siphash(4, 5, word, 3);

	CU_ASSERT_NOT_EQUAL(plain, hz_siphash(4, 6, word, 3));
	CU_ASSERT_NOT_EQUAL(plain, hz_siphash(5, 5, word, 3));
	CU_ASSERT_NOT_EQUAL(plain, hz_siphash(4, 5, word, 2));
	for (unsigned bit = 0; bit < 192; bit++) {
		word[bit / 64] ^= 1ULL << (bit % 64);
		CU_ASSERT_NOT_EQUAL(plain, hz_siphash(4, 5, word, 3));
		word[bit / 64] ^= 1ULL << (bit % 64);
	}
}

HZ_SUITE(rng, CASE(rng_seed_zero_gives_published_sequence),
         CASE(rng_same_seed_replays_and_other_seed_differs), CASE(rng_below_is_in_range_and_even),
         CASE(rng_below_huge_bound_is_not_biased), CASE(rng_secret_fills_all_bytes_and_differs),
         CASE(siphash_official_vectors_match), CASE(siphash_13_vectors_match),
         CASE(siphash_key_and_every_bit_of_input_matter));
