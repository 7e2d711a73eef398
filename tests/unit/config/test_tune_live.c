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

static enum hz_tune_when when_of(const char *path)
{
	const struct hz_tune_attr *attr = hz_tune_find(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_STRING_EQUAL(attr->path, path);
	return attr->when;
}

static void settings_say_when_they_count(void)
{
	CU_ASSERT_EQUAL(when_of("shed/mode"), HZ_TUNE_WHEN_PATH);
	CU_ASSERT_EQUAL(when_of("shed/source_rate"), HZ_TUNE_WHEN_XDP);
	CU_ASSERT_EQUAL(when_of("health/beat_timeout_ms"), HZ_TUNE_WHEN_LIVE);
	CU_ASSERT_EQUAL(when_of("timeouts/idle_ms"), HZ_TUNE_WHEN_RELOAD);
	CU_ASSERT_EQUAL(when_of("boot/mbufs"), HZ_TUNE_WHEN_BOOT);
	CU_ASSERT_PTR_NULL(hz_tune_find("shed/"));
	for (size_t i = 0; i < hz_tune_attr_count; i++)
		if (strncmp(hz_tune_attrs[i].path, "boot/", 5) == 0)
			CU_ASSERT_STRING_EQUAL(hz_tune_when_text(&hz_tune_attrs[i]), "");
	CU_ASSERT_STRING_EQUAL(hz_tune_when_text(hz_tune_find("shed/mode")), "live");
	CU_ASSERT_STRING_EQUAL(hz_tune_when_text(hz_tune_find("timeouts/idle_ms")), "at reload");
}

static void lists_print_as_they_were_set(void)
{
	static char text[HZ_TUNE_TEXT_MAX];
	char why[200];
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	hz_tune_print(&tune, hz_tune_find("boot/cpus"), text);
	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/cpus", "1-3,6", why, sizeof(why)), 0);
	hz_tune_print(&tune, hz_tune_find("boot/cpus"), text);
	CU_ASSERT_STRING_EQUAL(text, "1,2,3,6");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/device", "mem0,ip=10.7.0.2/24", why, sizeof(why)),
	                0);
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/device", "mem1,ip=10.8.0.2/24", why, sizeof(why)),
	                0);
	hz_tune_print(&tune, hz_tune_find("boot/device"), text);
	CU_ASSERT_STRING_EQUAL(text, "mem0,ip=10.7.0.2/24 mem1,ip=10.8.0.2/24");
}

HZ_SUITE(tune_live, CASE(printed_value_sets_the_same), CASE(words_print_as_words),
         CASE(settings_say_when_they_count), CASE(lists_print_as_they_were_set));
