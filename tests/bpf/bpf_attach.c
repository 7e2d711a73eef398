/* The loader on veth pairs in namespaces of this program's own, BPF file system included, so that runs do not
 * meet: attachment, refusals, failures in the middle, maps, and what is killed while it chains. As bpf_kill: the
 * rest of what is killed at a call that attach_fault.c wraps, so that both take as long; as bpf_attach_long: at
 * every system call. An argument runs only the tests whose names hold it. Root only. */
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

/* By what it is called as; the last one, without a name, is for any other. */
static const struct program {
	const char *name;
	const struct world_test *group[20];
} programs[] = {
	{ "bpf_attach_long", { attach_kill_long_tests } },
	{ "bpf_kill", { attach_kill_tests } },
	{ "",
	  { attach_life_tests, attach_refuse_tests, attach_fault_tests, attach_maps_tests,
	    attach_lock_tests, attach_chain_tests, attach_update_tests, attach_gc_tests,
	    attach_nic_tests, attach_lists_tests, attach_writer_tests, attach_explain_tests,
	    attach_emit_tests, attach_tell_tests, attach_older_tests, attach_kill_chain_tests } },
};

static const struct program *program_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	const struct program *program = programs;

	while (program->name[0] != '\0' && strcmp(program->name, name) != 0)
		program++;
	return program;
}

int main(int argc, char **argv)
{
	const struct program *program = program_of(argv[0]);
	const char *filter = argc > 1 ? argv[1] : NULL;
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
	for (size_t i = 0; i < HZ_ARRAY_LEN(program->group) && program->group[i] != NULL; i++)
		tests_run(&tap, program->group[i], filter);
	return tap.failed == 0 ? 0 : 1;
}
