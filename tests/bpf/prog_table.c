/* Frame in, verdict, counter and frame out: each row over IPv4 and IPv6 with 0, 1 and 2 VLAN tags. */
#include "bpf_rig.h"
#include "prog_rows.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

static void state_set(struct rig *rig, enum prog_state state)
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
	case ST_STALE_ELSEWHERE_FIRST:
	case ST_STALE_OTHER_PORT:
		rig->cfg.workers = 2;
		rig->beat[1] = rig->beat[0];
		rig->beat[0].beat_ns -= 11 * HZ_NS_PER_S;
		if (state == ST_STALE_OTHER_PORT)
			rig->beat[0].ifindex++;
		else
			rig->beat[0].queue++;
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

static bool state_has_socket(enum prog_state state)
{
	return state == ST_SOCKET || state == ST_STALE_ELSEWHERE ||
	       state == ST_STALE_ELSEWHERE_FIRST || state == ST_STALE_OTHER_PORT ||
	       state == ST_NO_WORKERS || state == ST_BEAT_AHEAD || state == ST_STALE ||
	       state == ST_STALE_DROP || state == ST_STALE_PASS;
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

static const char *http_check(const struct wire_tcp *reply, const struct prog_row *row)
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

static const char *tcp_check(const struct run *run, const struct prog_row *row,
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

static const char *output_check(const struct run *run, const struct prog_row *row,
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

/* Type and code of an echo, from what the row says in its port. */
static uint16_t echo_type_code(int version, uint16_t kind)
{
	uint16_t type = version == 4 ? 8 : 128;

	if (kind == 1)
		type = version == 4 ? 0 : 129;
	return (uint16_t)(type << 8 | (kind == 2));
}

static void row_run(struct tap *tap, struct rig *rig, const struct prog_row *row, int version,
                    int tags)
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
		spec.port = echo_type_code(version, row->spec.port);
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

	for (size_t i = 0; i < prog_row_count; i++)
		for (int version = prog_rows[i].is_v6 ? 6 : 4; version <= 6; version += 2)
			for (int tags = 0; tags <= 2; tags++)
				row_run(tap, rig, &prog_rows[i], version, tags);
	other_frame(tap, rig, "arp_passes", arp, sizeof(arp), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "lldp_passes", lldp, sizeof(lldp), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "ieee_802_3_length_passes", length, 2, HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "three_tags_pass", tags3, sizeof(tags3), HZ_REASON_pass_not_ip);
	other_frame(tap, rig, "wrong_version_in_ip4_passes", not4, sizeof(not4),
	            HZ_REASON_pass_short);
	other_frame(tap, rig, "wrong_version_in_ip6_passes", not6, sizeof(not6),
	            HZ_REASON_pass_short);
}
