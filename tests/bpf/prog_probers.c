/* Probers beyond one request at a health port: connections that go on, a site's port, datagrams, pings. */
#include "prog_client.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#define HOST "HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET  "GET /healthz " HOST

/* --- health/keep_alive ------------------------------------------------------------------------------ */

static const char *keep_alive(struct rig *rig, int version, uint32_t requests)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, version, 0, 51000);

	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	for (uint32_t i = 1; i <= requests; i++) {
		bool is_last = i == HZ_HEALTH_ANSWERS_MAX;

		if (!client_send(&client, WIRE_ACK | WIRE_PSH, GET) ||
		    client.run.reason != HZ_REASON_health_200)
			return "no answer";
		if (is_last != ((client.reply.flags & WIRE_FIN) != 0))
			return is_last ? "the limit does not close" : "closed before the limit";
		if (memmem(client.reply.payload, client.reply.payload_bytes,
		           is_last ? " close" : " keep-alive", is_last ? 6 : 11) == NULL)
			return "Connection";
	}
	if (!client_send(&client, WIRE_ACK | WIRE_FIN, NULL) ||
	    client.reply.flags !=
	            (requests == HZ_HEALTH_ANSWERS_MAX ? WIRE_ACK : WIRE_ACK | WIRE_FIN))
		return "the client's FIN";
	return NULL;
}

/* What the answer to one request does with the connection. NULL: as expected. */
static const char *closes(struct rig *rig, const char *request, uint8_t flags, bool wants_close)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, 4, 0, 51001);

	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	if (!client_send(&client, (uint8_t)(WIRE_ACK | WIRE_PSH | flags), request))
		return "no answer";
	if (((client.reply.flags & WIRE_FIN) != 0) == wants_close)
		return NULL;
	return wants_close ? "stays open" : "closes";
}

static void keep_alive_tests(struct tap *tap, struct rig *rig)
{
	static const struct {
		const char *name, *request;
		uint8_t flags;
		bool closes;
	} rows[] = {
		{ "request_goes_on", GET, 0, false },
		{ "head_goes_on", "HEAD /healthz " HOST, 0, false },
		{ "other_path_goes_on", "GET /other " HOST, 0, false },
		{ "connection_close_closes", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
		  0, true },
		{ "connection_close_in_capitals_closes",
		  "GET /healthz HTTP/1.1\r\nCONNECTION:CLOSE\r\n\r\n", 0, true },
		{ "http_1_0_closes", "GET /healthz HTTP/1.0\r\n\r\n", 0, true },
		{ "fin_closes", GET, WIRE_FIN, true },
		{ "two_requests_at_once_close", GET GET, 0, true },
		{ "half_a_request_closes", "GET /healthz HTTP/1.1\r\nHost: a\r\n", 0, true },
		{ "body_closes", "OPTIONS /healthz HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 0,
		  true },
		{ "other_method_goes_on", "PUT /healthz " HOST, 0, false },
	};
	char name[96];

	rig->cfg.keep_alive = 1;
	rig_state_apply(rig);
	tap_result(tap, "keep_alive.three_requests_v4", keep_alive(rig, 4, 3));
	tap_result(tap, "keep_alive.three_requests_v6", keep_alive(rig, 6, 3));
	tap_result(tap, "keep_alive.limit_of_answers_closes",
	           keep_alive(rig, 4, HZ_HEALTH_ANSWERS_MAX));
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		snprintf(name, sizeof(name), "keep_alive.%s", rows[i].name);
		tap_result(tap, name, closes(rig, rows[i].request, rows[i].flags, rows[i].closes));
	}
	rig->cfg.keep_alive = 0;
	rig_state_apply(rig);
	tap_result(tap, "keep_alive.off_closes", closes(rig, GET, 0, true));
}

/* --- a site's port ----------------------------------------------------------------------------------- */

/* Two handshakes of one flow whose initial numbers are far apart have two cookies. */
static const char *cookie_takes_in_isn(struct rig *rig)
{
	struct client one = client_new(rig, RIG_PROBED_PORT, 4, 0, 52001), two = one;

	two.snd_nxt += 1u << 20;
	if (!client_send(&one, WIRE_SYN, NULL) || !client_send(&two, WIRE_SYN, NULL))
		return "SYN";
	return one.rcv_nxt != two.rcv_nxt ? NULL : "the same cookie";
}

/* The reason of one segment of a flow that XDP did not begin. */
static int stranger(struct rig *rig, const struct wire_spec *spec)
{
	struct wire_spec of = *spec;
	struct wire frame;
	struct run run;

	of.port = RIG_PROBED_PORT;
	of.source_port = 52002;
	wire_build(&frame, &of);
	return rig_run(rig, frame.byte, frame.len, &run) ? run.reason : -1;
}

