/* Opening the pinned ring: refusals that need no kernel plane. */
#include "collector/ringbuf.h"
#include "hz_test.h"
#include <errno.h>
#include <string.h>

static int record_ignore(void *ctx, const void *record, size_t bytes)
{
	(void)ctx;
	(void)record;
	(void)bytes;
	return 0;
}

static void instance_name_with_a_slash_is_refused(void)
{
	static const char *const names[] = { "", "a/b", "..", "a b",
		                             "0123456789012345678901234567890123" };
	struct hz_ringbuf *ring = NULL;
	struct hz_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&err, 0, sizeof(err));
		CU_ASSERT_EQUAL(hz_ringbuf_open(names[i], record_ignore, NULL, &ring, &err),
		                -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
		CU_ASSERT_PTR_NULL(ring);
	}
}

static void instance_never_attached_says_what_to_type(void)
{
	struct hz_ringbuf *ring = NULL;
	struct hz_err err = { 0 };
	int status = hz_ringbuf_open("unit-nowhere", record_ignore, NULL, &ring, &err);

	if (status == -EACCES || status == -EPERM)
		HZ_SKIP("needs root");
	CU_ASSERT_EQUAL(status, -ENOENT);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_STRING_EQUAL(err.code, "not_attached");
	CU_ASSERT_STRING_EQUAL(err.hint, "hzctl -i unit-nowhere xdp attach dev IF");
	CU_ASSERT_PTR_NULL(ring);
}

HZ_SUITE(ringbuf, CASE(instance_name_with_a_slash_is_refused),
         CASE(instance_never_attached_says_what_to_type));
