/* Samples of dropped frames: the first at once, then few; and a ring that is full changes no verdict. */
#include "abi/shed_word.h"
#include "bpf_rig.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define DROPS 2000

struct samples {
	struct hz_sample last; /* as the ring had it */
	uint64_t frames;       /* that the records speak of */
	unsigned records;
};

static int record_take(void *ctx, void *record, size_t bytes)
{
	struct samples *samples = ctx;

	if (bytes == sizeof(samples->last)) {
		memcpy(&samples->last, record, bytes);
		samples->frames += samples->last.frames;
		samples->records++;
	}
	return 0;
}

static int map_fd(const struct rig *rig, const char *name)
{
	return bpf_object__find_map_fd_by_name(rig->object, name);
}

/* Frames dropped for a reason whose sample has not gone out, what went out, and what was refused. */
static struct hz_sample_gate gate_sum(const struct rig *rig, uint32_t reason)
{
	struct hz_sample_gate *each = calloc((size_t)rig->cpus, sizeof(*each)), sum = { 0 };

	if (each != NULL && bpf_map_lookup_elem(map_fd(rig, "sample_gate"), &reason, each) == 0)
		for (int i = 0; i < rig->cpus; i++) {
			sum.frames += each[i].frames;
			sum.taken += each[i].taken;
			sum.refused += each[i].refused;
		}
	free(each);
	return sum;
}

static uint64_t slots_used(const struct rig *rig)
{
	struct hz_sample slot;
	uint64_t used = 0;

	for (uint32_t i = 0; i < HZ_SAMPLES_MAX; i++)
		if (bpf_map_lookup_elem(map_fd(rig, "drops"), &i, &slot) == 0)
			used += slot.header.bytes == sizeof(slot);
	return used;
}

static bool drop_one(struct rig *rig, const struct wire *frame, int reason)
{
	struct run run;

	return rig_run(rig, frame->byte, frame->len, &run) && run.action == XDP_DROP &&
	       run.reason == reason;
}

static const char *first_drop_is_sampled(struct rig *rig, struct ring_buffer *ring,
                                         struct samples *samples, const struct wire *frame)
{
	uint64_t used = slots_used(rig);

	if (!drop_one(rig, frame, HZ_REASON_drop_fragment))
		return "not dropped";
	(void)ring_buffer__consume(ring);
	if (samples->records != 1)
		return "no event, or too many";
	if (samples->last.header.kind != HZ_EVENT_DROP ||
	    samples->last.reason != HZ_REASON_drop_fragment || samples->last.frames != 1 ||
	    samples->last.frame_bytes != frame->len || samples->last.ifindex != 1)
		return "event";
	if (memcmp(samples->last.data, frame->byte, HZ_MIN(frame->len, (size_t)HZ_SAMPLE_BYTES)) !=
	    0)
		return "bytes of the frame";
	return slots_used(rig) == used + 1 ? NULL : "no slot was filled";
}

static const char *flood_gives_few(struct rig *rig, struct ring_buffer *ring,
                                   struct samples *samples, const struct wire *frame)
{
	uint64_t started_ns = rig_now_ns(), may_be;
	struct hz_sample_gate gate;

	for (int i = 0; i < DROPS; i++)
		if (!drop_one(rig, frame, HZ_REASON_drop_fragment))
			return "not dropped";
	(void)ring_buffer__consume(ring);
	/* ticks are 1 ms at least; each CPU we ran on may give one more */
	may_be = 2 + (rig_now_ns() - started_ns) / (64 * HZ_NS_PER_MS);
	may_be += (uint64_t)rig->cpus;
	gate = gate_sum(rig, HZ_REASON_drop_fragment);
	if (samples->records != gate.taken || gate.taken > may_be)
		return "too many events";
	return samples->frames + gate.frames == 1 + DROPS
	               ? NULL
	               : "frames are not counted from sample to sample";
}

static const char *idle_gives_none(struct rig *rig)
{
	const struct wire_spec rst = { .port = RIG_HEALTH_PORT,
		                       .source_port = 7,
		                       .flags = WIRE_RST };
	struct wire frame;

	wire_build(&frame, &rst);
	if (!drop_one(rig, &frame, HZ_REASON_health_idle))
		return "not dropped";
	return gate_sum(rig, HZ_REASON_health_idle).taken == 0 ? NULL : "it is no loss";
}

