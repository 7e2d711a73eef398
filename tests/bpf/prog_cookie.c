/* SYN cookies of a site's port: what the worker's half makes of what XDP sends, and what XDP makes of echoes,
 * old ones, forged ones and guesses. The header that both are compiled with is here the worker's. */
#include "abi/cookie_syn.h"
#include "bpf_rig.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#define GUESSES 1000000

static const uint8_t linux_options[20] = { 2,    4,    5, 0xb4, 4, 2, 8, 10, 0x11, 0x22,
	                                   0x33, 0x44, 0, 0,    0, 0, 1, 3,  3,    7 };

/* Keys that are the same in every run; XDP answers for the next minute. */
static struct hz_cookies cookies_on(struct rig *rig)
{
	struct hz_cookies cookies = { .token = 0x0123456789abcdef, .mss4 = 1460, .mss6 = 1440 };
	uint32_t zero = 0;

	memset(cookies.key, 0x5a, sizeof(cookies.key));
	memset(&cookies.flow, 0xa5, sizeof(cookies.flow));
	cookies.answer_until_ns = cookies.verify_until_ns = rig_now_ns() + 60 * HZ_NS_PER_S;
	bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
	return cookies;
}

static struct wire_spec spec_of(int version, int tags, uint8_t flags)
{
	return (struct wire_spec){ .version = version,
		                   .tags = tags,
		                   .protocol = 6,
		                   .source_port = 40000,
		                   .port = RIG_SITE_PORT,
		                   .seq = 1000,
		                   .flags = flags };
}

