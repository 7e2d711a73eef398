/* The limit per source: how many new flows come in, whose, and what is not counted. */
#include "bpf_rig.h"
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#define SITE    .port = RIG_SITE_PORT, .source_port = 40000, .seq = 1000
#define SOURCES 100000
#define HOUR_NS (3600 * HZ_NS_PER_S)
#define EACH_NS 50000ull /* of the runs against the clock */
#define RUN_NS  (300 * HZ_NS_PER_MS)
#define AHEAD   8000 /* 400 ms: so long a CPU may be taken away and nothing is lost */

/* A SYN of client number `host`: of IPv4 10.7.X.Y, of IPv6 fd07:0:0:NET::host. No checksum is looked at. */
static void syn_of(struct wire *out, int version, uint32_t net, uint32_t host)
{
	struct wire_spec spec = { .version = version, SITE, .flags = WIRE_SYN };
	uint8_t *from;

	wire_build(out, &spec);
	from = out->byte + wire_l3(&spec) + (version == 4 ? 12 : 8);
	if (version == 4) {
		from[0] = (uint8_t)(11 + (host >> 24));
		from[1] = (uint8_t)(host >> 16);
		from[2] = (uint8_t)(host >> 8);
		from[3] = (uint8_t)host;
		return;
	}
	from[6] = (uint8_t)(net >> 8);
	from[7] = (uint8_t)net;
	from[14] = (uint8_t)(host >> 8);
	from[15] = (uint8_t)host;
}

/* Three at once and then one an hour. */
static const char *burst_then_refused(struct rig *rig, int version)
{
	struct wire frame, other;
	const char *why = NULL;

	rig_source_rate(rig, HOUR_NS, 2 * HOUR_NS);
	syn_of(&frame, version, 1, 1);
	syn_of(&other, version, 2, 2);
	for (int i = 0; i < 3 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	for (int i = 0; i < 3 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate);
	return why == NULL ? rig_reason_is(rig, &other, HZ_REASON_steer) : why;
}

/* A source that was away for long may open its burst, not what it did not open meanwhile. */
static const char *idle_time_is_not_saved_up(struct rig *rig)
{
	struct hz_addr who = { .byte = { [10] = 0xff, [11] = 0xff, 11, 0, 0, 1 } };
	const struct hz_src known = { .due_ns = 1 };
	struct wire frame;
	const char *why = NULL;

	rig_source_rate(rig, HZ_NS_PER_S, 2 * HZ_NS_PER_S);
	if (bpf_map_update_elem(rig->src_fd, &who, &known, BPF_ANY) != 0)
		return "cannot write the source";
	syn_of(&frame, 4, 0, 1);
	for (int i = 0; i < 3 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	return why == NULL ? rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate) : why;
}

/* The first one of each is let in, as nothing is known of it. */
static const char *source_is_a_whole_64(struct rig *rig)
{
	struct wire frame;
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	syn_of(&frame, 6, 1, 1);
	why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	syn_of(&frame, 6, 1, 2);
	if (why == NULL)
		why = rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate);
	syn_of(&frame, 6, 2, 1);
	return why == NULL ? rig_reason_is(rig, &frame, HZ_REASON_steer) : why;
}

static const char *addresses_of_v4_are_sources(struct rig *rig)
{
	struct wire frame;
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	syn_of(&frame, 4, 0, 1);
	why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	if (why == NULL)
		why = rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate);
	syn_of(&frame, 4, 0, 2);
	return why == NULL ? rig_reason_is(rig, &frame, HZ_REASON_steer) : why;
}

