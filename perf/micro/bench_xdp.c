/* What a verdict of the XDP program costs, as a ratio to a program that only drops: BPF_PROG_TEST_RUN on
 * one core, everything in its caches, in time of that core. Verdicts and that program take turns in short
 * rounds; a ratio is the median over the rounds, with the lowest and highest beside it. Frames that are answered are put back each
 * time (xdp_again), the cost of which is measured alone and taken off. Root only. */
#include "bpf_rig.h"
#include "xdp_again.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define ROUNDS   7
#define REPEAT   30000
#define PREFIXES 100000
#define BATCH    1000
#define GET      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

enum how {
	AS_IS,         /* the frame stays as it is */
	ANSWERED,      /* it becomes the answer */
	FROM_ANYBODY,  /* another source each time */
	KNOWN_SOURCE,  /* within shed/source_rate */
	REFUSED_SOURCE /* beyond it */
};

/* goal: of the ratio, 0: none. */
static const struct row {
	const char *name;
	struct wire_spec spec;
	int reason;
	enum how how;
	double goal;
	bool is_flow; /* acknowledges the cookie of its flow */
	bool is_listed;
} rows[] = {
	{ "not IP", { .port = 1 }, .reason = HZ_REASON_pass_not_ip },
	{ "not ours",
	  { .port = 22, .flags = WIRE_SYN },
	  .reason = HZ_REASON_pass_not_ours,
	  .goal = 2 },
	{ "fragment of ours",
	  { .port = 80, .more_fragments = true },
	  .reason = HZ_REASON_drop_fragment },
	{ "deny, 100,000 prefixes",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny,
	  .goal = 3,
	  .is_listed = true },
	{ "deny, always another one",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny,
	  .how = FROM_ANYBODY,
	  .is_listed = true },
	{ "steer", { .port = 80, .flags = WIRE_ACK }, .reason = HZ_REASON_steer, .goal = 3 },
	{ "steer, no list", { .port = 80, .flags = WIRE_ACK }, .reason = HZ_REASON_steer },
	{ "SYN, source known",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer,
	  .how = KNOWN_SOURCE },
	{ "SYN, source refused",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_source_rate,
	  .how = REFUSED_SOURCE },
	{ "SYN, source new",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer,
	  .how = FROM_ANYBODY },
	{ "health SYN-ACK",
	  { .port = 8080, .flags = WIRE_SYN },
	  .reason = HZ_REASON_health_syn_ack,
	  .how = ANSWERED },
	{ "health 200",
	  { .port = 8080, .flags = WIRE_ACK | WIRE_PSH, .payload = GET },
	  .reason = HZ_REASON_health_200,
	  .how = ANSWERED,
	  .goal = 12,
	  .is_flow = true },
	{ "health 404",
	  { .port = 8080, .flags = WIRE_ACK | WIRE_PSH, .payload = "GET / HTTP/1.1\r\n\r\n" },
	  .reason = HZ_REASON_health_404,
	  .how = ANSWERED,
	  .is_flow = true },
	{ "health RST",
	  { .port = 8080, .flags = WIRE_ACK },
	  .reason = HZ_REASON_health_reset,
	  .how = ANSWERED },
	{ "health, bare ACK",
	  { .port = 8080, .flags = WIRE_ACK },
	  .reason = HZ_REASON_health_idle,
	  .is_flow = true },
	{ "health, datagram",
	  { .port = RIG_UDP_PORT, .protocol = 17, .payload = "12345678" },
	  .reason = HZ_REASON_health_udp,
	  .how = ANSWERED },
	{ "ping",
	  { .protocol = 1, .payload = "12345678" },
	  .reason = HZ_REASON_icmp_echo,
	  .how = ANSWERED },
};

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

