/* The program against its model: random frames in random worlds, one verdict, one counter, the same
 * bytes. HZ_SEED picks other ones; each world has a seed of its own, which a failure names. */
#include "prog_model.h"
#include "model_worlds.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#define FRAMES_PER_WORLD 250
#define SHOWN_MAX        5 /* failures in full */
#define MILLISECOND_NS   1000000

/* What a frame did, against what the model says. NULL: the same. */
static const char *compare(const struct model_verdict *model, int action, int reason,
                           const struct wire *out)
{
	if (reason != (int)model->reason)
		return "reason";
	if (action != (int)rig_reason_action(reason))
		return "action";
	if (out->len != model->out.len)
		return "length";
	return memcmp(out->byte, model->out.byte, out->len) == 0 ? NULL : "bytes";
}

static void frame_print(const char *what, const struct wire *frame)
{
	printf("#   %s:", what);
	for (size_t i = 0; i < frame->len && i < 160; i++)
		printf("%s%02x", i % 4 == 0 ? " " : "", frame->byte[i]);
	printf(" (%zu bytes)\n", frame->len);
}

static void mismatch_print(const struct model_tally *tally, const char *what, int action,
                           int reason, const struct wire *in, const struct wire *out,
                           const struct model_verdict *model)
{
	if (tally->mismatches > SHOWN_MAX)
		return;
	printf("# %s differs in world 0x%llx frame %llu: program %s (action %d), model %s\n", what,
	       (unsigned long long)tally->world_seed, (unsigned long long)tally->frames,
	       rig_reason_name(reason), action, rig_reason_name((int)model->reason));
	frame_print("frame  ", in);
	frame_print("program", out);
	frame_print("model  ", &model->out);
}

/* The counter that moved by one, when exactly one did; before follows. */
static int reason_of(const struct rig *rig, uint64_t before[HZ_REASON_COUNT])
{
	uint64_t after[HZ_REASON_COUNT];
	int reason = -1, moved = 0;

	rig_verdicts(rig, after);
	for (int i = 0; i < HZ_REASON_COUNT; i++) {
		if (after[i] == before[i])
			continue;
		moved += after[i] == before[i] + 1 ? 1 : 2;
		reason = i;
	}
	memcpy(before, after, sizeof(after));
	return moved == 1 ? reason : -1;
}

/* Answers are right as a whole; an echo is when what it answers was. */
static bool has_bad_sum(const struct wire *in, int action, int reason, const struct wire *out,
                        bool is_hostile)
{
	if (action != XDP_TX || frames_sums_are_right(out->byte, out->len))
		return false;
	if (reason == HZ_REASON_icmp_echo)
		return frames_sums_are_right(in->byte, in->len);
	return !is_hostile; /* the sum of a canned answer is taken from the map */
}

static bool is_claimed_address(const struct model_world *world, const struct wire *frame)
{
	struct model_packet packet;

	(void)model_parse(frame->byte, frame->len, &packet);
	for (uint32_t i = 0; i < world->claim_count; i++)
		if (memcmp(&world->claim_key[i].addr, packet.to, 16) == 0)
			return true;
	return false;
}

bool prog_model_frame(struct rig *rig, const struct model_world *world, const struct wire *in,
                      struct model_tally *tally)
{
	uint64_t clock_ns = rig_now_ns(), after_ns;
	struct model_verdict model;
	struct wire out;
	const char *what;
	int action, reason;

	action = rig_run_bare(rig, in->byte, in->len, out.byte, &out.len);
	if (action < 0)
		return false;
	after_ns = rig_now_ns();
	reason = reason_of(rig, tally->counters);
	tally->frames++;
	/* The time that the program saw lies between; an answer shows it in milliseconds. */
	do {
		model_run(world, clock_ns, in->byte, in->len, &model);
		what = compare(&model, action, reason, &out);
		clock_ns += MILLISECOND_NS;
	} while (what != NULL && reason == HZ_REASON_cookie_syn_ack &&
	         clock_ns < after_ns + MILLISECOND_NS);
	if (what != NULL) {
		tally->mismatches++;
		mismatch_print(tally, what, action, reason, in, &out, &model);
	}
	if (reason >= 0)
		tally->reason[reason]++;
	if (reason == HZ_REASON_shed_syn_ack) /* the world stays as it is */
		(void)rig_shed_told(rig, world->shed_told_ns);
	if (has_bad_sum(in, action, reason, &out, tally->is_hostile))
		tally->bad_sums++;
	if (action != XDP_PASS && !is_claimed_address(world, in))
		tally->strangers++;
	return true;
}

static bool world_run(struct rig *rig, const struct model_world *world, struct draw *draw,
                      struct model_tally *tally)
{
	struct wire frame;

	rig_verdicts(rig, tally->counters);
	for (uint32_t i = 0; i < FRAMES_PER_WORLD; i++) {
		frames_random(draw, world, &frame);
		if (!prog_model_frame(rig, world, &frame, tally))
			return false;
	}
	return true;
}

