/* Ten million frames against the model, and two million with the object of a second compiler. */
#include "prog_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static const struct {
	const char *compiler;
	const char *folder;
	uint64_t sane, hostile;
} builds[] = {
	{ "clang-14", "bpf", 8000000, 2000000 },
	{ "clang-19", "bpf-alt", 1500000, 500000 },
};

int main(void)
{
	const char *out = getenv("O") == NULL ? "build" : getenv("O");
	unsigned failed = 0, passed = 0;
	char path[512];

	libbpf_set_print(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setpriority(PRIO_PROCESS, 0, 10);
	for (size_t i = 0; i < HZ_ARRAY_LEN(builds); i++) {
		struct tap tap = { .prefix = builds[i].compiler };

		snprintf(path, sizeof(path), "%s/%s/hz_xdp.bpf.o", out, builds[i].folder);
		if (geteuid() != 0)
			tap_skip(&tap, "model", "needs root");
		else if (access(path, R_OK) != 0)
			tap_skip(&tap, "model", "no object: the compiler is not installed");
		else
			prog_model_object(&tap, path, builds[i].sane, builds[i].hostile);
		failed += tap.failed;
		passed += tap.passed;
	}
	if (failed > 0)
		return 1;
	return passed > 0 ? 0 : 77;
}
