/* How queues are shared out among workers, before anything is opened. */
#include "hz_test.h"
#include "worker/fastpath_ports.h"
#include <errno.h>
#include <string.h>

static struct hz_fastpath_port wanted[HZ_WORKER_IFACES_MAX + 1];
static struct hz_fastpath_ports ports;

static int plan(uint32_t workers, uint32_t ifaces, uint32_t queues, struct hz_err *err)
{
	const struct hz_fastpath_conf conf = { .io = HZ_IO_RING,
		                               .mbufs = 1024,
		                               .worker_count = workers,
		                               .port_count = ifaces,
		                               .ports = wanted };
	uint64_t bytes = 0;
	int status;

	for (uint32_t i = 0; i < ifaces; i++)
		wanted[i].queue_count = queues;
	status = hz_fastpath_ports_plan(&ports, &conf, &bytes, err);
	CU_ASSERT(status != 0 || bytes > 0);
	return status;
}

static void ports_plan_worker_with_two_queues_owns_its_share_once(void)
{
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(plan(2, 1, 5, &err), 0);
	CU_ASSERT_EQUAL(ports.count, 5);
	CU_ASSERT_EQUAL(ports.iface_count, 1);
	CU_ASSERT_EQUAL(ports.iface[0].owner_count, 2);
	CU_ASSERT_EQUAL(ports.iface[0].owner[0], 0);
	CU_ASSERT_EQUAL(ports.iface[0].owner[1], 1);
}

/* A flow's owner must have a port on the flow's interface, or it could not answer. */
static void ports_plan_owner_has_port_on_its_interface(void)
{
	struct hz_err err = { 0 };

	for (uint32_t workers = 1; workers <= 6; workers++) {
		for (uint32_t queues = 1; queues <= 6; queues++) {
			struct hz_worker_port of[HZ_WORKER_PORTS_MAX];

			if (plan(workers, 3, queues, &err) != 0)
				continue;
			for (uint32_t i = 0; i < 3; i++) {
				CU_ASSERT_EQUAL(ports.iface[i].owner_count,
				                HZ_MIN(workers, queues));
				for (uint32_t k = 0; k < ports.iface[i].owner_count; k++) {
					uint32_t count = hz_fastpath_ports_of(
						&ports, ports.iface[i].owner[k], of);
					bool has_port = false;

					while (count > 0)
						has_port |= of[--count].iface == i;
					CU_ASSERT(has_port);
				}
			}
		}
	}
}

static void ports_plan_that_does_not_fit_is_named_error(void)
{
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(plan(4, 1, 3, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.code, "too_few_queues");
	CU_ASSERT_EQUAL(plan(1, 1, HZ_WORKER_PORTS_MAX, &err), 0);
	CU_ASSERT_EQUAL(plan(1, 1, HZ_WORKER_PORTS_MAX + 1, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.code, "too_many_queues");
	CU_ASSERT_EQUAL(plan(1, HZ_WORKER_IFACES_MAX + 1, 1, &err), -ENOSPC);
	CU_ASSERT_EQUAL(err.exit_code, 2);
}

HZ_SUITE(ports_plan, CASE(ports_plan_worker_with_two_queues_owns_its_share_once),
         CASE(ports_plan_owner_has_port_on_its_interface),
         CASE(ports_plan_that_does_not_fit_is_named_error));
