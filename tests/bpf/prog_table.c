/* Frame in, verdict, counter and frame out: each row over IPv4 and IPv6 with 0, 1 and 2 VLAN tags. */
#include "bpf_rig.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#define GET  "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

enum state {
	ST_READY,
	ST_SOCKET, /* ready, and a socket on the queue */
	ST_STALE,
	ST_STALE_DROP,
	ST_STALE_PASS,
	ST_STALE_ELSEWHERE, /* the stale beat is another queue's */
	ST_STALE_SECOND,    /* worker 1 of 2 is stale */
	ST_DRAINING,
	ST_WORKER_DRAINING,
	ST_NO_WORKERS,
	ST_ECHO_OFF,
	ST_BEAT_AHEAD, /* taken a moment after the program read the clock */
};

enum check {
	CHECK_NONE,    /* PASS, DROP, STEER: the frame is as it was */
	CHECK_SYN_ACK, /* the rest are answers */
	CHECK_HTTP,    /* begins with `text` */
	CHECK_EMPTY,   /* segment without payload, flags in `flags` */
	CHECK_ECHO,
};

struct row {
	const char *name;
	struct wire_spec spec; /* version and tags come from the combination */
	enum state state;
	int reason;
	enum check check;
	const char *text;
	uint8_t flags;
	bool is_flow; /* spec.ack counts from the cookie, as progress does */
	bool is_echo; /* spec.port is 0: request, 1: reply of the version */
	int only;     /* version, 0: both */
};

#define SITE     .port = RIG_SITE_PORT, .source_port = 40000, .seq = 1000
#define HEALTH   .port = RIG_HEALTH_PORT, .source_port = 40001, .seq = 5000
#define DATA     HEALTH, .flags = WIRE_ACK | WIRE_PSH
#define DATA_FIN HEALTH, .flags = WIRE_ACK | WIRE_PSH | WIRE_FIN
#define DONE     (HZ_RESPONSE_BYTES + 1)

