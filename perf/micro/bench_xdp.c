/* What a verdict of the XDP program costs, as a ratio to a program that only drops: BPF_PROG_TEST_RUN on
 * one core, everything in its caches, in time of that core. Verdicts and that program take turns in short
 * rounds; a ratio is the median over the rounds, with the lowest and highest beside it. Frames that are answered
 * are put back each time (xdp_again), the cost of which is measured alone and taken off. Root only.
 *   bench_xdp [WORD]      only rows whose name holds it
 * A missed goal is said; exit 1 means that a run went wrong. */
#include "xdp_again.h"
#include "xdp_rows.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define ROUNDS 7
#define REPEAT 30000

enum outcome { HOLDS, MISSED, FAILED }; /* the worse the greater */

struct bench {
	struct rig rig;
	struct bpf_object *again;
	int again_fd, frame_fd, next_fd, drop_fd;
};

static int drop_open(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "drop_only", "GPL", insns, HZ_ARRAY_LEN(insns),
	                       NULL);

	return fd >= 0 ? fd : -errno;
}

static int again_open(struct bench *bench, const char *path)
{
	bench->again = bpf_object__open_file(path, NULL);
	if (bench->again == NULL || bpf_object__load(bench->again) != 0)
		return -errno;
	bench->again_fd =
		bpf_program__fd(bpf_object__find_program_by_name(bench->again, "xdp_again"));
	bench->frame_fd = bpf_object__find_map_fd_by_name(bench->again, "again_frame");
	bench->next_fd = bpf_object__find_map_fd_by_name(bench->again, "again_next");
	return 0;
}

static int bench_open(struct bench *bench, const char *object, const char *out)
{
	char path[512];
	int status = rig_open(&bench->rig, object);

	if (status != 0)
		return status;
	snprintf(path, sizeof(path), "%s/tests-bpf/xdp_again.bpf.o", out);
	status = again_open(bench, path);
	if (status == 0)
		status = xdp_rows_open(&bench->rig);
	if (status == 0)
		status = rig_socket(&bench->rig, true);
	bench->drop_fd = drop_open();
	return status == 0 ? HZ_MIN(bench->drop_fd, 0) : status;
}

static void bench_close(struct bench *bench)
{
	bpf_object__close(bench->again);
	if (bench->drop_fd >= 0)
		close(bench->drop_fd);
	rig_close(&bench->rig);
}

/* This thread's time, so that others on its core do not count. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Nanoseconds of one run; 0: it failed. */
static double ns_of(int prog_fd, const struct wire *frame)
{
	uint8_t out[WIRE_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->byte,
	            .data_size_in = (uint32_t)frame->len, .data_out = out,
	            .data_size_out = sizeof(out), .repeat = REPEAT);
	uint64_t began_ns = cpu_ns();

	if (bpf_prog_test_run_opts(prog_fd, &opts) != 0)
		return 0;
	return (double)(cpu_ns() - began_ns) / REPEAT;
}

/* Another source each time: of IPv6 in the half of its address that counts. */
static bool again_set(const struct bench *bench, const struct wire *frame,
                      const struct xdp_row *row, int version, int tags, bool has_next)
{
	struct xdp_again again = { .bytes = (uint32_t)frame->len };
	uint32_t zero = 0;
	size_t l3 = 14 + 4 * (size_t)tags;

	if (frame->len > sizeof(again.data))
		return false;
	memcpy(again.data, frame->byte, frame->len);
	if (row->how == FROM_ANYBODY)
		again.source_at = (uint32_t)(l3 + (version == 4 ? 12 : 8 + 4));
	again.grows_at_head = row->how == NOTED;
	(void)bpf_map_delete_elem(bench->next_fd, &zero);
	if (has_next &&
	    bpf_map_update_elem(bench->next_fd, &zero, &bench->rig.prog_fd, BPF_ANY) != 0)
		return false;
	return bpf_map_update_elem(bench->frame_fd, &zero, &again, BPF_ANY) == 0;
}

/* One round; false: it could not be run. What is taken off may be more than all when others disturb it. */
static bool ratio_of(const struct bench *bench, const struct xdp_row *row, const struct wire *frame,
                     int version, int tags, double *ratio)
{
	double drop_ns = ns_of(bench->drop_fd, frame), with_ns, without_ns = drop_ns;

	if (row->how == AS_IS || row->how == KNOWN_SOURCE || row->how == REFUSED_SOURCE) {
		with_ns = ns_of(bench->rig.prog_fd, frame);
	} else {
		if (!again_set(bench, frame, row, version, tags, false))
			return false;
		without_ns = ns_of(bench->again_fd, frame);
		if (!again_set(bench, frame, row, version, tags, true))
			return false;
		with_ns = ns_of(bench->again_fd, frame);
	}
	if (drop_ns <= 0 || with_ns <= 0 || without_ns <= 0)
		return false;
	*ratio = (with_ns - without_ns + drop_ns) / drop_ns;
	return true;
}

