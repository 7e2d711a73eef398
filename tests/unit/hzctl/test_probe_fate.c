/* What hzctl says that a probe meets. */
#include "../../../tools/hzctl/probe_fate.h"
#include "core/base.h"
#include "hz_test.h"
#include <stdio.h>
#include <string.h>

#define NOW_NS     (100 * HZ_NS_PER_S)
#define TIMEOUT_NS (HZ_NS_PER_S / 2)

struct row {
	const char *name;
	uint32_t state, on_dead, health_off, worker_state;
	uint64_t beat_ns;
	enum hz_probe_fate_kind tcp, udp;
	unsigned status; /* of TCP that is answered */
	const char *why;
};

/* As prog_rows.c and prog_probers.c of tests/bpf have it from the program itself. */
static const struct row rows[] = {
	{ "ready", HZ_STATE_READY, 0, 0, HZ_STATE_READY, NOW_NS, HZ_PROBE_ANSWERED,
	  HZ_PROBE_ANSWERED, 200, "" },
	{ "ready, though a dead one would be passed", HZ_STATE_READY, HZ_ON_DEAD_PASS, 0,
	  HZ_STATE_READY, NOW_NS, HZ_PROBE_ANSWERED, HZ_PROBE_ANSWERED, 200, "" },
	{ "beat of just the timeout", HZ_STATE_READY, 0, 0, HZ_STATE_READY, NOW_NS - TIMEOUT_NS,
	  HZ_PROBE_ANSWERED, HZ_PROBE_ANSWERED, 200, "" },
	{ "beat taken after the time was", HZ_STATE_READY, 0, 0, HZ_STATE_READY, NOW_NS + 1,
	  HZ_PROBE_ANSWERED, HZ_PROBE_ANSWERED, 200, "" },
	{ "draining", HZ_STATE_DRAINING, HZ_ON_DEAD_PASS, 0, HZ_STATE_DRAINING, NOW_NS,
	  HZ_PROBE_ANSWERED, HZ_PROBE_PASSED, 503, "the server is draining" },
	{ "maintenance", HZ_STATE_MAINTENANCE, 0, 0, HZ_STATE_READY, NOW_NS, HZ_PROBE_ANSWERED,
	  HZ_PROBE_PASSED, 503, "the server is in maintenance" },
	{ "a worker that drains", HZ_STATE_READY, HZ_ON_DEAD_DROP, 0, HZ_STATE_DRAINING, NOW_NS,
	  HZ_PROBE_ANSWERED, HZ_PROBE_PASSED, 503, "worker 1 is draining" },
	{ "dead", HZ_STATE_READY, HZ_ON_DEAD_ANSWER503, 0, HZ_STATE_READY, NOW_NS - HZ_NS_PER_S,
	  HZ_PROBE_ANSWERED, HZ_PROBE_PASSED, 503, "worker 1 has not moved for 1000 ms" },
	{ "dead, passed", HZ_STATE_READY, HZ_ON_DEAD_PASS, 0, HZ_STATE_READY, NOW_NS - HZ_NS_PER_S,
	  HZ_PROBE_PASSED, HZ_PROBE_PASSED, 0, "worker 1 has not moved for 1000 ms" },
	{ "dead, dropped", HZ_STATE_READY, HZ_ON_DEAD_DROP, 0, HZ_STATE_READY, NOW_NS - HZ_NS_PER_S,
	  HZ_PROBE_ANSWERED, HZ_PROBE_DROPPED, 503, "worker 1 has not moved for 1000 ms" },
	{ "dead in maintenance", HZ_STATE_MAINTENANCE, HZ_ON_DEAD_PASS, 0, HZ_STATE_READY,
	  NOW_NS - HZ_NS_PER_S, HZ_PROBE_PASSED, HZ_PROBE_PASSED, 0,
	  "worker 1 has not moved for 1000 ms" },
	{ "not in the kernel", HZ_STATE_READY, 0, 1, HZ_STATE_READY, NOW_NS, HZ_PROBE_PASSED,
	  HZ_PROBE_PASSED, 0, "health/in_kernel is off" },
};

static void probe_fate_is_that_of_the_program(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const struct hz_cfg cfg = { .beat_timeout_ns = TIMEOUT_NS,
			                    .on_dead = row->on_dead,
			                    .state = row->state,
			                    .workers = 2,
			                    .health_off = row->health_off };
		struct hz_beat beat[HZ_WORKERS_MAX] = {
			{ .state = HZ_STATE_READY, .beat_ns = NOW_NS },
			{ .state = row->worker_state, .beat_ns = row->beat_ns }
		};
		struct hz_probe_fate fate;

		hz_probe_fate_find(&cfg, beat, NOW_NS, &fate);
		if (fate.tcp != row->tcp || fate.udp != row->udp ||
		    (fate.tcp == HZ_PROBE_ANSWERED && fate.status != row->status) ||
		    strcmp(fate.why, row->why) != 0) {
			fprintf(stderr, "# %s: tcp %d udp %d %u '%s'\n", row->name, (int)fate.tcp,
			        (int)fate.udp, fate.status, fate.why);
			CU_FAIL("another fate");
		}
	}
}

static void probe_fate_before_any_server_is_503(void)
{
	const struct hz_cfg cfg = { .beat_timeout_ns = TIMEOUT_NS, .on_dead = HZ_ON_DEAD_PASS };
	const struct hz_beat beat[HZ_WORKERS_MAX] = { 0 };
	struct hz_probe_fate fate;

	hz_probe_fate_find(&cfg, beat, NOW_NS, &fate);
	CU_ASSERT(fate.tcp == HZ_PROBE_ANSWERED && fate.udp == HZ_PROBE_PASSED);
	CU_ASSERT_EQUAL(fate.status, 503);
	CU_ASSERT_STRING_EQUAL(fate.why, "no server ever started");
}

HZ_SUITE(probe_fate, CASE(probe_fate_is_that_of_the_program),
         CASE(probe_fate_before_any_server_is_503));
