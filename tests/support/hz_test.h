/* Tests on CUnit. A file ends with HZ_SUITE(name, CASE(fn), ...); every suite linked into a binary runs.
 * Test names are subject_condition_result. */
#ifndef HZ_TEST_H
#define HZ_TEST_H

#include <CUnit/CUnit.h>
#include <stddef.h>

struct hz_test_case {
	const char *name;
	void (*run)(void);
};

struct hz_test_suite {
	const char *name;
	const struct hz_test_case *cases;
	size_t count;
	struct hz_test_suite *next;
};

void hz_test_register(struct hz_test_suite *suite);

/* Ends the running case as a skip with its reason; a skip is not a pass. */
#define HZ_SKIP(why)                                                                               \
	do {                                                                                       \
		hz_test_skip(why);                                                                 \
		return;                                                                            \
	} while (0)
void hz_test_skip(const char *why);

#define CASE(fn)                                                                                   \
	{                                                                                          \
#fn, fn                                                                            \
	}
#define HZ_SUITE(suite_name, ...)                                                                  \
	static const struct hz_test_case suite_name##_cases[] = { __VA_ARGS__ };                   \
	static struct hz_test_suite suite_name##_suite = { #suite_name, suite_name##_cases,        \
		                                           sizeof(suite_name##_cases) /            \
		                                                   sizeof(suite_name##_cases[0]),  \
		                                           NULL };                                 \
	__attribute__((constructor)) static void suite_name##_register(void)                       \
	{                                                                                          \
		hz_test_register(&suite_name##_suite);                                             \
	}                                                                                          \
	struct hz_test_suite

#endif