/* Refusals that are answered leave by TX: what is shown is what came, not the answer. */
static const char *refusals_are_sampled(struct rig *rig, struct ring_buffer *ring,
                                        struct samples *samples)
{
	static const struct {
		uint32_t verdict;
		int reason;
	} each[] = { { HZ_SHED_RESET, HZ_REASON_shed_reset },
		     { HZ_SHED_ANSWER503, HZ_REASON_shed_syn_ack },
		     { HZ_SHED_ANSWER503, HZ_REASON_shed_503 } };
	struct wire_spec spec = { .port = RIG_SITE_PORT, .source_port = 9, .flags = WIRE_SYN };
	struct wire_tcp reply;
	struct wire frame;
	struct run run;

	rig->beat[0].shed = hz_shed_word(1000, 1000, 0, 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(each); i++) {
		unsigned before = samples->records;

		rig->cfg.shed_verdict = each[i].verdict;
		rig_state_apply(rig);
		wire_build(&frame, &spec);
		if (!rig_run(rig, frame.byte, frame.len, &run) || run.reason != each[i].reason)
			return rig_reason_name(run.reason);
		(void)ring_buffer__consume(ring);
		if (samples->records != before + 1 ||
		    samples->last.reason != (uint32_t)each[i].reason)
			return "no event, or too many";
		if (samples->last.frame_bytes != frame.len ||
		    memcmp(samples->last.data, frame.byte,
		           HZ_MIN(frame.len, (size_t)HZ_SAMPLE_BYTES)) != 0)
			return "not the frame that came";
		if (each[i].reason == HZ_REASON_shed_syn_ack &&
		    wire_take_apart(run.out.byte, run.out.len, &reply) == NULL) {
			spec.flags = WIRE_ACK;
			spec.seq++;
			spec.ack = reply.seq + 1;
			spec.payload = "GET / HTTP/1.1\r\n\r\n";
		}
	}
	return NULL;
}

/* Nobody reads. One sample per reason is no flood, so the ring is filled by frames of long ago. */
static const char *full_ring_changes_nothing(struct rig *rig, const struct wire *frame)
{
	const uint32_t reason = HZ_REASON_drop_fragment;
	struct hz_sample_gate *open = calloc((size_t)rig->cpus, sizeof(*open)), gate;
	const char *why = NULL;

	if (open == NULL)
		return "memory";
	for (int i = 0; i < 20000 && why == NULL; i++) {
		(void)bpf_map_update_elem(map_fd(rig, "sample_gate"), &reason, open, BPF_ANY);
		if (!drop_one(rig, frame, HZ_REASON_drop_fragment))
			why = "a verdict changed";
	}
	gate = gate_sum(rig, reason);
	free(open);
	if (why != NULL)
		return why;
	return gate.refused == 1 ? NULL : "the ring is not full, or it was not counted";
}

void sample_tests(struct tap *tap, const char *object_path)
{
	const struct wire_spec spec = { .port = RIG_SITE_PORT,
		                        .source_port = 9,
		                        .more_fragments = true,
		                        .payload =
		                                "GET / HTTP/1.1\r\nHost: a\r\nA: 0123456789\r\n" };
	struct samples samples = { .records = 0 };
	struct ring_buffer *ring;
	struct wire frame;
	struct rig rig;
	int status = rig_open(&rig, object_path);

	if (status != 0) {
		tap_fail(tap, "sample", "cannot load: %s", strerror(-status));
		return;
	}
	wire_build(&frame, &spec);
	ring = ring_buffer__new(map_fd(&rig, "events"), record_take, &samples, NULL);
	if (ring == NULL) {
		tap_fail(tap, "sample", "no ring: %s", strerror(errno));
		rig_close(&rig);
		return;
	}
	tap_result(tap, "sample.first_drop_is_sampled",
	           first_drop_is_sampled(&rig, ring, &samples, &frame));
	tap_result(tap, "sample.flood_gives_few", flood_gives_few(&rig, ring, &samples, &frame));
	tap_result(tap, "sample.idle_gives_none", idle_gives_none(&rig));
	tap_result(tap, "sample.refusals_are_sampled_as_they_came",
	           refusals_are_sampled(&rig, ring, &samples));
	tap_result(tap, "sample.full_ring_changes_nothing",
	           full_ring_changes_nothing(&rig, &frame));
	ring_buffer__free(ring);
	rig_close(&rig);
}
