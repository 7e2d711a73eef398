/* Random sites and requests against the model of route_diff.h; tests/router runs more of them. */
#include "route_diff.h"

#include "hz_test.h"
#include <stdio.h>

static void random_requests_agree_with_the_model(void)
{
	struct route_diff diff;

	route_diff_run(20240602, 2500, 500, &diff);
	CU_ASSERT_EQUAL(diff.wrong, 0);
	if (diff.wrong > 0)
		printf("# %s\n", diff.first);
	/* The comparison is worth something only when every outcome is common. */
	CU_ASSERT(diff.lookups >= 1000000);
	CU_ASSERT(diff.found > diff.lookups / 10);
	CU_ASSERT(diff.method > diff.lookups / 50);
	CU_ASSERT(diff.redirect > diff.lookups / 100);
	CU_ASSERT(diff.bad > diff.lookups / 100);
	CU_ASSERT(diff.not_found > diff.lookups / 10);
}

HZ_SUITE(route_random, CASE(random_requests_agree_with_the_model));
