/* The kernel's timer is told how long to wait for us: once, again when that changes, and once
 * per second where it failed. */
#include "core/base.h"
#include "hz_test.h"
#include "server/watch_arm.h"
#include <errno.h>

#define MS       HZ_NS_PER_MS
#define START_NS (100 * HZ_NS_PER_S)

struct kernel {
	int status; /* of the next calls */
	uint32_t calls;
	uint64_t wait_ns;
};

static int kernel_arm(void *ctx, uint64_t wait_ns)
{
	struct kernel *kernel = ctx;

	kernel->calls++;
	if (kernel->status == 0)
		kernel->wait_ns = wait_ns;
	return kernel->status;
}

/* A turn each 50 ms, as housekeeping has them, from start_ns on. */
static void turns(struct hz_watch_arm *watch, struct kernel *kernel, uint64_t wait_ns,
                  uint64_t start_ns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		hz_watch_arm_turn(watch, wait_ns, start_ns + i * 50 * MS, kernel_arm, kernel);
}

static void timer_is_told_once_for_each_wait(void)
{
	struct hz_watch_arm watch = { 0 };
	struct kernel kernel = { 0 };

	turns(&watch, &kernel, 2000 * MS, START_NS, 100);
	CU_ASSERT_EQUAL(kernel.calls, 1);
	CU_ASSERT_EQUAL(kernel.wait_ns, 2000 * MS);
	turns(&watch, &kernel, 500 * MS, START_NS + 5000 * MS, 100);
	CU_ASSERT_EQUAL(kernel.calls, 2);
	CU_ASSERT_EQUAL(kernel.wait_ns, 500 * MS);
}

static void timer_that_failed_is_told_again_each_second_until_it_takes_it(void)
{
	struct hz_watch_arm watch = { 0 };
	struct kernel kernel = { .status = -EBUSY };

	turns(&watch, &kernel, 2000 * MS, START_NS, 60); /* 2.95 s */
	CU_ASSERT_EQUAL(kernel.calls, 3);
	CU_ASSERT_EQUAL(kernel.wait_ns, 0);
	kernel.status = 0;
	turns(&watch, &kernel, 2000 * MS, START_NS + 3000 * MS, 60);
	CU_ASSERT_EQUAL(kernel.calls, 4);
	CU_ASSERT_EQUAL(kernel.wait_ns, 2000 * MS);
	kernel.status = -ENOMEM;
	turns(&watch, &kernel, 400 * MS, START_NS + 6000 * MS,
	      1); /* a new failure is tried at once */
	CU_ASSERT_EQUAL(kernel.calls, 5);
}

static void timer_of_maps_that_are_gone_is_left_alone(void)
{
	struct hz_watch_arm watch = { 0 };
	struct kernel kernel = { .status = -EPERM };

	turns(&watch, &kernel, 2000 * MS, START_NS, 100);
	CU_ASSERT_EQUAL(kernel.calls, 1);
}

HZ_SUITE(watch_arm, CASE(timer_is_told_once_for_each_wait),
         CASE(timer_that_failed_is_told_again_each_second_until_it_takes_it),
         CASE(timer_of_maps_that_are_gone_is_left_alone));
