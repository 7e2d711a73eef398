#include "core/hint.h"
#include <hz_test.h>
#include <string.h>

static void hint_names_the_instance(void)
{
	char out[128];

	hz_hint_write(out, sizeof(out), "blue", "xdp detach dev %s", "eth1");
	CU_ASSERT_EQUAL(strncmp(out, "hzctl -i blue ", 14), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, " xdp detach dev eth1"));
}

static void hint_of_the_default_instance_has_no_option(void)
{
	char out[128];

	hz_hint_write(out, sizeof(out), NULL, "status");
	CU_ASSERT_PTR_NULL(strstr(out, " -i "));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, " status"));
}

static void hint_too_long_is_cut(void)
{
	char out[12] = "";

	hz_hint_write(out, sizeof(out), NULL, "xdp attach dev %s", "eth1");
	CU_ASSERT_EQUAL(strlen(out), sizeof(out) - 1);
	hz_hint_write(out, 4, "blue", "status");
	CU_ASSERT_STRING_EQUAL(out, "hzc");
}

HZ_SUITE(hint, CASE(hint_names_the_instance), CASE(hint_of_the_default_instance_has_no_option),
         CASE(hint_too_long_is_cut));
