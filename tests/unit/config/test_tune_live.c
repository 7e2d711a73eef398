/* Settings as text, and which of them may change while hzd runs. */
#include "config/tune.h"
#include "hz_test.h"
#include <string.h>

static void printed_value_sets_the_same(void)
{
	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];
		char text[HZ_TUNE_TEXT_MAX], why[200];
		struct hz_tune tune, again;

		if (attr->kind == HZ_TUNE_CPUS || attr->kind == HZ_TUNE_DEVICES)
			continue;
		hz_tune_defaults(&tune);
		again = tune;
		hz_tune_print(&tune, attr, text);
		CU_ASSERT_NOT_EQUAL(text[0], '\0');
		CU_ASSERT_EQUAL(hz_tune_set(&again, attr->path, text, why, sizeof(why)), 0);
		CU_ASSERT_EQUAL(memcmp(&tune, &again, sizeof(tune)), 0);
	}
}

static void words_print_as_words(void)
{
	char text[HZ_TUNE_TEXT_MAX] = "", why[200];
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		if (strcmp(hz_tune_attrs[i].path, "shed/verdict") != 0)
			continue;
		CU_ASSERT_EQUAL(hz_tune_set(&tune, "shed/verdict", "answer503", why, sizeof(why)),
		                0);
		hz_tune_print(&tune, &hz_tune_attrs[i], text);
	}
	CU_ASSERT_STRING_EQUAL(text, "answer503");
}

/* A path that is said to be live and is none would never be set. */
static void live_settings_are_those_of_shedding(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < hz_tune_attr_count; i++)
		count += hz_tune_is_live(hz_tune_attrs[i].path);
	CU_ASSERT_EQUAL(count, 5);
	CU_ASSERT(hz_tune_is_live("shed/mode"));
	CU_ASSERT_FALSE(hz_tune_is_live("boot/mbufs"));
	CU_ASSERT_FALSE(hz_tune_is_live("shed/"));
}

HZ_SUITE(tune_live, CASE(printed_value_sets_the_same), CASE(words_print_as_words),
         CASE(live_settings_are_those_of_shedding));