/* Prefixes all over both families, and the rig's clients. */
static int lists_fill(const struct rig *rig)
{
	static struct hz_acl_key4 key4[BATCH];
	static struct hz_acl_key6 key6[BATCH];
	static struct hz_acl_entry entry[BATCH];

	for (uint32_t i = 0; i < PREFIXES; i += BATCH) {
		uint32_t count4 = BATCH, count6 = BATCH;

		for (uint32_t k = 0; k < BATCH; k++) {
			uint32_t spread = (i + k + 1) * 2654435761u; /* odd: no two alike */

			entry[k] = (struct hz_acl_entry){ .list = HZ_SOURCE_DENY };
			key4[k] = (struct hz_acl_key4){ .prefixlen = 32, .addr = spread };
			key6[k] = (struct hz_acl_key6){ .prefixlen = 64,
				                        .addr.byte = { 0xfd, 0x07 } };
			memcpy(key6[k].addr.byte + 4, &spread, sizeof(spread));
		}
		if (bpf_map_update_batch(rig->trie_fd[0][1], key4, entry, &count4, NULL) != 0 ||
		    bpf_map_update_batch(rig->trie_fd[1][1], key6, entry, &count6, NULL) != 0)
			return -errno;
	}
	return 0;
}

static int bench_open(struct bench *bench, const char *out, const char *folder)
{
	char path[512];
	int status;

	snprintf(path, sizeof(path), "%s/%s/hz_xdp.bpf.o", out, folder);
	status = rig_open(&bench->rig, path);
	if (status != 0)
		return status;
	snprintf(path, sizeof(path), "%s/tests-bpf/xdp_again.bpf.o", out);
	status = again_open(bench, path);
	if (status == 0)
		status = lists_fill(&bench->rig);
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

/* Nanoseconds of one run. */
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

static uint32_t cookie_of(struct rig *rig, const struct wire_spec *spec)
{
	struct wire_spec syn = *spec;
	struct wire_tcp reply;
	struct wire frame;
	struct run run;

	syn.flags = WIRE_SYN;
	syn.payload = NULL;
	wire_build(&frame, &syn);
	if (!rig_run(rig, frame.byte, frame.len, &run) ||
	    wire_take_apart(run.out.byte, run.out.len, &reply) != NULL)
		return 0;
	return reply.seq;
}

static void frame_make(struct rig *rig, const struct row *row, int version, int tags,
                       struct wire *out)
{
	struct wire_spec spec = row->spec;

	spec.version = version;
	spec.tags = tags;
	spec.source_port = 40000;
	if (row->reason == HZ_REASON_icmp_echo) {
		spec.protocol = version == 4 ? 1 : 58;
		spec.port = version == 4 ? 0x0800 : 0x8000;
	}
	if (row->is_flow)
		spec.ack = cookie_of(rig, &spec) + 1;
	wire_build(out, &spec);
	if (row->reason == HZ_REASON_pass_not_ip)
		out->byte[wire_l3(&spec) - 1] ^= 0x06; /* 0x0806 is ARP's */
}

/* Lists and limit as the row wants them. */
static void world_set(struct bench *bench, const struct row *row)
{
	struct rig *rig = &bench->rig;
	static const char *const clients[] = { "10.7.0.1", "fd07::1" }, *const any[] = { "0.0.0.0",
		                                                                         "::" };
	static const uint8_t bits[] = { 32, 128 };
	uint64_t far_ns = 1000000 * HZ_NS_PER_S;
	bool has_lists = strcmp(row->name, "steer, no list") != 0;

	rig_state_reset(&bench->rig); /* a fresh beat */
	bench->rig.cfg.beat_timeout_ns = far_ns;
	rig_state_apply(&bench->rig);
	(void)rig_echo_due(rig, 0);
	rig_lists_live(rig, has_lists ? 1 : 0);
	for (int i = 0; i < 2; i++) {
		(void)rig_unlist(rig, 1, clients[i], bits[i]);
		(void)rig_unlist(rig, 1, any[i], 0);
		if (row->is_listed && row->how == FROM_ANYBODY)
			(void)rig_list(rig, 1, any[i], 0, HZ_SOURCE_DENY);
		else if (row->is_listed)
			(void)rig_list(rig, 1, clients[i], bits[i], HZ_SOURCE_DENY);
	}
	if (row->how == REFUSED_SOURCE)
		rig_source_rate(rig, far_ns, 0);
	else
		rig_source_rate(rig, row->how == KNOWN_SOURCE || row->how == FROM_ANYBODY, far_ns);
}

/* Another source each time: of IPv6 in the half of its address that counts. */
static bool again_set(const struct bench *bench, const struct wire *frame, const struct row *row,
                      int version, int tags, bool has_next)
{
	struct xdp_again again = { .bytes = (uint32_t)frame->len };
	uint32_t zero = 0;
	size_t l3 = 14 + 4 * (size_t)tags;

	if (frame->len > sizeof(again.data))
		return false;
	memcpy(again.data, frame->byte, frame->len);
	if (row->how == FROM_ANYBODY)
		again.source_at = (uint32_t)(l3 + (version == 4 ? 12 : 8 + 4));
	(void)bpf_map_delete_elem(bench->next_fd, &zero);
	if (has_next &&
	    bpf_map_update_elem(bench->next_fd, &zero, &bench->rig.prog_fd, BPF_ANY) != 0)
		return false;
	return bpf_map_update_elem(bench->frame_fd, &zero, &again, BPF_ANY) == 0;
}

/* One round: the ratio, 0: it could not be run. */
static double ratio_of(const struct bench *bench, const struct row *row, const struct wire *frame,
                       int version, int tags)
{
	double drop_ns = ns_of(bench->drop_fd, frame), with_ns, without_ns;

	if (row->how != ANSWERED && row->how != FROM_ANYBODY)
		return ns_of(bench->rig.prog_fd, frame) / drop_ns;
	if (!again_set(bench, frame, row, version, tags, false))
		return 0;
	without_ns = ns_of(bench->again_fd, frame);
	if (!again_set(bench, frame, row, version, tags, true))
		return 0;
	with_ns = ns_of(bench->again_fd, frame);
	return (with_ns - without_ns + drop_ns) / drop_ns;
}

static int by_value(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* One row over one shape of frame. false: it gets another verdict than it says, or a goal is missed. */
static bool shape_run(struct bench *bench, const struct row *row, int version, int tags)
{
	double ratio[ROUNDS], median;
	struct wire frame;
	struct run run;

	world_set(bench, row);
	frame_make(&bench->rig, row, version, tags, &frame);
	if (row->how == REFUSED_SOURCE)
		(void)rig_run(&bench->rig, frame.byte, frame.len, &run); /* its first one */
	if (!rig_run(&bench->rig, frame.byte, frame.len, &run) || run.reason != row->reason) {
		printf("  not %s but %s", row->name, rig_reason_name(run.reason));
		return false;
	}
	for (int i = 0; i < ROUNDS; i++)
		ratio[i] = ratio_of(bench, row, &frame, version, tags);
	qsort(ratio, ROUNDS, sizeof(ratio[0]), by_value);
	median = ratio[ROUNDS / 2];
	printf("  %5.2f (%4.2f to %5.2f)", median, ratio[0], ratio[ROUNDS - 1]);
	return row->goal <= 0 || median <= row->goal;
}

static bool build_run(const char *out, const char *compiler, const char *folder)
{
	static const struct {
		int version, tags;
	} shapes[] = { { 4, 0 }, { 4, 2 }, { 6, 0 }, { 6, 2 } };
	struct bench bench = { .drop_fd = -1 };
	struct wire frame = { .len = 64 };
	int status = bench_open(&bench, out, folder);
	bool is_good = status == 0;

	if (status != 0) {
		printf("skip %s: %s\n", compiler, strerror(-status));
		return true;
	}
	printf("%-24s  %-21s  %-21s  %-21s  %-21s\n", compiler, "IPv4", "IPv4, 2 tags", "IPv6",
	       "IPv6, 2 tags");
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		bool holds = true;

		printf("%-24s", rows[i].name);
		for (size_t k = 0; k < HZ_ARRAY_LEN(shapes); k++)
			holds &= shape_run(&bench, &rows[i], shapes[k].version, shapes[k].tags);
		if (rows[i].goal > 0)
			printf("  goal <= %.0f %s", rows[i].goal, holds ? "holds" : "missed");
		putchar('\n');
		is_good &= holds;
	}
	printf("the program that only drops: %.1f ns\n", ns_of(bench.drop_fd, &frame));
	bench_close(&bench);
	return is_good;
}

int main(void)
{
	const char *out = getenv("O") == NULL ? "build" : getenv("O");
	bool is_good;

	libbpf_set_print(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() != 0) {
		puts("skip: needs root");
		return 77;
	}
	puts("a verdict's cost, as a ratio to a program that only drops: median (lowest to "
	     "highest)");
	is_good = build_run(out, "clang-14", "bpf");
	is_good &= build_run(out, "clang-19", "bpf-alt");
	puts(is_good ? "all goals hold" : "a goal is missed");
	return 0;
}