/* V22: a flow of the worker's that sends 4 GiB sweeps through all acknowledgement numbers; its requests
 * go to the worker, but for one in 2^31. */
static const char *sweep_is_the_workers(struct rig *rig)
{
	uint32_t missed = 0, total = 0;

	for (uint64_t ack = 0; ack < 1ULL << 32; ack += 65521, total++) {
		struct wire_spec spec = { .seq = 0x12345678,
			                  .ack = (uint32_t)ack,
			                  .flags = WIRE_ACK | WIRE_PSH,
			                  .payload = GET };

		missed += stranger(rig, &spec) != HZ_REASON_pass_no_socket;
	}
	return missed <= 1 && total > 65000 ? NULL : "requests of a live flow were taken";
}

static const char *not_clearly_ours_is_the_workers(struct rig *rig)
{
	static const uint8_t flags[] = { WIRE_RST, WIRE_RST | WIRE_ACK, WIRE_SYN | WIRE_ACK,
		                         WIRE_FIN, WIRE_ACK | WIRE_FIN, 0 };
	struct client client = client_new(rig, RIG_PROBED_PORT, 4, 0, 52003);

	for (size_t i = 0; i < HZ_ARRAY_LEN(flags); i++) {
		struct wire_spec spec = { .seq = 7, .ack = 9, .flags = flags[i] };

		if (stranger(rig, &spec) != HZ_REASON_pass_no_socket)
			return "a segment of no probe was taken";
	}
	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	client_send(&client, WIRE_ACK | WIRE_PSH, "POST /healthz " HOST);
	return client.run.reason == HZ_REASON_pass_no_socket ? NULL : "data without a method";
}

/* The same port for who is not named: the worker's, from the first SYN on. */
static const char *others_are_the_workers(struct rig *rig)
{
	struct wire_spec syn = { .port = RIG_PROBED_PORT, .flags = WIRE_SYN };
	struct wire frame;
	struct run run;

	wire_build(&frame, &syn);
	frame.byte[14 + 12] =
		11; /* 11.7.0.1; checksums are the kernel's or the worker's to judge */
	if (!rig_run(rig, frame.byte, frame.len, &run))
		return "not run";
	return run.reason == HZ_REASON_pass_no_socket ? NULL : rig_reason_name(run.reason);
}

static void site_tests(struct tap *tap, struct rig *rig)
{
	char name[64];

	for (int version = 4; version <= 6; version += 2)
		for (int tags = 0; tags <= 2; tags++) {
			snprintf(name, sizeof(name), "site_probe.v%d.tags%d", version, tags);
			tap_result(tap, name, client_probe(rig, RIG_PROBED_PORT, version, tags));
		}
	tap_result(tap, "site_probe.cookie_takes_in_initial_number", cookie_takes_in_isn(rig));
	tap_result(tap, "site_probe.live_flow_is_the_workers", sweep_is_the_workers(rig));
	tap_result(tap, "site_probe.what_is_no_probe_is_the_workers",
	           not_clearly_ours_is_the_workers(rig));
	tap_result(tap, "site_probe.other_sources_are_the_workers", others_are_the_workers(rig));
	rig->cfg.keep_alive = 1;
	rig_state_apply(rig);
	tap_result(tap, "site_probe.keep_alive_does_not_count",
	           client_probe(rig, RIG_PROBED_PORT, 4, 0));
	rig_state_reset(rig);
	rig->cfg.state = HZ_STATE_MAINTENANCE;
	rig_state_apply(rig);
	tap_result(tap, "site_probe.maintenance_is_not_200",
	           client_probe(rig, RIG_PROBED_PORT, 4, 0) != NULL ? NULL : "200");
	rig_state_reset(rig);
	rig->cfg.health_off = 1;
	rig_state_apply(rig);
	tap_result(tap, "site_probe.health_off_is_the_workers",
	           stranger(rig, &(struct wire_spec){ .flags = WIRE_SYN }) ==
	                           HZ_REASON_pass_no_socket
	                   ? NULL
	                   : "taken");
	rig_state_reset(rig);
	rig_state_apply(rig);
}

/* --- datagrams ---------------------------------------------------------------------------------------- */

/* What comes back to a datagram: how many bytes of the body, or -1 - reason. */
static int datagram(struct rig *rig, int version, const char *payload)
{
	struct wire_spec spec = { .version = version,
		                  .protocol = 17,
		                  .port = RIG_UDP_PORT,
		                  .source_port = 40000,
		                  .payload = payload };
	size_t l4 = wire_l4(&spec), bytes;
	struct wire frame;
	struct run run;

	wire_build(&frame, &spec);
	if (!rig_run(rig, frame.byte, frame.len, &run))
		return -1000;
	if (run.reason != HZ_REASON_health_udp)
		return -1 - run.reason;
	bytes = run.out.len - l4 - 8;
	if (run.out.len < l4 + 8 || bytes > strlen(RIG_UDP_BODY) ||
	    memcmp(run.out.byte + l4 + 8, RIG_UDP_BODY, bytes) != 0 ||
	    run.out.byte[l4] != RIG_UDP_PORT >> 8 || run.out.byte[l4 + 5] != 8 + bytes)
		return -1001;
	return (int)bytes;
}

