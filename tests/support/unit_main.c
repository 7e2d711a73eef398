/* Runs every suite linked in and prints one line per case, as all test programs of hz do:
 *   ok SUITE.CASE | not ok SUITE.CASE: FILE:LINE: CONDITION | skip SUITE.CASE: WHY
 * An argument filters by substring. Exit 0: no failure. tests/run.sh adds the lines up. */
#include "hz_test.h"
#include <CUnit/Basic.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <string.h>

static struct hz_test_suite *suites;
static const char *skip_reason;
static unsigned failed_count;

void hz_test_register(struct hz_test_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

void hz_test_skip(const char *why)
{
	skip_reason = why;
}

static void case_started(const CU_pTest test, const CU_pSuite suite)
{
	(void)test;
	(void)suite;
	skip_reason = NULL;
}

static void case_complete(const CU_pTest test, const CU_pSuite suite,
                          const CU_pFailureRecord failure)
{
	if (failure != NULL) {
		printf("not ok %s.%s: %s:%u: %s\n", suite->pName, test->pName, failure->strFileName,
		       failure->uiLineNumber, failure->strCondition);
		failed_count++;
	} else if (skip_reason != NULL) {
		printf("skip %s.%s: %s\n", suite->pName, test->pName, skip_reason);
	} else {
		printf("ok %s.%s\n", suite->pName, test->pName);
	}
	fflush(stdout);
}

static int suite_add(const struct hz_test_suite *suite, const char *filter)
{
	CU_pSuite added = CU_add_suite(suite->name, NULL, NULL);
	char full[256];

	if (added == NULL)
		return -1;
	for (size_t i = 0; i < suite->count; i++) {
		snprintf(full, sizeof(full), "%s.%s", suite->name, suite->cases[i].name);
		if (filter != NULL && strstr(full, filter) == NULL)
			continue;
		if (CU_add_test(added, suite->cases[i].name, suite->cases[i].run) == NULL)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 70;
	for (const struct hz_test_suite *suite = suites; suite != NULL; suite = suite->next) {
		if (suite_add(suite, argc > 1 ? argv[1] : NULL) != 0) {
			fprintf(stderr, "unit: %s\n", CU_get_error_msg());
			return 70;
		}
	}
	CU_set_test_start_handler(case_started);
	CU_set_test_complete_handler(case_complete);
	CU_run_all_tests();
	CU_cleanup_registry();
	return failed_count == 0 ? 0 : 1;
}