static uint64_t flow_hash(const struct hz_cookies *cookies, const struct wire_spec *spec)
{
	struct hz_cookie_flow flow;
	struct wire frame;
	const uint8_t *ip;

	wire_build(&frame, spec);
	ip = frame.byte + wire_l3(spec);
	memset(&flow, 0, sizeof(flow));
	if (spec->version == 6) {
		memcpy(&flow, ip + 8, 32);
	} else {
		flow.remote.byte[10] = flow.remote.byte[11] = 0xff;
		flow.local.byte[10] = flow.local.byte[11] = 0xff;
		memcpy(flow.remote.byte + 12, ip + 12, 4);
		memcpy(flow.local.byte + 12, ip + 16, 4);
	}
	memcpy(&flow.ports, frame.byte + wire_l4(spec), sizeof(flow.ports));
	return hz_cookie_flow_hash(&cookies->flow, &flow);
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A SYN with these options; NULL, or what is wrong with the answer, which is in *run. */
static const char *syn_send(struct rig *rig, const struct wire_spec *spec, const uint8_t *option,
                            size_t bytes, struct wire_tcp *reply, struct run *run)
{
	struct wire frame;
	const char *wrong;

	wire_build(&frame, spec);
	wire_put_options(&frame, spec, option, bytes);
	if (!rig_run(rig, frame.byte, frame.len, run))
		return "no run";
	if (run->reason != HZ_REASON_cookie_syn_ack)
		return rig_reason_name(run->reason);
	wrong = wire_take_apart(run->out.byte, run->out.len, reply);
	if (wrong == NULL)
		wrong = wire_is_answer_to(reply, spec);
	if (wrong == NULL && (reply->flags != (WIRE_SYN | WIRE_ACK) || reply->ack != spec->seq + 1))
		wrong = "no SYN-ACK";
	return wrong;
}

/* As the worker reads it when it comes back. */
static const char *syn_is_answered(struct rig *rig, int version, int tags)
{
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_spec spec = spec_of(version, tags, WIRE_SYN);
	uint64_t hash = flow_hash(&cookies, &spec), before_ns = rig_now_ns();
	struct wire_tcp reply;
	struct run run;
	const char *wrong = syn_send(rig, &spec, linux_options, 20, &reply, &run);
	const uint8_t *option;
	int32_t behind;

	if (wrong != NULL)
		return wrong;
	option = run.out.byte + run.out.len - 20;
	behind = (int32_t)((uint32_t)(before_ns / HZ_NS_PER_MS) + hz_cookie_ts_offset(hash) -
	                   be32(option + 8));
	if (hz_cookie_check(&cookies, hash, spec.seq, reply.seq, rig_now_ns()) != 1460)
		return "no cookie, or not of this MSS";
	if (reply.mss != (version == 4 ? 1460 : 1440))
		return "MSS";
	if (memcmp(option + 4, "\4\2\10\12", 4) != 0 || memcmp(option + 16, "\1\3\3\2", 4) != 0 ||
	    be32(option + 12) != 0x11223344)
		return "options";
	if ((be32(option + 8) & HZ_COOKIE_TS_MASK) != (7 | HZ_COOKIE_TS_SACK))
		return "scale and SACK are not in the timestamp";
	/* 32 to 63 when it ran; that was later than the clock was read here, on a busy machine a while */
	return behind > 63 || behind < -1000 ? "clock" : NULL;
}

/* Only what brings itself back is offered. */
static const char *syn_without_timestamps(struct rig *rig)
{
	static const uint8_t windows[12] = { 2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2 };
	struct wire_spec spec = spec_of(4, 0, WIRE_SYN);
	struct wire_tcp reply;
	struct run run;
	const char *wrong;

	(void)cookies_on(rig);
	wrong = syn_send(rig, &spec, windows, sizeof(windows), &reply, &run);
	if (wrong != NULL)
		return wrong;
	return run.out.len == 14 + 20 + 24 && reply.mss == 1460 ? NULL : "more than the MSS";
}

static const char *syn_with_other_layouts(struct rig *rig)
{
	static const uint8_t macos[24] = { 2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10,
		                           9, 9, 9, 9,    0, 0, 0, 0, 4, 2, 0, 0 };
	static const uint8_t bsd[20] = { 2, 4,  5, 0xb4, 1, 3, 3, 6, 4, 2,
		                         8, 10, 9, 9,    9, 9, 0, 0, 0, 0 };
	const struct {
		const uint8_t *option;
		size_t bytes;
	} each[] = { { macos, sizeof(macos) }, { bsd, sizeof(bsd) } };
	struct wire_spec spec = spec_of(4, 0, WIRE_SYN);

	(void)cookies_on(rig);
	for (size_t i = 0; i < HZ_ARRAY_LEN(each); i++) {
		struct wire_tcp reply;
		struct run run;
		const char *wrong =
			syn_send(rig, &spec, each[i].option, each[i].bytes, &reply, &run);
		const uint8_t *option = run.out.byte + run.out.len - 20;

		if (wrong != NULL)
			return wrong;
		if ((be32(option + 8) & HZ_COOKIE_TS_MASK) != (6 | HZ_COOKIE_TS_SACK) ||
		    be32(option + 12) != 0x09090909)
			return i == 0 ? "macOS" : "BSD";
	}
	return NULL;
}

/* What a worker refuses would be its flood again: each costs it as much as a good one. */
static const char *syn_that_no_worker_takes(struct rig *rig, int version)
{
	static const uint8_t bad[][4] = { { 2, 3, 5, 0xb4 }, { 3, 4, 1, 1 }, { 4, 3, 0, 0 },
		                          { 8, 4, 0, 0 },    { 1, 1, 1, 2 }, { 1, 1, 30, 3 },
		                          { 30, 1, 0, 0 } };
	struct wire_spec spec = spec_of(version, 0, WIRE_SYN);
	struct wire_tcp reply;
	struct wire frame;
	struct run run;

	(void)cookies_on(rig);
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		(void)syn_send(rig, &spec, bad[i], sizeof(bad[i]), &reply, &run);
		if (run.reason != HZ_REASON_cookie_bad)
			return "options that lie";
	}
	spec.bad_source = true;
	(void)syn_send(rig, &spec, linux_options, 20, &reply, &run);
	if (run.reason != HZ_REASON_cookie_bad)
		return "source that nobody has";
	spec = spec_of(version, 0, WIRE_SYN | WIRE_FIN);
	(void)syn_send(rig, &spec, linux_options, 20, &reply, &run);
	if (run.reason != HZ_REASON_cookie_bad)
		return "SYN and FIN";
	spec = spec_of(version, 0, WIRE_SYN);
	wire_build(&frame, &spec);
	frame.byte[wire_l4(&spec) + 12] = 0xf0;
	return rig_run(rig, frame.byte, frame.len, &run) && run.reason == HZ_REASON_cookie_bad
	               ? NULL
	               : "a header longer than the segment";
}