static const struct row rows[] = {
	/* steering */
	{ "site_syn_is_steered",
	  { SITE, .flags = WIRE_SYN },
	  ST_SOCKET,
	  .reason = HZ_REASON_steer },
	{ "site_data_is_steered",
	  { SITE, .flags = WIRE_ACK, .payload = GET },
	  ST_SOCKET,
	  .reason = HZ_REASON_steer },
	{ "site_padded_frame_is_steered",
	  { SITE, .flags = WIRE_ACK, .padding = 6 },
	  ST_SOCKET,
	  .reason = HZ_REASON_steer },
	{ "site_bad_doff_is_steered",
	  { SITE, .flags = WIRE_ACK, .doff = 15 },
	  ST_SOCKET,
	  .reason = HZ_REASON_steer },
	{ "site_beat_ahead_is_steered", { SITE }, ST_BEAT_AHEAD, .reason = HZ_REASON_steer },
	{ "site_without_socket_passes", { SITE }, ST_READY, .reason = HZ_REASON_pass_no_socket },
	{ "site_stale_beat_passes", { SITE }, ST_STALE, .reason = HZ_REASON_pass_on_dead },
	{ "site_stale_beat_drops", { SITE }, ST_STALE_DROP, .reason = HZ_REASON_drop_on_dead },
	{ "site_stale_beat_pass_passes",
	  { SITE },
	  ST_STALE_PASS,
	  .reason = HZ_REASON_pass_on_dead },
	{ "site_other_queue_stale_is_steered",
	  { SITE },
	  ST_STALE_ELSEWHERE,
	  .reason = HZ_REASON_steer },
	{ "site_no_workers_is_steered", { SITE }, ST_NO_WORKERS, .reason = HZ_REASON_steer },
	/* not ours */
	{ "other_port_passes",
	  { .port = 22, .source_port = 1, .flags = WIRE_SYN },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	{ "other_address_passes",
	  { SITE, .other_server = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	{ "udp_to_tcp_claim_passes",
	  { SITE, .protocol = 17 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	{ "other_protocol_passes",
	  { SITE, .protocol = 47 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	{ "group_mac_passes",
	  { SITE, .to_group = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	{ "length_beyond_frame_passes",
	  { SITE, .length_lie = 1 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_short },
	{ "length_cuts_tcp_header_passes",
	  { SITE, .length_lie = -1 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_short },
	/* fragments and options */
	{ "first_fragment_of_claim_drops",
	  { SITE, .more_fragments = true, .payload = GET },
	  ST_SOCKET,
	  .reason = HZ_REASON_drop_fragment },
	{ "first_fragment_of_health_drops",
	  { HEALTH, .more_fragments = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_drop_fragment },
	{ "first_fragment_of_other_passes",
	  { .port = 22, .more_fragments = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_fragment },
	{ "later_fragment_passes",
	  { SITE, .fragment_offset = 1480 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_fragment },
	{ "middle_fragment_passes",
	  { SITE, .fragment_offset = 8, .more_fragments = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_fragment },
	{ "options_to_claimed_address_pass",
	  { SITE, .ip_option_bytes = 8 },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_options },
	{ "options_to_other_address_pass",
	  { SITE, .ip_option_bytes = 8, .other_server = true },
	  ST_SOCKET,
	  .reason = HZ_REASON_pass_not_ours },
	/* health: handshake */
	{ "health_syn_gets_cookie",
	  { HEALTH, .flags = WIRE_SYN },
	  ST_READY,
	  .reason = HZ_REASON_health_syn_ack,
	  CHECK_SYN_ACK },
	{ "health_syn_with_options_gets_cookie",
	  { HEALTH, .flags = WIRE_SYN, .doff = 10 },
	  ST_READY,
	  .reason = HZ_REASON_health_syn_ack,
	  CHECK_SYN_ACK },
	{ "health_syn_padded_gets_cookie",
	  { HEALTH, .flags = WIRE_SYN, .padding = 6 },
	  ST_READY,
	  .reason = HZ_REASON_health_syn_ack,
	  CHECK_SYN_ACK },
	{ "health_syn_dead_gets_cookie",
	  { HEALTH, .flags = WIRE_SYN },
	  ST_STALE,
	  .reason = HZ_REASON_health_syn_ack,
	  CHECK_SYN_ACK },
	{ "health_syn_dead_on_pass_passes",
	  { HEALTH, .flags = WIRE_SYN },
	  ST_STALE_PASS,
	  .reason = HZ_REASON_pass_on_dead },
	{ "health_ack_is_idle",
	  { HEALTH, .flags = WIRE_ACK },
	  ST_READY,
	  .reason = HZ_REASON_health_idle,
	  .is_flow = true },
	/* health: requests */
	{ "health_get_ready_is_200",
	  { DATA, .payload = GET },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_get_with_fin_is_200",
	  { DATA_FIN, .payload = GET },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_get_with_tcp_options_is_200",
	  { DATA, .payload = GET, .doff = 8 },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_get_query_is_200",
	  { DATA, .payload = "GET /healthz?a=b HTTP/1.0\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_options_is_200",
	  { DATA, .payload = "OPTIONS /healthz HTTP/1.0\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_head_is_200_without_body",
	  { DATA, .payload = HEAD },
	  ST_READY,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_get_beat_ahead_is_200",
	  { DATA, .payload = GET },
	  ST_BEAT_AHEAD,
	  .reason = HZ_REASON_health_200,
	  CHECK_HTTP,
	  "HTTP/1.1 200 OK\r\n",
	  .is_flow = true },
	{ "health_get_stale_is_503",
	  { DATA, .payload = GET },
	  ST_STALE,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 Service Unavailable\r\n",
	  .is_flow = true },
	{ "health_get_stale_on_drop_is_503",
	  { DATA, .payload = GET },
	  ST_STALE_DROP,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_get_second_worker_stale_is_503",
	  { DATA, .payload = GET },
	  ST_STALE_SECOND,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_get_draining_is_503",
	  { DATA, .payload = GET },
	  ST_DRAINING,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_get_worker_draining_is_503",
	  { DATA, .payload = GET },
	  ST_WORKER_DRAINING,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_get_no_workers_is_503",
	  { DATA, .payload = GET },
	  ST_NO_WORKERS,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_head_draining_is_503",
	  { DATA, .payload = HEAD },
	  ST_DRAINING,
	  .reason = HZ_REASON_health_503,
	  CHECK_HTTP,
	  "HTTP/1.1 503 ",
	  .is_flow = true },
	{ "health_get_longer_path_is_404",
	  { DATA, .payload = "GET /healthz2 HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 Not Found\r\n",
	  .is_flow = true },
	{ "health_get_shorter_path_is_404",
	  { DATA, .payload = "GET /health HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_get_root_is_404",
	  { DATA, .payload = "GET / HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_head_other_is_404_without_body",
	  { DATA, .payload = "HEAD /a HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_post_is_404",
	  { DATA, .payload = "POST /healthz HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_lower_case_method_is_404",
	  { DATA, .payload = "get /healthz HTTP/1.1\r\n\r\n" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_one_byte_is_404",
	  { DATA, .payload = "G" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	{ "health_cut_path_is_404",
	  { DATA, .payload = "OPTIONS /healthz" },
	  ST_READY,
	  .reason = HZ_REASON_health_404,
	  CHECK_HTTP,
	  "HTTP/1.1 404 ",
	  .is_flow = true },
	/* health: the rest of a connection */
	{ "health_fin_after_answer_is_acked",
	  { HEALTH, .flags = WIRE_ACK | WIRE_FIN, .ack = DONE },
	  ST_READY,
	  .reason = HZ_REASON_health_ack,
	  CHECK_EMPTY,
	  .flags = WIRE_ACK,
	  .is_flow = true },
	{ "health_bare_fin_is_finished",
	  { HEALTH, .flags = WIRE_ACK | WIRE_FIN },
	  ST_READY,
	  .reason = HZ_REASON_health_ack,
	  CHECK_EMPTY,
	  .flags = WIRE_ACK | WIRE_FIN,
	  .is_flow = true },
	{ "health_data_after_answer_is_acked",
	  { DATA, .payload = "more", .ack = DONE },
	  ST_READY,
	  .reason = HZ_REASON_health_ack,
	  CHECK_EMPTY,
	  .flags = WIRE_ACK,
	  .is_flow = true },
	{ "health_ack_of_answer_is_idle",
	  { HEALTH, .flags = WIRE_ACK, .ack = DONE },
	  ST_READY,
	  .reason = HZ_REASON_health_idle,
	  .is_flow = true },
	{ "health_ack_beyond_answer_is_reset",
	  { HEALTH, .flags = WIRE_ACK, .ack = DONE + 1 },
	  ST_READY,
	  .reason = HZ_REASON_health_reset,
	  CHECK_EMPTY,
	  .flags = WIRE_RST,
	  .is_flow = true },
	{ "health_ack_before_cookie_is_reset",
	  { HEALTH, .flags = WIRE_ACK, .ack = UINT32_MAX },
	  ST_READY,
	  .reason = HZ_REASON_health_reset,
	  CHECK_EMPTY,
	  .flags = WIRE_RST,
	  .is_flow = true },
	{ "health_forged_request_is_reset",
	  { DATA, .payload = GET, .ack = 0x40000000 },
	  ST_READY,
	  .reason = HZ_REASON_health_reset,
	  CHECK_EMPTY,
	  .flags = WIRE_RST,
	  .is_flow = true },
	{ "health_syn_ack_is_reset",
	  { HEALTH, .flags = WIRE_SYN | WIRE_ACK },
	  ST_READY,
	  .reason = HZ_REASON_health_reset,
	  CHECK_EMPTY,
	  .flags = WIRE_RST,
	  .is_flow = true },
	{ "health_rst_is_idle",
	  { HEALTH, .flags = WIRE_RST | WIRE_ACK },
	  ST_READY,
	  .reason = HZ_REASON_health_idle },
	{ "health_syn_fin_is_bad",
	  { HEALTH, .flags = WIRE_SYN | WIRE_FIN },
	  ST_READY,
	  .reason = HZ_REASON_health_bad },
	{ "health_no_flags_is_bad", { HEALTH }, ST_READY, .reason = HZ_REASON_health_bad },
	{ "health_fin_without_ack_is_bad",
	  { HEALTH, .flags = WIRE_FIN },
	  ST_READY,
	  .reason = HZ_REASON_health_bad },
	{ "health_doff_too_small_is_bad",
	  { HEALTH, .flags = WIRE_SYN, .doff = 4 },
	  ST_READY,
	  .reason = HZ_REASON_health_bad },
	{ "health_doff_beyond_packet_is_bad",
	  { HEALTH, .flags = WIRE_SYN, .doff = 15, .length_lie = -4 },
	  ST_READY,
	  .reason = HZ_REASON_health_bad },
	{ "health_bogus_source_is_bad",
	  { HEALTH, .flags = WIRE_SYN, .bad_source = true },
	  ST_READY,
	  .reason = HZ_REASON_health_bad },
	/* echo */
	{ "echo_is_answered",
	  { .seq = 0x00070001, .payload = "0123456789abcdef" },
	  ST_READY,
	  .reason = HZ_REASON_icmp_echo,
	  CHECK_ECHO,
	  .is_echo = true },
	{ "echo_odd_length_is_answered",
	  { .seq = 0x00070002, .payload = "abc", .padding = 9 },
	  ST_READY,
	  .reason = HZ_REASON_icmp_echo,
	  CHECK_ECHO,
	  .is_echo = true },
	{ "echo_switched_off_passes",
	  { .payload = "abc" },
	  ST_ECHO_OFF,
	  .reason = HZ_REASON_pass_not_ours,
	  .is_echo = true },
	{ "echo_to_other_address_passes",
	  { .other_server = true },
	  ST_READY,
	  .reason = HZ_REASON_pass_not_ours,
	  .is_echo = true },
	{ "echo_from_bogus_source_passes",
	  { .bad_source = true },
	  ST_READY,
	  .reason = HZ_REASON_pass_not_ours,
	  .is_echo = true },
	{ "echo_reply_passes",
	  { .port = 1 },
	  ST_READY,
	  .reason = HZ_REASON_pass_not_ours,
	  .is_echo = true },
	{ "echo_fragment_passes",
	  { .more_fragments = true },
	  ST_READY,
	  .reason = HZ_REASON_pass_fragment,
	  .is_echo = true },
};

static void state_set(struct rig *rig, enum state state)
{
	rig_state_reset(rig);
	switch (state) {
	case ST_STALE:
	case ST_STALE_DROP:
	case ST_STALE_PASS:
		rig->beat[0].beat_ns -= 11 * HZ_NS_PER_S;
		break;
	case ST_STALE_ELSEWHERE:
	case ST_STALE_SECOND:
		rig->cfg.workers = 2;
		rig->beat[1] = rig->beat[0];
		rig->beat[1].queue = 1;
		rig->beat[1].beat_ns -= 11 * HZ_NS_PER_S;
		break;
	case ST_DRAINING:
		rig->cfg.state = HZ_STATE_DRAINING;
		break;
	case ST_WORKER_DRAINING:
		rig->beat[0].state = HZ_STATE_DRAINING;
		break;
	case ST_NO_WORKERS:
		rig->cfg.workers = 0;
		break;
	case ST_ECHO_OFF:
		rig->cfg.icmp_echo = 0;
		break;
	case ST_BEAT_AHEAD:
		rig->beat[0].beat_ns += 3600 * HZ_NS_PER_S;
		break;
	case ST_READY:
	case ST_SOCKET:
		break;
	}
	if (state == ST_STALE_DROP)
		rig->cfg.on_dead = HZ_ON_DEAD_DROP;
	if (state == ST_STALE_PASS)
		rig->cfg.on_dead = HZ_ON_DEAD_PASS;
	rig_state_apply(rig);
}

static bool state_has_socket(enum state state)
{
	return state == ST_SOCKET || state == ST_STALE_ELSEWHERE || state == ST_NO_WORKERS ||
	       state == ST_BEAT_AHEAD || state == ST_STALE || state == ST_STALE_DROP ||
	       state == ST_STALE_PASS;
}

/* Our sequence number for the flow, as a SYN brings it to light. */
static uint32_t cookie_of(struct rig *rig, const struct wire_spec *spec)
{
	struct wire_spec syn = { .version = spec->version,
		                 .tags = spec->tags,
		                 .port = spec->port,
		                 .source_port = spec->source_port,
		                 .flags = WIRE_SYN };
	struct wire_tcp reply;
	struct wire frame;
	struct run run;

	wire_build(&frame, &syn);
	if (!rig_run(rig, frame.byte, frame.len, &run) || run.action != XDP_TX ||
	    wire_take_apart(run.out.byte, run.out.len, &reply) != NULL)
		return 0;
	return reply.seq;
}

static const char *http_check(const struct wire_tcp *reply, const struct row *row)
{
	bool is_head = strncmp(row->spec.payload, "HEAD ", 5) == 0;
	const char *text = (const char *)reply->payload, *end, *length;
	size_t body_bytes = 0, claimed = 0;

	if (reply->payload_bytes != HZ_RESPONSE_BYTES)
		return "answer is not of the one length";
	if (strncmp(text, row->text, strlen(row->text)) != 0)
		return "status line";
	end = memmem(text, reply->payload_bytes, "\r\n\r\n", 4);
	length = memmem(text, reply->payload_bytes, "\r\nContent-Length: ", 18);
	if (end == NULL || length == NULL || length > end)
		return "header section";
	if (memmem(text, (size_t)(end - text) + 2, "close\r\n", 7) == NULL)
		return "no Connection: close";
	for (const char *digit = length + 18; *digit >= '0' && *digit <= '9'; digit++)
		claimed = claimed * 10 + (size_t)(*digit - '0');
	body_bytes = reply->payload_bytes - (size_t)(end + 4 - text);
	if (claimed == 0 || body_bytes != (is_head ? 0 : claimed))
		return "body is not as long as it says";
	if (strstr(row->text, "200") != NULL && !is_head && memcmp(end + 4, "ok", 2) != 0)
		return "body";
	return NULL;
}

static const char *tcp_check(const struct run *run, const struct row *row,
                             const struct wire_spec *spec)
{
	size_t payload = spec->payload == NULL ? 0 : strlen(spec->payload);
	uint32_t taken = (uint32_t)payload + ((spec->flags & (WIRE_FIN | WIRE_SYN)) != 0);
	struct wire_tcp reply;
	const char *why = wire_take_apart(run->out.byte, run->out.len, &reply);

	if (why == NULL)
		why = wire_is_answer_to(&reply, spec);
	if (why != NULL)
		return why;
	if (row->check == CHECK_SYN_ACK) {
		if (reply.flags != (WIRE_SYN | WIRE_ACK) || reply.mss != 1220)
			return "not a SYN-ACK with MSS";
		return reply.ack == spec->seq + 1 && reply.payload_bytes == 0 ? NULL
		                                                              : "SYN-ACK numbers";
	}
	if (reply.seq != spec->ack)
		return "sequence number";
	if (reply.mss != 0)
		return "an option out of place";
	if (row->check == CHECK_HTTP) {
		if (reply.flags != (WIRE_ACK | WIRE_PSH | WIRE_FIN) ||
		    reply.ack != spec->seq + taken)
			return "flags or acknowledgement of the answer";
		return http_check(&reply, row);
	}
	if (reply.flags != row->flags || reply.payload_bytes != 0)
		return "flags";
	if (!(reply.flags & WIRE_RST) && reply.ack != spec->seq + taken)
		return "acknowledgement";
	return NULL;
}

static const char *output_check(const struct run *run, const struct row *row,
                                const struct wire *frame, const struct wire_spec *spec)
{
	switch (row->check) {
	case CHECK_SYN_ACK:
	case CHECK_HTTP:
	case CHECK_EMPTY:
		return tcp_check(run, row, spec);
	case CHECK_ECHO:
		return wire_is_echo_reply(run->out.byte, run->out.len, frame, spec);
	case CHECK_NONE:
		break;
	}
	if (run->out.len != frame->len || memcmp(run->out.byte, frame->byte, frame->len) != 0)
		return "the frame was changed";
	return NULL;
}

static void row_run(struct tap *tap, struct rig *rig, const struct row *row, int version, int tags)
{
	struct wire_spec spec = row->spec;
	struct wire frame;
	struct run run;
	const char *why;
	char name[128];

	snprintf(name, sizeof(name), "v%d.tags%d.%s", version, tags, row->name);
	spec.version = version;
	spec.tags = tags;
	if (row->is_echo) {
		spec.protocol = version == 4 ? 1 : 58;
		spec.port = (uint16_t)((version == 4 ? (spec.port == 0 ? 8 : 0)
		                                     : (spec.port == 0 ? 128 : 129))
		                       << 8);
	}
	state_set(rig, ST_READY);
	if (row->is_flow)
		spec.ack += cookie_of(rig, &spec) + 1;
	state_set(rig, row->state);
	if (state_has_socket(row->state) && rig_socket(rig, true) != 0) {
		tap_skip(tap, name, "no AF_XDP socket to be had");
		return;
	}
	wire_build(&frame, &spec);
	if (!rig_run(rig, frame.byte, frame.len, &run)) {
		tap_result(tap, name, "the kernel refused to run it");
	} else if (run.reason != row->reason || run.action != rig_reason_action(row->reason)) {
		tap_fail(tap, name, "action %u, counted as %s", run.action,
		         rig_reason_name(run.reason));
	} else {
		why = output_check(&run, row, &frame, &spec);
		tap_result(tap, name, why);
	}
	rig_socket(rig, false);
}

/* Frames that are no IP. */
static void other_frame(struct tap *tap, struct rig *rig, const char *name, const uint8_t *l2,
                        size_t l2_bytes, int reason)
{
	uint8_t frame[64] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	struct run run;

	memcpy(frame + 12, l2, l2_bytes);
	if (rig_run(rig, frame, sizeof(frame), &run) && run.reason == reason &&
	    run.action == rig_reason_action(reason))
		tap_result(tap, name, NULL);
	else
		tap_fail(tap, name, "action %u, counted as %s", run.action,
		         rig_reason_name(run.reason));
}

void table_tests(struct tap *tap, struct rig *rig)
{
	static const uint8_t arp[] = { 0x08, 0x06 }, lldp[] = { 0x88, 0xcc }, length[] = { 0, 46 };
	static const uint8_t tags3[] = { 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0 };
	static const uint8_t not4[] = { 0x08, 0x00, 0x65 }, not6[] = { 0x86, 0xdd, 0x45 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		for (int version = 4; version <= 6; version += 2)
			for (int tags = 0; tags <= 2; tags++)
				row_run(tap, rig, &rows[i], version, tags);
	other_frame(tap, rig, "arp_passes", arp, sizeof(arp), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "lldp_passes", lldp, sizeof(lldp), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "ieee_802_3_length_passes", length, 2, HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "three_tags_pass", tags3, sizeof(tags3), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "wrong_version_in_ip4_passes", not4, sizeof(not4),
	            HZ_REASON_pass_short);
	other_frame(tap, rig, "wrong_version_in_ip6_passes", not6, sizeof(not6),
	            HZ_REASON_pass_short);
}