static int by_value(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static enum outcome worse(enum outcome a, enum outcome b)
{
	return a > b ? a : b;
}

/* Does it get the verdict it is to be measured with? */
static bool is_met(struct bench *bench, const struct xdp_row *row, const struct wire *frame)
{
	struct run run;

	if (!rig_run(&bench->rig, frame->byte, frame->len, &run)) {
		printf("  not run");
		return false;
	}
	if (run.reason != row->reason)
		printf("  not %s but %s", row->name, rig_reason_name(run.reason));
	return run.reason == row->reason;
}

/* One row over one shape of frame. */
static enum outcome shape_run(struct bench *bench, const struct xdp_row *row, int version, int tags)
{
	double ratio[ROUNDS], median;
	struct wire frame;
	struct run run;

	xdp_rows_world(&bench->rig, row);
	xdp_rows_frame(&bench->rig, row, version, tags, &frame);
	if (row->how == REFUSED_SOURCE)
		(void)rig_run(&bench->rig, frame.byte, frame.len, &run); /* its first one */
	if (!is_met(bench, row, &frame))
		return FAILED;
	for (int i = 0; i < ROUNDS; i++) {
		if (!ratio_of(bench, row, &frame, version, tags, &ratio[i])) {
			printf("  a round failed");
			return FAILED;
		}
	}
	if (!is_met(bench, row, &frame)) /* still */
		return FAILED;
	qsort(ratio, ROUNDS, sizeof(ratio[0]), by_value);
	median = ratio[ROUNDS / 2];
	printf("  %5.2f (%4.2f to %5.2f)", median, ratio[0], ratio[ROUNDS - 1]);
	if (median <= 0) /* disturbed too often to say anything */
		return FAILED;
	return row->goal <= 0 || median <= row->goal ? HOLDS : MISSED;
}

static enum outcome row_run(struct bench *bench, const struct xdp_row *row)
{
	static const struct {
		int version, tags;
	} shapes[] = { { 4, 0 }, { 4, 2 }, { 6, 0 }, { 6, 2 } };
	enum outcome worst = HOLDS;

	printf("%-24s", row->name);
	for (size_t i = 0; i < HZ_ARRAY_LEN(shapes); i++)
		worst = worse(worst, shape_run(bench, row, shapes[i].version, shapes[i].tags));
	if (worst == FAILED)
		printf("  failed");
	else if (row->goal > 0)
		printf("  goal <= %.0f %s", row->goal, worst == HOLDS ? "holds" : "missed");
	putchar('\n');
	return worst;
}

static enum outcome build_run(const char *out, const char *compiler, const char *folder,
                              const char *word)
{
	struct bench bench = { .drop_fd = -1 };
	struct wire frame = { .len = 64 };
	char path[512];
	enum outcome worst = HOLDS;
	int status;

	snprintf(path, sizeof(path), "%s/%s/hz_xdp.bpf.o", out, folder);
	if (access(path, R_OK) != 0) {
		printf("skip %s: %s is not built\n", compiler, path);
		return HOLDS;
	}
	status = bench_open(&bench, path, out);
	if (status != 0) {
		printf("%s: %s\n", compiler, strerror(-status));
		bench_close(&bench);
		return FAILED;
	}
	printf("%-24s  %-21s  %-21s  %-21s  %-21s\n", compiler, "IPv4", "IPv4, 2 tags", "IPv6",
	       "IPv6, 2 tags");
	for (const struct xdp_row *row = xdp_rows; row->name != NULL; row++)
		if (strstr(row->name, word) != NULL)
			worst = worse(worst, row_run(&bench, row));
	printf("the program that only drops: %.1f ns\n", ns_of(bench.drop_fd, &frame));
	bench_close(&bench);
	return worst;
}

static bool has_row(const char *word)
{
	for (const struct xdp_row *row = xdp_rows; row->name != NULL; row++)
		if (strstr(row->name, word) != NULL)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const char *const words[] = { [HOLDS] = "all goals hold",
		                             [MISSED] = "a goal is missed",
		                             [FAILED] = "a run went wrong" };
	const char *out = getenv("O") == NULL ? "build" : getenv("O"),
		   *word = argc > 1 ? argv[1] : "";
	enum outcome worst;

	if (argc > 2 || !has_row(word)) {
		fprintf(stderr, "usage: bench_xdp [WORD]      of a row's name\n");
		return 2;
	}
	libbpf_set_print(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() != 0) {
		puts("skip: needs root");
		return 77;
	}
	puts("a verdict's cost, as a ratio to a program that only drops: median (lowest to "
	     "highest)");
	worst = build_run(out, "clang-14", "bpf", word);
	worst = worse(worst, build_run(out, "clang-19", "bpf-alt", word));
	puts(words[worst]);
	return worst == FAILED ? 1 : 0;
}