static const char *is_number(int got, int want)
{
	if (got == want)
		return NULL;
	return got < 0 ? rig_reason_name(-1 - got) : "another length";
}

static void udp_tests(struct tap *tap, struct rig *rig)
{
	tap_result(tap, "udp.probe_gets_the_body_v4", is_number(datagram(rig, 4, "hello"), 2));
	tap_result(tap, "udp.probe_gets_the_body_v6", is_number(datagram(rig, 6, "hello"), 2));
	tap_result(tap, "udp.answer_is_shorter_than_its_probe",
	           is_number(datagram(rig, 4, "ab"), 1));
	tap_result(tap, "udp.one_byte_gets_none", is_number(datagram(rig, 4, "a"), 0));
	tap_result(tap, "udp.empty_probe_gets_no_answer",
	           is_number(datagram(rig, 4, ""), -1 - HZ_REASON_health_idle));
	rig->cfg.state = HZ_STATE_MAINTENANCE;
	rig_state_apply(rig);
	tap_result(tap, "udp.not_ready_is_port_unreachable",
	           is_number(datagram(rig, 4, "hello"), -1 - HZ_REASON_pass_not_ready));
	rig_state_reset(rig);
	rig->beat[0].beat_ns -= 11 * HZ_NS_PER_S;
	rig->cfg.on_dead = HZ_ON_DEAD_DROP;
	rig_state_apply(rig);
	tap_result(tap, "udp.dead_on_drop_drops",
	           is_number(datagram(rig, 4, "hello"), -1 - HZ_REASON_drop_on_dead));
	rig->cfg.on_dead = HZ_ON_DEAD_PASS;
	rig_state_apply(rig);
	tap_result(tap, "udp.dead_on_pass_passes",
	           is_number(datagram(rig, 4, "hello"), -1 - HZ_REASON_pass_on_dead));
	rig_state_reset(rig);
	rig->cfg.health_off = 1;
	rig_state_apply(rig);
	tap_result(tap, "udp.health_off_passes",
	           is_number(datagram(rig, 4, "hello"), -1 - HZ_REASON_pass_health_off));
	rig_state_reset(rig);
	rig_state_apply(rig);
}

/* --- pings --------------------------------------------------------------------------------------------- */

static int ping(struct rig *rig, const char *payload)
{
	struct wire_spec spec = { .version = 4, .protocol = 1, .port = 0x0800, .payload = payload };
	struct wire frame;
	struct run run;

	wire_build(&frame, &spec);
	return rig_run(rig, frame.byte, frame.len, &run) ? run.reason : -1;
}

/* A burst is answered, what comes faster than the rate is dropped, and time makes room again. */
static const char *ping_rate(struct rig *rig)
{
	uint64_t began_ns = rig_now_ns();
	uint32_t answered = 0, dropped = 0, most;

	if (rig_echo_due(rig, 0) != 0)
		return "map";
	for (int i = 0; i < 3000; i++) {
		int reason = ping(rig, "ping");

		answered += reason == HZ_REASON_icmp_echo;
		dropped += reason == HZ_REASON_drop_echo_rate;
	}
	most = (uint32_t)rig->cpus * (101 + (uint32_t)((rig_now_ns() - began_ns) / HZ_NS_PER_MS));
	if (answered < 100 || answered + dropped != 3000)
		return "a burst is not answered";
	if (answered > most)
		return "no limit";
	return rig_echo_due(rig, 0) == 0 && ping(rig, "ping") == HZ_REASON_icmp_echo
	               ? NULL
	               : "no answer afterwards";
}

static const char *ping_size(struct rig *rig)
{
	char payload[1500];

	memset(payload, 'x', sizeof(payload));
	payload[1500 - 28] = '\0';
	if (ping(rig, payload) != HZ_REASON_icmp_echo)
		return "1500 bytes are not answered";
	payload[1500 - 28] = 'x';
	payload[1500 - 27] = '\0';
	return ping(rig, payload) == HZ_REASON_pass_not_ours ? NULL : "1501 bytes do not pass";
}

void prober_tests(struct tap *tap, struct rig *rig)
{
	rig_state_reset(rig);
	rig_state_apply(rig);
	keep_alive_tests(tap, rig);
	site_tests(tap, rig);
	udp_tests(tap, rig);
	tap_result(tap, "ping.large_one_is_the_kernels", ping_size(rig));
	tap_result(tap, "ping.rate_is_limited", ping_rate(rig));
	rig_state_reset(rig);
	rig_state_apply(rig);
}