/* Nobody told XDP to answer, so the worker judges even those. */
static const char *syn_is_left_to_the_worker(struct rig *rig)
{
	static const uint8_t bad[4] = { 2, 3, 5, 0xb4 };
	struct wire_spec spec = spec_of(4, 0, WIRE_SYN);
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_tcp reply;
	uint32_t zero = 0;
	struct run run;

	cookies.answer_until_ns = rig_now_ns() - 1;
	bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
	(void)syn_send(rig, &spec, bad, sizeof(bad), &reply, &run);
	if (run.reason != HZ_REASON_steer)
		return "options that lie";
	(void)syn_send(rig, &spec, linux_options, 20, &reply, &run);
	return run.reason == HZ_REASON_steer ? NULL : "time over";
}

/* One segment; its reason. */
static int ack_send(struct rig *rig, struct wire_spec spec, uint32_t ack, struct run *run)
{
	struct wire frame;

	spec.ack = ack;
	wire_build(&frame, &spec);
	return rig_run(rig, frame.byte, frame.len, run) ? run->reason : -1;
}

static const char *echo_gets_its_note(struct rig *rig, int version, int tags)
{
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_spec spec = spec_of(version, tags, WIRE_ACK);
	uint64_t hash = flow_hash(&cookies, &spec);
	uint32_t cookie = hz_cookie_make(&cookies, hash, spec.seq - 1, 1399, rig_now_ns());
	struct hz_cookie_note note;
	struct wire frame;
	struct run run;

	if (ack_send(rig, spec, cookie + 1, &run) != HZ_REASON_steer_cookie)
		return rig_reason_name(run.reason);
	spec.ack = cookie + 1;
	wire_build(&frame, &spec);
	if (run.out.len != frame.len + sizeof(note) ||
	    memcmp(run.out.byte + sizeof(note), frame.byte, frame.len) != 0)
		return "the frame is not as it came";
	memcpy(&note, run.out.byte, sizeof(note));
	return note.token == cookies.token && note.seq == spec.seq && note.ack == spec.ack &&
	                       note.mss == 1380 && note.ts_offset == hz_cookie_ts_offset(hash)
	               ? NULL
	               : "note";
}

/* Each is steered, and nothing is said of it. */
static const char *echo_of_another_is_none(struct rig *rig)
{
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_spec spec = spec_of(4, 0, WIRE_ACK), other;
	uint64_t hash = flow_hash(&cookies, &spec), now_ns = rig_now_ns();
	uint32_t ack = hz_cookie_make(&cookies, hash, spec.seq - 1, 1460, now_ns) + 1;
	struct run run;

	if (ack_send(rig, spec, ack, &run) != HZ_REASON_steer_cookie)
		return "the right one";
	for (int bit = 0; bit < 32; bit++)
		if (ack_send(rig, spec, ack ^ 1u << bit, &run) != HZ_REASON_steer)
			return "a bit of the number";
	other = spec;
	other.seq++;
	if (ack_send(rig, other, ack, &run) != HZ_REASON_steer)
		return "the peer's number";
	other = spec;
	other.source_port++;
	if (ack_send(rig, other, ack, &run) != HZ_REASON_steer)
		return "port";
	other = spec;
	other.flags = WIRE_ACK | WIRE_RST;
	if (ack_send(rig, other, ack, &run) != HZ_REASON_steer)
		return "RST";
	other.flags = WIRE_ACK | WIRE_SYN;
	return ack_send(rig, other, ack, &run) == HZ_REASON_steer ? NULL : "SYN-ACK";
}

static const char *echo_of_old_cookie_is_none(struct rig *rig)
{
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_spec spec = spec_of(6, 0, WIRE_ACK | WIRE_PSH);
	uint64_t hash = flow_hash(&cookies, &spec), now_ns = rig_now_ns();
	struct run run;

	for (uint64_t age = 0; age <= 33; age++) {
		uint32_t cookie =
			hz_cookie_of(&cookies, hash, spec.seq - 1, (now_ns >> 36) - age, 6);
		int want = age <= 1 ? HZ_REASON_steer_cookie : HZ_REASON_steer;

		if (ack_send(rig, spec, cookie + 1, &run) != want)
			return "age";
	}
	return NULL;
}

