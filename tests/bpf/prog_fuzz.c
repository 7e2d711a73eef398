/* Frames cut at every byte, and frames with random bytes changed: a verdict always, counted once, and
 * every answer is well-formed. */
#include "bpf_rig.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET       "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
#define MUTATIONS 200000

static const struct wire_spec seeds[] = {
	{ .port = RIG_SITE_PORT, .source_port = 1, .flags = WIRE_SYN },
	{ .port = RIG_HEALTH_PORT, .source_port = 2, .flags = WIRE_SYN, .doff = 10 },
	{ .port = RIG_HEALTH_PORT, .source_port = 2, .flags = WIRE_ACK, .payload = GET },
	{ .port = RIG_HEALTH_PORT, .source_port = 2, .flags = WIRE_ACK | WIRE_FIN },
	{ .port = RIG_HEALTH_PORT, .source_port = 3, .flags = WIRE_SYN, .more_fragments = true },
	{ .port = RIG_SITE_PORT, .ip_option_bytes = 16, .flags = WIRE_SYN },
	{ .port = 0x0800, .protocol = 1, .payload = "abcdefgh" },
	{ .port = 53, .protocol = 17, .payload = "abcdefgh" },
};

static struct wire_spec seed_spec(size_t seed, int version, int tags)
{
	struct wire_spec spec = seeds[seed];

	spec.version = version;
	spec.tags = tags;
	if (spec.protocol == 1 && version == 6) {
		spec.protocol = 58;
		spec.port = 0x8000;
	}
	return spec;
}

/* The test run takes no frame shorter than an Ethernet header. */
static const char *cut_everywhere(struct rig *rig, const struct wire_spec *spec)
{
	struct wire frame;
	struct run run;

	wire_build(&frame, spec);
	for (size_t len = 14; len < frame.len; len++) {
		uint8_t *exact = malloc(len); /* as long as it is, for the sanitizer */
		bool did_run;

		if (exact == NULL)
			return "memory";
		memcpy(exact, frame.byte, len);
		did_run = rig_run(rig, exact, len, &run);
		free(exact);
		if (!did_run)
			return "the kernel refused to run it";
		if (run.reason < 0 || run.action != XDP_PASS ||
		    (run.reason != HZ_REASON_pass_short && run.reason != HZ_REASON_pass_not_ip))
			return "a cut frame was taken for a whole one";
		if (run.out.len != len || memcmp(run.out.byte, frame.byte, len) != 0)
			return "the frame was changed";
	}
	return NULL;
}

struct tally {
	uint64_t frames;
	uint64_t action[XDP_REDIRECT + 1];
	uint64_t malformed; /* TCP answers that are */
};

static uint32_t random_below(uint32_t bound)
{
	return (uint32_t)random() % bound;
}

static void mutate(struct wire *frame)
{
	for (uint32_t i = 1 + random_below(4); i > 0; i--) {
		size_t at = random_below((uint32_t)frame->len);

		switch (random_below(4)) {
		case 0:
			frame->byte[at] = (uint8_t)random();
			break;
		case 1:
			frame->byte[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 2:
			frame->byte[at] = random_below(2) ? 0xff : 0;
			break;
		default: /* cut or let grow */
			frame->len = 14 + random_below(386);
			break;
		}
	}
}

/* A TCP answer is told from an echo by its protocol field; echoes of damaged requests stay damaged. */
static bool answer_is_malformed(const uint8_t *frame, size_t len)
{
	struct wire_tcp reply;
	size_t l3 = 14;

	while (l3 < 22 && (frame[l3 - 2] == 0x81 || frame[l3 - 2] == 0x88))
		l3 += 4;
	if (frame[l3 - 1] == 0xdd ? frame[l3 + 6] == 58 : frame[l3 + 9] == 1)
		return false;
	return wire_take_apart(frame, len, &reply) != NULL;
}

static bool mutants_run(struct rig *rig, struct tally *tally)
{
	uint8_t out[WIRE_MAX];
	struct wire frame;
	size_t out_len;
	int action;

	for (uint32_t i = 0; i < MUTATIONS; i++) {
		struct wire_spec spec = seed_spec(random_below(HZ_ARRAY_LEN(seeds)),
		                                  random_below(2) ? 4 : 6, (int)random_below(3));

		wire_build(&frame, &spec);
		mutate(&frame);
		action = rig_run_bare(rig, frame.byte, frame.len, out, &out_len);
		if (action < 0 || action > XDP_REDIRECT)
			return false;
		tally->frames++;
		tally->action[action]++;
		if (action == XDP_TX && answer_is_malformed(out, out_len))
			tally->malformed++;
	}
	return true;
}

static void mutants_test(struct tap *tap, struct rig *rig)
{
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT], sum = 0;
	uint64_t by_reason[XDP_REDIRECT + 1] = { 0 };
	struct tally tally = { 0 };
	const char *text = getenv("HZ_SEED");
	unsigned seed = text == NULL ? 1 : (unsigned)strtoul(text, NULL, 0);

	srandom(seed);
	rig_verdicts(rig, before);
	if (!mutants_run(rig, &tally)) {
		tap_fail(tap, "fuzz.mutants_get_a_verdict", "frame %lu of HZ_SEED=%u",
		         (unsigned long)tally.frames, seed);
		return;
	}
	rig_verdicts(rig, after);
	for (int i = 0; i < HZ_REASON_COUNT; i++) {
		sum += after[i] - before[i];
		by_reason[rig_reason_action(i)] += after[i] - before[i];
	}
	tap_result(tap, "fuzz.mutants_get_a_verdict", NULL);
	if (sum == tally.frames)
		tap_result(tap, "fuzz.reasons_add_up_to_frames", NULL);
	else
		tap_fail(tap, "fuzz.reasons_add_up_to_frames", "%lu frames, %lu counted",
		         (unsigned long)tally.frames, (unsigned long)sum);
	tap_result(tap, "fuzz.reasons_agree_with_actions",
	           memcmp(by_reason, tally.action, sizeof(by_reason)) == 0 ? NULL : "they do not");
	if (tally.malformed == 0 && tally.action[XDP_TX] > 1000)
		tap_result(tap, "fuzz.answers_are_well_formed", NULL);
	else
		tap_fail(tap, "fuzz.answers_are_well_formed", "%lu of %lu are not, HZ_SEED=%u",
		         (unsigned long)tally.malformed, (unsigned long)tally.action[XDP_TX], seed);
	printf("# %s: %lu mutants: pass %lu drop %lu tx %lu steer %lu\n", tap->prefix,
	       (unsigned long)tally.frames, (unsigned long)tally.action[XDP_PASS],
	       (unsigned long)tally.action[XDP_DROP], (unsigned long)tally.action[XDP_TX],
	       (unsigned long)tally.action[XDP_REDIRECT]);
}

void fuzz_tests(struct tap *tap, struct rig *rig)
{
	rig_state_reset(rig);
	rig->cfg.beat_timeout_ns = 3600 * HZ_NS_PER_S;
	rig_state_apply(rig);
	(void)rig_socket(rig, true);
	for (size_t seed = 0; seed < HZ_ARRAY_LEN(seeds); seed++)
		for (int version = 4; version <= 6; version += 2)
			for (int tags = 0; tags <= 2; tags++) {
				struct wire_spec spec = seed_spec(seed, version, tags);
				char name[64];

				snprintf(name, sizeof(name), "fuzz.v%d.tags%d.seed%zu_cut_passes",
				         version, tags, seed);
				tap_result(tap, name, cut_everywhere(rig, &spec));
			}
	mutants_test(tap, rig);
	(void)rig_socket(rig, false);
}
