#include "hz_test.h"

#include "tcp/tcp_seq.h"

static void seq_compare_across_wrap_is_by_distance(void)
{
	static const uint32_t base[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		for (uint32_t step = 1; step < 0x80000000u; step *= 2) {
			uint32_t a = base[i], b = base[i] + step;

			CU_ASSERT(hz_seq_lt(a, b) && hz_seq_leq(a, b) && !hz_seq_gt(a, b) &&
			          !hz_seq_geq(a, b));
			CU_ASSERT(hz_seq_gt(b, a) && hz_seq_geq(b, a) && !hz_seq_lt(b, a));
			CU_ASSERT_EQUAL(hz_seq_max(a, b), b);
			CU_ASSERT_EQUAL(hz_seq_max(b, a), b);
			CU_ASSERT_EQUAL(hz_seq_diff(b, a), (int32_t)step);
		}
		CU_ASSERT(hz_seq_leq(base[i], base[i]) && hz_seq_geq(base[i], base[i]) &&
		          !hz_seq_lt(base[i], base[i]));
	}
}

HZ_SUITE(tcp_seq, CASE(seq_compare_across_wrap_is_by_distance));
