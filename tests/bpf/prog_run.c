/* The BPF objects of both compilers, loaded and run: a table of frames, conversations with the health
 * responder, cut and mutated frames, the histogram stream and its view. Root only. */
#include "bpf_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

struct build {
	const char *compiler;
	const char *folder;
};

static void build_test(struct tap *tap, const char *folder)
{
	char xdp[512], stream[512], one_row[512];
	struct rig rig;
	int status;

	snprintf(xdp, sizeof(xdp), "%s/hz_xdp.bpf.o", folder);
	snprintf(stream, sizeof(stream), "%s/hz_latency.bpf.o", folder);
	snprintf(one_row, sizeof(one_row), "%s/one_row/hz_xdp.bpf.o", folder);
	load_tests(tap, xdp);
	load_tests(tap, stream);
	stream_tests(tap, stream);
	view_tests(tap, stream);
	watch_tests(tap, stream);
	subscriber_tests(tap, stream);
	model_tests(tap, xdp);
	sample_tests(tap, xdp);
	note_tests(tap, xdp);
	note_cpu_tests(tap, xdp, false);
	note_cpu_tests(tap, one_row, true);
	source_tests(tap, xdp);
	status = rig_open(&rig, xdp);
	if (status != 0) {
		tap_fail(tap, "rig", "cannot load and fill %s: %s", xdp, strerror(-status));
		return;
	}
	table_tests(tap, &rig);
	health_tests(tap, &rig);
	prober_tests(tap, &rig);
	shed_tests(tap, &rig);
	cookie_tests(tap, &rig);
	fuzz_tests(tap, &rig);
	rig_close(&rig);
}

int main(void)
{
	static const struct build builds[] = { { "clang-14", "bpf" }, { "clang-19", "bpf-alt" } };
	const char *out = getenv("O") == NULL ? "build" : getenv("O");
	unsigned failed = 0;
	char folder[400], probe[512];

	libbpf_set_print(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(builds); i++) {
		struct tap tap = { .prefix = builds[i].compiler };

		snprintf(folder, sizeof(folder), "%s/%s", out, builds[i].folder);
		snprintf(probe, sizeof(probe), "%s/hz_xdp.bpf.o", folder);
		if (geteuid() != 0) {
			tap_skip(&tap, "bpf_prog_run", "needs root");
			continue;
		}
		if (access(probe, R_OK) != 0) {
			tap_skip(&tap, "bpf_prog_run", "no objects: the compiler is not installed");
			continue;
		}
		build_test(&tap, folder);
		failed += tap.failed;
	}
	return failed == 0 ? 0 : 1;
}
