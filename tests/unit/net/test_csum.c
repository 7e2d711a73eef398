#include "hz_test.h"

#include "core/base.h"
#include "core/rng.h"
#include "net/sw_csum.h"

/* RFC 1071 4.1, word by word. */
static uint16_t reference(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16((uint16_t)sum);
}

static void csum_of_rfc1071_example_is_ddf2(void)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	CU_ASSERT_EQUAL(hz_csum_fold(hz_csum_add(0, data, sizeof(data))),
	                __builtin_bswap16(0xddf2));
}

static void csum_of_random_bytes_matches_reference(void)
{
	struct hz_rng rng;
	uint8_t data[2048];

	hz_rng_seed(&rng, 7);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)hz_rng_next(&rng);
	for (size_t bytes = 0; bytes < 1600; bytes++) {
		const uint8_t *at = data + hz_rng_below(&rng, 64);

		CU_ASSERT_EQUAL_FATAL(hz_csum_fold(hz_csum_add(0, at, bytes)),
		                      reference(at, bytes));
	}
}

static void csum_of_all_ones_does_not_overflow(void)
{
	static uint8_t data[65535];

	memset(data, 0xff, sizeof(data));
	/* 0xffff is zero in ones' complement: only the sum it started from is left, 2^40 - 1 mod 65535. */
	CU_ASSERT_EQUAL(hz_csum_fold(hz_csum_add((1ULL << 40) - 1, data, 65534)), 255);
}

static void csum_in_parts_equals_whole(void)
{
	uint8_t data[100];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37);
	for (size_t cut = 0; cut <= sizeof(data); cut += 2) {
		uint16_t first = hz_csum_fold(hz_csum_add(0, data, cut));

		CU_ASSERT_EQUAL(hz_csum_fold(hz_csum_add(first, data + cut, sizeof(data) - cut)),
		                reference(data, sizeof(data)));
	}
}

static void csum_fold_matches_long_way(void)
{
	static const uint64_t edge[] = { 0,          1,          0xffff,
		                         0x10000,    0xffffffff, 0x100000000,
		                         0xffff0000, UINT64_MAX, UINT64_MAX - 1 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 9);
	for (size_t i = 0; i < 100000; i++) {
		uint64_t sum = i < HZ_ARRAY_LEN(edge) ? edge[i] : hz_rng_next(&rng) >> i % 64;
		uint64_t want = sum;

		while (want >> 16 != 0)
			want = (want & 0xffff) + (want >> 16);
		CU_ASSERT_EQUAL_FATAL(hz_csum_fold(sum), want);
	}
}

HZ_SUITE(net_csum, CASE(csum_of_rfc1071_example_is_ddf2),
         CASE(csum_of_random_bytes_matches_reference), CASE(csum_of_all_ones_does_not_overflow),
         CASE(csum_in_parts_equals_whole), CASE(csum_fold_matches_long_way));
