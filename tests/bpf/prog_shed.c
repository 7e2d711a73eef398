/* Refusing new flows: how many, which ones, and whose word it is. */
#include "prog_shed.h"
#include "abi/shed_word.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#define FLOWS 1000000u
#define BATCH 4096u

void prog_shed_set(struct rig *rig, uint64_t word, uint32_t verdict)
{
	rig_state_reset(rig);
	rig->beat[0].shed = word;
	rig->cfg.shed_verdict = verdict;
	rig_state_apply(rig);
	(void)rig_shed_told(rig, 0);
}

int prog_shed_syn(struct rig *rig, int version, uint16_t source_port, uint32_t seq)
{
	const struct wire_spec spec = { .version = version,
		                        .port = RIG_SITE_PORT,
		                        .source_port = source_port,
		                        .seq = seq,
		                        .flags = WIRE_SYN };
	struct wire frame;
	struct run run;

	wire_build(&frame, &spec);
	return rig_run(rig, frame.byte, frame.len, &run) ? run.reason : -1;
}

/* --- how many ---------------------------------------------------------------------------------------- */

/* SYNs of a million flows: every source port of 16 addresses, the checksum left as it was. */
static bool flows_run(struct rig *rig, uint32_t count, uint64_t reasons[HZ_REASON_COUNT])
{
	const struct wire_spec spec = { .version = 4, .port = RIG_SITE_PORT, .flags = WIRE_SYN };
	uint64_t before[HZ_REASON_COUNT];
	uint8_t out[WIRE_MAX];
	struct wire frame;
	size_t out_len;

	wire_build(&frame, &spec);
	rig_verdicts(rig, before);
	for (uint32_t flow = 0; flow < count; flow++) {
		frame.byte[wire_l3(&spec) + 15] = (uint8_t)(10 + flow / 65536);
		frame.byte[wire_l4(&spec)] = (uint8_t)(flow >> 8);
		frame.byte[wire_l4(&spec) + 1] = (uint8_t)flow;
		if (flow % BATCH == 0) { /* the beat of the rig is made once */
			rig->beat[0].beat_ns = rig_now_ns();
			rig_state_apply(rig);
		}
		if (rig_run_bare(rig, frame.byte, frame.len, out, &out_len) < 0)
			return false;
	}
	rig_verdicts(rig, reasons);
	for (int i = 0; i < HZ_REASON_COUNT; i++)
		reasons[i] -= before[i];
	return true;
}

/* NULL: of count flows the level is refused, give or take a hundredth of all. */
static const char *share_check(struct rig *rig, uint32_t permille, uint32_t count)
{
	uint64_t reasons[HZ_REASON_COUNT], refused, want = (uint64_t)count * permille / 1000;

	prog_shed_set(rig, prog_shed_all(permille), HZ_SHED_DROP);
	if (!flows_run(rig, count, reasons))
		return "a run was refused";
	refused = reasons[HZ_REASON_shed_drop];
	if (refused + reasons[HZ_REASON_pass_no_socket] != count)
		return "another reason than these two";
	if (refused > want + count / 100 || refused + count / 100 < want)
		return "more or fewer are refused than asked for";
	return NULL;
}

static void share_tests(struct tap *tap, struct rig *rig)
{
	tap_result(tap, "shed.a_million_flows_300_permille_are_refused",
	           share_check(rig, 300, FLOWS));
	tap_result(tap, "shed.900_permille_are_refused", share_check(rig, 900, FLOWS / 10));
	tap_result(tap, "shed.1000_permille_are_all", share_check(rig, 1000, FLOWS / 100));
	tap_result(tap, "shed.0_permille_are_none", share_check(rig, 0, FLOWS / 100));
}

/* --- which ones -------------------------------------------------------------------------------------- */

/* A retransmission, and another try from the same port with another number. */
static const char *same_flow(struct rig *rig, int version)
{
	unsigned refused = 0;

	prog_shed_set(rig, prog_shed_all(500), HZ_SHED_DROP);
	for (uint16_t port = 1; port <= 1000; port++) {
		int first = prog_shed_syn(rig, version, port, 1000);

		refused += first == HZ_REASON_shed_drop;
		for (uint32_t again = 0; again < 3; again++)
			if (prog_shed_syn(rig, version, port, 1000 + again * 77777) != first)
				return "the same flow met another verdict";
	}
	return refused > 400 && refused < 600 ? NULL : "half of the flows are not half";
}