/* A key of the epoch, and no other: the second is thrown away, then the first. */
static const char *keys_are_those_of_the_epoch(struct rig *rig)
{
	struct hz_cookies cookies = cookies_on(rig);
	struct wire_spec spec = spec_of(4, 0, WIRE_ACK);
	uint64_t now_ns = rig_now_ns(), epoch = hz_cookie_epoch(now_ns);
	uint64_t hash = flow_hash(&cookies, &spec);
	uint32_t ack = hz_cookie_make(&cookies, hash, spec.seq - 1, 1460, now_ns) + 1, zero = 0;
	struct run run;

	memset(&cookies.key[~epoch & 1], 0x77, sizeof(cookies.key[0]));
	bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
	if (ack_send(rig, spec, ack, &run) != HZ_REASON_steer_cookie)
		return "the other key counts";
	memset(&cookies.key[epoch & 1], 0x77, sizeof(cookies.key[0]));
	bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
	return ack_send(rig, spec, ack, &run) == HZ_REASON_steer ? NULL : "no key counts";
}

/* 16 of 2^32 numbers are right: none is expected among a million. */
static const char *guesses_are_refused(struct rig *rig)
{
	struct wire_spec spec = spec_of(4, 0, WIRE_ACK);
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT], state = 88172645463325252u;
	uint8_t out[WIRE_MAX];
	struct wire frame;
	size_t len;

	(void)cookies_on(rig);
	wire_build(&frame, &spec);
	rig_verdicts(rig, before);
	for (int i = 0; i < GUESSES; i++) {
		uint32_t guess;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		guess = (uint32_t)(state >> 16);
		memcpy(frame.byte + wire_l4(&spec) + 8, &guess, sizeof(guess));
		if (rig_run_bare(rig, frame.byte, frame.len, out, &len) < 0)
			return "no run";
	}
	rig_verdicts(rig, after);
	if (after[HZ_REASON_steer_cookie] != before[HZ_REASON_steer_cookie])
		return "one was accepted";
	return after[HZ_REASON_steer] - before[HZ_REASON_steer] == GUESSES ? NULL
	                                                                   : "not all steered";
}

void cookie_tests(struct tap *tap, struct rig *rig)
{
	const struct hz_cookies none = { 0 };
	uint32_t zero = 0;
	char name[80];

	rig_state_reset(rig);
	rig_state_apply(rig);
	if (rig->socket_fd < 0 || rig_socket(rig, true) != 0) {
		tap_skip(tap, "cookie", "the kernel has no AF_XDP");
		return;
	}
	for (int version = 4; version <= 6; version += 2) {
		for (int tags = 0; tags <= 2; tags++) {
			snprintf(name, sizeof(name), "cookie.syn_is_answered_v%d_tags%d", version,
			         tags);
			tap_result(tap, name, syn_is_answered(rig, version, tags));
			snprintf(name, sizeof(name), "cookie.echo_gets_its_note_v%d_tags%d",
			         version, tags);
			tap_result(tap, name, echo_gets_its_note(rig, version, tags));
		}
	}
	tap_result(tap, "cookie.syn_without_timestamps", syn_without_timestamps(rig));
	tap_result(tap, "cookie.syn_with_other_layouts", syn_with_other_layouts(rig));
	tap_result(tap, "cookie.syn_that_no_worker_takes_is_dropped_v4",
	           syn_that_no_worker_takes(rig, 4));
	tap_result(tap, "cookie.syn_that_no_worker_takes_is_dropped_v6",
	           syn_that_no_worker_takes(rig, 6));
	tap_result(tap, "cookie.syn_is_left_to_the_worker", syn_is_left_to_the_worker(rig));
	tap_result(tap, "cookie.echo_of_another_is_none", echo_of_another_is_none(rig));
	tap_result(tap, "cookie.echo_of_old_cookie_is_none", echo_of_old_cookie_is_none(rig));
	tap_result(tap, "cookie.keys_are_those_of_the_epoch", keys_are_those_of_the_epoch(rig));
	tap_result(tap, "cookie.million_guesses_are_refused", guesses_are_refused(rig));
	bpf_map_update_elem(rig->cookies_fd, &zero, &none, BPF_ANY);
	(void)rig_socket(rig, false);
}