/* Frames that the limit does not count, of a source that is beyond it. */
static const char *established_and_other_frames_are_not_counted(struct rig *rig, int version)
{
	static const struct {
		struct wire_spec spec;
		int reason;
	} free[] = {
		{ { SITE, .flags = WIRE_ACK, .payload = "GET / HTTP/1.1\r\n" }, HZ_REASON_steer },
		{ { SITE, .flags = WIRE_ACK | WIRE_FIN }, HZ_REASON_steer },
		{ { SITE, .flags = WIRE_RST }, HZ_REASON_steer },
		{ { SITE, .flags = WIRE_SYN | WIRE_ACK }, HZ_REASON_steer },
		{ { .port = RIG_HEALTH_PORT, .source_port = 7, .flags = WIRE_SYN },
		  HZ_REASON_health_syn_ack },
		{ { .port = RIG_PROBED_PORT, .source_port = 7, .flags = WIRE_SYN },
		  HZ_REASON_health_syn_ack },
		{ { .port = 22, .source_port = 7, .flags = WIRE_SYN }, HZ_REASON_pass_not_ours },
	};
	struct wire_spec syn = { .version = version, SITE, .flags = WIRE_SYN };
	struct wire frame;
	const char *why;

	rig_source_rate(rig, HOUR_NS, 0);
	wire_build(&frame, &syn);
	why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	if (why == NULL)
		why = rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate);
	for (size_t i = 0; i < HZ_ARRAY_LEN(free) && why == NULL; i++) {
		struct wire_spec spec = free[i].spec;

		spec.version = version;
		wire_build(&frame, &spec);
		why = rig_reason_is(rig, &frame, free[i].reason);
	}
	return why;
}

static const char *flags_beside_syn_change_nothing(struct rig *rig)
{
	static const uint8_t flags[] = { WIRE_SYN | WIRE_PSH, WIRE_SYN | WIRE_FIN,
		                         WIRE_SYN | 0xc0 };
	const char *why = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(flags) && why == NULL; i++) {
		struct wire_spec spec = { SITE, .flags = flags[i] };
		struct wire frame;

		spec.version = 4;
		rig_source_rate(rig, HOUR_NS, 0);
		wire_build(&frame, &spec);
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
		if (why == NULL)
			why = rig_reason_is(rig, &frame, HZ_REASON_drop_source_rate);
	}
	return why;
}

