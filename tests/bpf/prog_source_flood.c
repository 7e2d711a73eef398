/* The limit per source beside what else happens to a SYN: a dead worker, cookies, a limit that was another one,
 * a port that has none. */
#include "abi/cookie_syn.h"
#include "bpf_rig.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#define SITE    .port = RIG_SITE_PORT, .source_port = 40000, .seq = 1000
#define HOUR_NS (3600 * HZ_NS_PER_S)
#define MIN_NS  (60 * HZ_NS_PER_S)

static struct hz_addr client_of(int version)
{
	return version == 4 ? (struct hz_addr){ .byte = { [10] = 0xff, 0xff, 10, 7, 0, 1 } }
	                    : (struct hz_addr){ .byte = { 0xfd, 0x07 } };
}

/* When the client's flows so far would have come, from now on; 0: nobody knows it. */
static uint64_t client_ahead_ns(const struct rig *rig, int version)
{
	struct hz_addr who = client_of(version);
	struct hz_src known;
	uint64_t now_ns = rig_now_ns();

	if (bpf_map_lookup_elem(rig->src_fd, &who, &known) != 0)
		return 0;
	return known.due_ns > now_ns ? known.due_ns - now_ns : 1;
}

static bool client_set(const struct rig *rig, int version, uint64_t ahead_ns)
{
	struct hz_addr who = client_of(version);
	const struct hz_src known = { .due_ns = rig_now_ns() + ahead_ns };

	return bpf_map_update_elem(rig->src_fd, &who, &known, BPF_ANY) == 0;
}

static void cookies_set(const struct rig *rig, uint64_t for_ns)
{
	struct hz_cookies cookies = { .token = 1, .mss4 = 1460, .mss6 = 1440 };
	uint64_t until_ns = rig_now_ns() + for_ns;
	uint32_t zero = 0;

	memset(cookies.key, 0x5a, sizeof(cookies.key));
	if (for_ns > 0)
		cookies.answer_until_ns = cookies.verify_until_ns = until_ns;
	bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
}

static const char *syns_are(struct rig *rig, int version, uint16_t port, int count, int reason)
{
	const struct wire_spec spec = {
		.version = version, .port = port, .source_port = 40000, .flags = WIRE_SYN
	};
	const char *why = NULL;
	struct wire frame;

	wire_build(&frame, &spec);
	for (int i = 0; i < count && why == NULL; i++)
		why = rig_reason_is(rig, &frame, reason);
	return why;
}

/* Whose worker is dead is told so, however many come; none of them uses up anything. */
static const char *dead_worker_comes_first(struct rig *rig, int version)
{
	static const struct {
		uint32_t on_dead;
		bool is_dead, has_socket;
		int reason;
	} each[] = { { HZ_ON_DEAD_PASS, true, true, HZ_REASON_pass_on_dead },
		     { HZ_ON_DEAD_DROP, true, true, HZ_REASON_drop_on_dead },
		     { HZ_ON_DEAD_PASS, false, false, HZ_REASON_pass_no_socket } };
	const char *why = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(each) && why == NULL; i++) {
		rig_source_rate(rig, HOUR_NS, 0);
		rig_state_reset(rig);
		rig->cfg.on_dead = each[i].on_dead;
		if (each[i].is_dead)
			rig->beat[0].beat_ns -= MIN_NS;
		rig_state_apply(rig);
		if (!each[i].has_socket)
			(void)rig_socket(rig, false);
		why = syns_are(rig, version, RIG_SITE_PORT, 3, each[i].reason);
		(void)rig_socket(rig, true);
		if (why == NULL && client_ahead_ns(rig, version) != 0)
			why = "it was charged";
	}
	rig_state_reset(rig);
	rig_state_apply(rig);
	return why;
}

/* rate 1 and burst 400 left 400 s behind; with rate 100 the source is at its limit, not 400 s beyond it. */
static const char *slower_rate_of_before_is_forgiven(struct rig *rig, int version)
{
	uint64_t ahead_ns = 60 * HZ_NS_PER_S;
	const char *why;

	rig_source_rate(rig, 10 * HZ_NS_PER_S, ahead_ns);
	if (!client_set(rig, version, 400 * HZ_NS_PER_S))
		return "cannot write the source";
	why = syns_are(rig, version, RIG_SITE_PORT, 1, HZ_REASON_steer);
	if (why == NULL && client_ahead_ns(rig, version) > ahead_ns + 10 * HZ_NS_PER_S)
		why = "still ahead by the old rate";
	return why == NULL ? syns_are(rig, version, RIG_SITE_PORT, 2, HZ_REASON_drop_source_rate)
	                   : why;
}

