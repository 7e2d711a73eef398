/* More of what test_route_random.c does. HZ_TEST_SEED starts elsewhere. */
#include "route_diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *text = getenv("HZ_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct route_diff diff;

	route_diff_run(seed, 60000, 500, &diff);
	printf("# %" PRIu64 " lookups: %" PRIu64 " found, %" PRIu64 " method, %" PRIu64
	       " redirect, %" PRIu64 " bad, %" PRIu64 " not found\n",
	       diff.lookups, diff.found, diff.method, diff.redirect, diff.bad, diff.not_found);
	if (diff.wrong == 0 && diff.lookups > 1000000)
		printf("ok route_long\n");
	else
		printf("not ok route_long: %" PRIu64 " differ; seed %" PRIu64 ": %s\n", diff.wrong,
		       seed, diff.first);
	return diff.wrong == 0 ? 0 : 1;
}