static const char *listed_sources_have_no_limit(struct rig *rig, uint32_t list)
{
	struct wire_spec syn = { .version = 4, SITE, .flags = WIRE_SYN };
	const char *why = NULL;
	struct wire frame;

	rig_source_rate(rig, HOUR_NS, 0);
	wire_build(&frame, &syn);
	if (rig_list(rig, 0, "10.7.0.0", 24, list) != 0)
		return "cannot write the rule";
	for (int i = 0; i < 4 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	(void)rig_unlist(rig, 0, "10.7.0.0", 24);
	return why;
}

static const char *without_a_rate_nobody_is_remembered(struct rig *rig)
{
	struct hz_addr who;
	struct wire frame;
	const char *why = NULL;

	rig_source_rate(rig, 0, 0);
	syn_of(&frame, 4, 0, 1);
	for (int i = 0; i < 3 && why == NULL; i++)
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
	if (why != NULL)
		return why;
	return bpf_map_get_next_key(rig->src_fd, NULL, &who) != 0 ? NULL : "somebody is";
}

static const char *refusals_are_counted_per_source(struct rig *rig)
{
	struct hz_addr who = { .byte = { [10] = 0xff, [11] = 0xff, 11, 0, 0, 1 } };
	uint64_t before_ns = rig_now_ns();
	struct hz_src source;
	struct wire frame;
	struct run run;

	rig_source_rate(rig, HOUR_NS, 0);
	syn_of(&frame, 4, 0, 1);
	for (int i = 0; i < 6; i++)
		(void)rig_run(rig, frame.byte, frame.len, &run);
	if (bpf_map_lookup_elem(rig->src_fd, &who, &source) != 0)
		return "it is not remembered";
	if (source.refused != 5)
		return "another number";
	return source.refused_ns >= before_ns && source.refused_ns <= rig_now_ns() ? NULL : "when";
}

struct flood {
	struct rig *rig;
	pthread_barrier_t *start;
	uint64_t asked, passed, until_ns, last_ns;
};

static void *flood_run(void *ctx)
{
	struct flood *flood = ctx;
	uint8_t out[WIRE_MAX];
	struct wire frame;
	size_t len;

	syn_of(&frame, 4, 0, 1);
	(void)pthread_barrier_wait(flood->start);
	while (rig_now_ns() < flood->until_ns) {
		flood->last_ns = rig_now_ns();
		flood->asked++;
		if (rig_run_bare(flood->rig, frame.byte, frame.len, out, &len) == XDP_REDIRECT)
			flood->passed++;
	}
	return NULL;
}

/* Far more SYNs than the rate lets in, from one CPU or from two at once. What one CPU lets in beside
 * another one is a lost exchange, and such are few. */
static void rate_test(struct tap *tap, struct rig *rig, unsigned threads)
{
	struct flood flood[2] = { { .rig = rig }, { .rig = rig } };
	pthread_barrier_t start;
	pthread_t thread[2];
	uint64_t began_ns, took_ns, passed = 0, asked = 0, last_ns = 0, due, least;
	char name[64];

	rig_source_rate(rig, EACH_NS, (AHEAD - 1) * EACH_NS);
	pthread_barrier_init(&start, NULL, threads);
	began_ns = rig_now_ns();
	for (unsigned i = 0; i < threads; i++) {
		flood[i].start = &start;
		flood[i].until_ns = began_ns + RUN_NS;
		if (pthread_create(&thread[i], NULL, flood_run, &flood[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		passed += flood[i].passed;
		asked += flood[i].asked;
		last_ns = HZ_MAX(last_ns, flood[i].last_ns);
	}
	took_ns = rig_now_ns() - began_ns;
	pthread_barrier_destroy(&start);
	due = took_ns / EACH_NS + AHEAD;
	least = HZ_MIN((last_ns - began_ns) / EACH_NS + AHEAD, asked);
	snprintf(name, sizeof(name), "sources.rate_holds_against_the_clock_%u_cpu", threads);
	printf("# %s %s: %llu of %llu let in, %llu were due\n", tap->prefix, name,
	       (unsigned long long)passed, (unsigned long long)asked, (unsigned long long)due);
	if (passed <= due + due / 50 + 2 && passed >= least - least / 50 - 2)
		tap_result(tap, name, NULL);
	else
		tap_fail(tap, name, "%llu let in, %llu were due", (unsigned long long)passed,
		         (unsigned long long)due);
}

/* More sources than there is room for: the first flow of each comes in, and the map holds its limit. */
static const char *more_sources_than_room(struct rig *rig, uint32_t *known)
{
	struct hz_addr who, *from = NULL, last;
	uint8_t out[WIRE_MAX];
	struct wire frame;
	size_t len;

	rig_source_rate(rig, HOUR_NS, 0);
	for (uint32_t i = 0; i < SOURCES; i++) {
		syn_of(&frame, 4, 0, i + 1);
		if (rig_run_bare(rig, frame.byte, frame.len, out, &len) != XDP_REDIRECT)
			return "a first flow was refused";
	}
	*known = 0;
	while (*known <= SOURCES && bpf_map_get_next_key(rig->src_fd, from, &who) == 0) {
		last = who;
		from = &last;
		(*known)++;
	}
	return *known <= HZ_SOURCES_MAX && *known > HZ_SOURCES_MAX / 2 ? NULL : "the map's size";
}

void source_rate_tests(struct tap *tap, struct rig *rig)
{
	uint32_t known = 0;

	for (int version = 4; version <= 6; version += 2) {
		char name[80];

		snprintf(name, sizeof(name), "sources.v%d.burst_comes_in_then_refused", version);
		tap_result(tap, name, burst_then_refused(rig, version));
		snprintf(name, sizeof(name), "sources.v%d.only_new_flows_of_sites_count", version);
		tap_result(tap, name, established_and_other_frames_are_not_counted(rig, version));
	}
	tap_result(tap, "sources.idle_time_is_not_saved_up", idle_time_is_not_saved_up(rig));
	tap_result(tap, "sources.v6_source_is_a_whole_64", source_is_a_whole_64(rig));
	tap_result(tap, "sources.v4_source_is_an_address", addresses_of_v4_are_sources(rig));
	tap_result(tap, "sources.flags_beside_syn_change_nothing",
	           flags_beside_syn_change_nothing(rig));
	tap_result(tap, "sources.allowed_have_no_limit",
	           listed_sources_have_no_limit(rig, HZ_SOURCE_ALLOW));
	tap_result(tap, "sources.probing_have_no_limit",
	           listed_sources_have_no_limit(rig, HZ_SOURCE_PROBE));
	tap_result(tap, "sources.without_a_rate_nobody_is_remembered",
	           without_a_rate_nobody_is_remembered(rig));
	tap_result(tap, "sources.refusals_are_counted_per_source",
	           refusals_are_counted_per_source(rig));
	rate_test(tap, rig, 1);
	rate_test(tap, rig, 2);
	tap_result(tap, "sources.more_than_there_is_room_for_all_come_in",
	           more_sources_than_room(rig, &known));
	printf("# %s: of %d sources %u are remembered\n", tap->prefix, SOURCES, known);
}