static const char *control_has_no_limit(struct rig *rig, int version)
{
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	why = syns_are(rig, version, RIG_CONTROL_PORT, 4, HZ_REASON_steer);
	if (why == NULL && client_ahead_ns(rig, version) != 0)
		why = "it was charged";
	return why;
}

/* An address that anybody may have written there. */
static const char *cookie_charges_nobody(struct rig *rig, int version)
{
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	cookies_set(rig, MIN_NS);
	why = syns_are(rig, version, RIG_SITE_PORT, 4, HZ_REASON_cookie_syn_ack);
	if (why == NULL && client_ahead_ns(rig, version) != 0)
		why = "it is remembered";
	if (why == NULL && !client_set(rig, version, 1))
		why = "cannot write the source";
	if (why == NULL)
		why = syns_are(rig, version, RIG_SITE_PORT, 4, HZ_REASON_cookie_syn_ack);
	if (why == NULL && client_ahead_ns(rig, version) != 1)
		why = "one that is known was charged";
	return why;
}

static const char *who_is_beyond_gets_no_cookie(struct rig *rig, int version)
{
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	cookies_set(rig, MIN_NS);
	if (!client_set(rig, version, HOUR_NS))
		return "cannot write the source";
	why = syns_are(rig, version, RIG_SITE_PORT, 2, HZ_REASON_drop_source_rate);
	return why == NULL ? syns_are(rig, version, RIG_CONTROL_PORT, 2, HZ_REASON_cookie_syn_ack)
	                   : why;
}

/* A handshake with a cookie, and its request: one flow. The next SYN is one too many, but of the flow that is
 * open every segment comes in. */
static const char *echoes_are_charged_and_never_refused(struct rig *rig, int version)
{
	struct wire_spec spec = { .version = version, SITE, .flags = WIRE_SYN };
	struct wire_tcp reply;
	struct wire frame;
	struct run run;
	const char *why;

	rig_source_rate(rig, HOUR_NS, HOUR_NS - MIN_NS);
	cookies_set(rig, MIN_NS);
	wire_build(&frame, &spec);
	if (!rig_run(rig, frame.byte, frame.len, &run) ||
	    wire_take_apart(run.out.byte, run.out.len, &reply) != NULL)
		return "no cookie";
	spec.flags = WIRE_ACK;
	spec.seq++;
	spec.ack = reply.seq + 1;
	wire_build(&frame, &spec);
	why = rig_reason_is(rig, &frame, HZ_REASON_steer_cookie);
	if (why == NULL)
		why = syns_are(rig, version, RIG_SITE_PORT, 1, HZ_REASON_cookie_syn_ack);
	if (why == NULL)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer_cookie);
	if (why == NULL)
		why = syns_are(rig, version, RIG_SITE_PORT, 1, HZ_REASON_drop_source_rate);
	for (int i = 0; i < 8 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer_cookie);
	if (why == NULL && client_ahead_ns(rig, version) > HOUR_NS)
		why = "charged without end";
	return why;
}

void source_flood_tests(struct tap *tap, struct rig *rig)
{
	static const struct {
		const char *name;
		const char *(*run)(struct rig *rig, int version);
	} each[] = {
		{ "dead_worker_comes_before_the_limit", dead_worker_comes_first },
		{ "slower_rate_of_before_is_forgiven", slower_rate_of_before_is_forgiven },
		{ "control_has_no_limit", control_has_no_limit },
		{ "cookie_charges_nobody", cookie_charges_nobody },
		{ "who_is_beyond_the_limit_gets_no_cookie", who_is_beyond_gets_no_cookie },
		{ "echoes_are_charged_and_never_refused", echoes_are_charged_and_never_refused },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(each); i++)
		for (int version = 4; version <= 6; version += 2) {
			char name[80];

			snprintf(name, sizeof(name), "sources.%s_v%d", each[i].name, version);
			tap_result(tap, name, each[i].run(rig, version));
			cookies_set(rig, 0);
		}
	rig_source_rate(rig, 0, 0);
}
