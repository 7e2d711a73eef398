/* The loader on veth pairs in namespaces of this program's own: attachment, refusals, failures in the
 * middle, maps. An argument runs only the tests whose names hold it. As bpf_attach_long: only those that
 * kill, at every system call. Root only. */
#include "attach_world.h"
#include "loader/xdp_chatter.h"
#include "tap.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void tests_run(struct tap *tap, const struct world_test *test, const char *filter)
{
	for (; test->name != NULL; test++) {
		if (filter != NULL && strstr(test->name, filter) == NULL)
			continue;
		if (world_reset() != 0)
			tap_result(tap, test->name, "no veth pairs to be had");
		else
			tap_result(tap, test->name, test->run());
	}
}

int main(int argc, char **argv)
{
	const struct world_test *const groups[] = {
		attach_life_tests, attach_refuse_tests, attach_fault_tests, attach_kill_tests,
		attach_maps_tests, attach_lock_tests,   attach_chain_tests, attach_update_tests,
		attach_gc_tests,   attach_nic_tests,    attach_lists_tests, attach_writer_tests
	};
	const char *filter = argc > 1 ? argv[1] : NULL, *suffix = strrchr(argv[0], '_');
	struct tap tap = { 0 };
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	hz_xdp_chatter_divert();
	if (geteuid() != 0) {
		tap_skip(&tap, "bpf_attach", "needs root");
		return 77;
	}
	status = world_enter();
	if (status != 0) {
		tap_fail(&tap, "bpf_attach", "no namespaces: %s", strerror(-status));
		return 1;
	}
	if (suffix != NULL && strcmp(suffix, "_long") == 0)
		tests_run(&tap, attach_kill_long_tests, filter);
	else
		for (size_t i = 0; i < HZ_ARRAY_LEN(groups); i++)
			tests_run(&tap, groups[i], filter);
	return tap.failed == 0 ? 0 : 1;
}