/* Who is refused at a level is refused at each higher one. */
static const char *grows_by_flows(struct rig *rig)
{
	int before[500] = { 0 };

	for (uint32_t permille = 0; permille <= 1000; permille += 200) {
		prog_shed_set(rig, prog_shed_all(permille), HZ_SHED_DROP);
		for (uint16_t port = 0; port < HZ_ARRAY_LEN(before); port++) {
			int reason = prog_shed_syn(rig, 4, (uint16_t)(port + 1), 1);

			if (before[port] == HZ_REASON_shed_drop && reason != before[port])
				return "a higher level lets in who was refused";
			before[port] = reason;
		}
	}
	return NULL;
}

static unsigned refused_of(struct rig *rig, uint16_t count)
{
	unsigned refused = 0;

	for (uint16_t port = 1; port <= count; port++)
		refused += prog_shed_syn(rig, 4, port, 1) != HZ_REASON_pass_no_socket;
	return refused;
}

static const char *whose_level(struct rig *rig)
{
	prog_shed_set(rig, 0, HZ_SHED_DROP);
	rig->cfg.workers = 3;
	rig->beat[1] = rig->beat[2] = rig->beat[0];
	rig->beat[1].queue = 1;
	rig->beat[1].shed = prog_shed_all(1000);
	rig_state_apply(rig);
	if (refused_of(rig, 50) != 50)
		return "another worker's level does not count";
	rig->beat[1].beat_ns -= 11 * HZ_NS_PER_S;
	rig_state_apply(rig);
	if (refused_of(rig, 50) != 0)
		return "a dead worker left its level behind";
	rig->beat[1].beat_ns = rig_now_ns();
	rig->cfg.workers = 1;
	rig_state_apply(rig);
	return refused_of(rig, 50) == 0 ? NULL : "a worker of an earlier run counts";
}

/* Each field is that of the worker that wants most of it, whichever number is larger as a whole. */
static const char *words_add_up(struct rig *rig)
{
	static const struct {
		uint64_t one, other;
		uint16_t port;
		uint32_t drops, tells; /* of 1000 */
	} each[] = {
		{ (uint64_t)333 << 32 | 900 << 16 | 300, 900 << 16 | 900, RIG_GOLD_PORT, 900, 0 },
		{ (uint64_t)600 << 32, 200 << 16, RIG_SITE_PORT, 200, 400 },
		{ (uint64_t)500 << 48, (uint64_t)1000 << 32, RIG_GOLD_PORT, 500, 500 },
		{ (uint64_t)1 << 48 | 700, 100 << 16, RIG_SITE_PORT, 100, 0 },
	};
	const char *why = NULL;

	for (size_t i = 0; i < 2 * HZ_ARRAY_LEN(each) && why == NULL; i++) {
		size_t row = i / 2, first = i % 2; /* and it does not matter whose is whose */
		struct wire_spec spec = { .port = each[row].port, .flags = WIRE_SYN };
		uint32_t drops = 0, tells = 0;

		prog_shed_set(rig, 0, HZ_SHED_DROP);
		rig->cfg.workers = 2;
		rig->beat[1] = rig->beat[0];
		rig->beat[1].queue = 1;
		rig->beat[first].shed = each[row].one;
		rig->beat[!first].shed = each[row].other;
		rig_state_apply(rig);
		for (spec.source_port = 1; spec.source_port <= 1000; spec.source_port++) {
			struct wire frame;
			struct run run;

			wire_build(&frame, &spec);
			if (!rig_run(rig, frame.byte, frame.len, &run))
				return "no run";
			drops += run.reason == HZ_REASON_shed_drop;
			tells += run.reason == HZ_REASON_shed_syn_ack;
		}
		if (drops + 50 < each[row].drops || drops > each[row].drops + 50)
			why = "another share is dropped";
		else if (tells + 50 < each[row].tells || tells > each[row].tells + 50)
			why = "another share is told";
	}
	return why;
}

void shed_tests(struct tap *tap, struct rig *rig)
{
	(void)rig_socket(rig, false);
	share_tests(tap, rig);
	tap_result(tap, "shed.same_flow_same_verdict_v4", same_flow(rig, 4));
	tap_result(tap, "shed.same_flow_same_verdict_v6", same_flow(rig, 6));
	tap_result(tap, "shed.higher_level_refuses_the_same_flows_and_more", grows_by_flows(rig));
	tap_result(tap, "shed.level_is_that_of_the_worst_live_worker", whose_level(rig));
	tap_result(tap, "shed.two_words_each_field_of_the_worse", words_add_up(rig));
	shed_words_tests(tap, rig);
	rig_state_reset(rig);
	rig_state_apply(rig);
}