bool prog_model_run(struct rig *rig, uint64_t seed, uint64_t frames, struct model_tally *tally)
{
	struct model_world *world = malloc(sizeof(*world));
	struct draw worlds = { seed };
	bool did_run = world != NULL;

	while (did_run && tally->frames < frames) {
		struct draw draw = { draw_bits(&worlds) | 1 };
		int status;

		tally->world_seed = draw.state;
		status = tally->is_hostile ? worlds_hostile(&draw, world)
		                           : worlds_sane(&draw, world);
		if (status == 0)
			status = worlds_apply(rig, world);
		if (status == 0 && tally->is_hostile)
			status = worlds_scramble_counters(&draw, rig);
		if (status != 0)
			printf("# cannot make world 0x%llx: %s\n",
			       (unsigned long long)tally->world_seed, strerror(-status));
		did_run = status == 0 && world_run(rig, world, &draw, tally);
	}
	free(world);
	return did_run;
}

uint64_t prog_model_seed(void)
{
	const char *text = getenv("HZ_SEED");
	uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 0);

	return seed == 0 ? 1 : seed;
}

static void none_test(struct tap *tap, const char *name, uint64_t count,
                      const struct model_tally *tally)
{
	if (count == 0)
		tap_result(tap, name, NULL);
	else
		tap_fail(tap, name, "%llu of %llu frames, HZ_SEED=%llu", (unsigned long long)count,
		         (unsigned long long)tally->frames, (unsigned long long)prog_model_seed());
}

/* A generator that no longer reaches a verdict proves nothing about it. */
static const char *rarest(const struct model_tally *tally)
{
	for (int i = 0; i < HZ_REASON_COUNT; i++)
		if (tally->reason[i] < tally->frames / 20000)
			return rig_reason_name(i);
	return NULL;
}

void prog_model_results(struct tap *tap, const struct model_tally *tally)
{
	const char *kind = tally->is_hostile ? "hostile" : "sane", *missed;
	uint64_t sum = 0;
	char name[80];

	for (int i = 0; i < HZ_REASON_COUNT; i++)
		sum += tally->reason[i];
	snprintf(name, sizeof(name), "model.%s_worlds_no_verdict_outside_the_model", kind);
	none_test(tap, name, tally->mismatches, tally);
	snprintf(name, sizeof(name), "model.%s_worlds_one_reason_per_frame", kind);
	none_test(tap, name, tally->frames - sum, tally);
	snprintf(name, sizeof(name), "model.%s_worlds_no_bad_checksum", kind);
	none_test(tap, name, tally->bad_sums, tally);
	snprintf(name, sizeof(name), "model.%s_worlds_what_is_not_ours_passes", kind);
	none_test(tap, name, tally->strangers, tally);
	snprintf(name, sizeof(name), "model.%s_worlds_meet_every_reason", kind);
	missed = rarest(tally);
	if (missed == NULL)
		tap_result(tap, name, NULL);
	else
		tap_fail(tap, name, "%s is hardly met", missed);
	printf("# %s: %llu frames in %s worlds:", tap->prefix, (unsigned long long)tally->frames,
	       kind);
	for (int i = 0; i < HZ_REASON_COUNT; i++)
		printf(" %s %llu", rig_reason_name(i), (unsigned long long)tally->reason[i]);
	printf("\n");
}

/* Samples in the histogram of health answers. */
static uint64_t samples_count(const struct rig *rig)
{
	struct hz_hist hist;
	uint64_t count = 0;

	for (uint32_t cpu = 0; cpu < HZ_WORKERS_MAX; cpu++) {
		uint32_t index = cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;

		if (bpf_map_lookup_elem(rig->latency_fd, &index, &hist) != 0)
			return UINT64_MAX;
		for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++)
			count += hist.bucket[i];
	}
	return count;
}

static const char *samples_check(const struct rig *rig, const struct model_tally *tally)
{
	return samples_count(rig) == tally->reason[HZ_REASON_health_200] +
	                                     tally->reason[HZ_REASON_health_503] +
	                                     tally->reason[HZ_REASON_health_404]
	               ? NULL
	               : "there are more or fewer";
}

void prog_model_object(struct tap *tap, const char *object_path, uint64_t sane, uint64_t hostile)
{
	struct model_tally tally = { .is_hostile = false }, spoilt = { .is_hostile = true };
	struct rig rig;
	int status = rig_open_bare(&rig, object_path);

	if (status != 0) {
		tap_fail(tap, "model", "cannot load %s: %s", object_path, strerror(-status));
		return;
	}
	if (prog_model_run(&rig, prog_model_seed(), sane, &tally)) {
		prog_model_results(tap, &tally);
		tap_result(tap, "model.sane_worlds_one_sample_per_health_answer",
		           samples_check(&rig, &tally));
	}
	if (tally.frames >= sane && prog_model_run(&rig, prog_model_seed(), hostile, &spoilt)) {
		prog_model_results(tap, &spoilt);
	} else {
		tap_fail(tap, "model", "a run was refused: %s", strerror(errno));
	}
	rig_close(&rig);
}

void model_tests(struct tap *tap, const char *object_path)
{
	prog_model_object(tap, object_path, 150000, 50000);
}
