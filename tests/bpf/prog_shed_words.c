/* Refusing new flows in words, and everybody else: how it looks to the client, and that nobody who is in notices. */
#include "abi/shed_word.h"
#include "prog_client.h"
#include "prog_shed.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#define REQUEST "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define BATCH   4096u

/* --- the words -------------------------------------------------------------------------------------- */

static const char *reset_check(struct rig *rig, int version, int tags)
{
	struct client client = client_new(rig, RIG_SITE_PORT, version, tags, 1234);

	prog_shed_set(rig, prog_shed_all(1000), HZ_SHED_RESET);
	if (!client_send(&client, WIRE_SYN, NULL) || client.run.reason != HZ_REASON_shed_reset)
		return "no answer";
	if (client.reply.flags != (WIRE_RST | WIRE_ACK) || client.reply.seq != 0 ||
	    client.reply.ack != client.snd_nxt || client.reply.payload_bytes != 0)
		return "not the RST of RFC 9293 3.10.7.1";
	return NULL;
}

static const char *text_check(const struct wire_tcp *reply)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				   "Connection: close\r\nContent-Length:       0\r\n\r\n";

	if (reply->payload_bytes != sizeof(text) - 1 ||
	    memcmp(reply->payload, text, sizeof(text) - 1) != 0)
		return "the bytes of the 503";
	return reply->flags == (WIRE_FIN | WIRE_PSH | WIRE_ACK) ? NULL : "flags of the 503";
}

/* A whole conversation; before its request the client says nothing, and the level changes meanwhile. */
static const char *told_check(struct rig *rig, int version, int tags, const char *request,
                              uint64_t word_after)
{
	struct client client = client_new(rig, RIG_SITE_PORT, version, tags, 1234);
	const char *why;

	prog_shed_set(rig, prog_shed_all(1000), HZ_SHED_ANSWER503);
	if (!client_send(&client, WIRE_SYN, NULL) || client.run.reason != HZ_REASON_shed_syn_ack ||
	    client.reply.mss == 0)
		return "SYN";
	rig->beat[0].shed = word_after;
	rig_state_apply(rig);
	if (client_send(&client, WIRE_ACK, NULL) || client.run.reason != HZ_REASON_shed_idle)
		return "the last step of the handshake";
	if (!client_send(&client, WIRE_ACK | WIRE_PSH, request) ||
	    client.run.reason != HZ_REASON_shed_503)
		return "no 503";
	why = text_check(&client.reply);
	if (why != NULL)
		return why;
	if (client_send(&client, WIRE_ACK, NULL) || client.run.reason != HZ_REASON_shed_idle)
		return "ACK of the 503";
	if (!client_send(&client, WIRE_ACK | WIRE_FIN, NULL) ||
	    client.run.reason != HZ_REASON_shed_ack || client.reply.flags != WIRE_ACK)
		return "the client's FIN";
	return NULL;
}

static void words_tests(struct tap *tap, struct rig *rig)
{
	static const char *const requests[] = { REQUEST, "HEAD / HTTP/1.0\r\n\r\n",
		                                "POST /a HTTP/1.1\r\nHost: a\r\n\r\n",
		                                "DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n",
		                                "PATCH /a HTTP/1.1\r\nHost: a\r\n\r\n" };
	const char *why = NULL;
	char name[96];

	for (int version = 4; version <= 6; version += 2) {
		for (int tags = 0; tags <= 2; tags++) {
			snprintf(name, sizeof(name), "shed.reset_v%d_%d_tags", version, tags);
			tap_result(tap, name, reset_check(rig, version, tags));
			snprintf(name, sizeof(name), "shed.told_503_v%d_%d_tags", version, tags);
			tap_result(tap, name,
			           told_check(rig, version, tags, REQUEST, prog_shed_all(1000)));
		}
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(requests) && why == NULL; i++)
		why = told_check(rig, 4, 0, requests[i], prog_shed_all(1000));
	tap_result(tap, "shed.every_method_is_told_503", why);
	tap_result(tap, "shed.told_503_after_the_overload_ended",
	           told_check(rig, 4, 0, REQUEST, 0));
}

/* --- everybody else ----------------------------------------------------------------------------------- */

/* All refused, all told: what a flow of the worker sends is the worker's. */
static const char *established_check(struct rig *rig, uint32_t verdict)
{
	static const uint8_t flags[] = { WIRE_ACK, WIRE_ACK | WIRE_PSH, WIRE_ACK | WIRE_FIN,
		                         WIRE_RST, WIRE_RST | WIRE_ACK, WIRE_SYN | WIRE_ACK };
	struct wire_spec spec = { .version = 4, .port = RIG_SITE_PORT, .source_port = 4000 };
	struct wire frame;
	struct run run;

	prog_shed_set(rig, hz_shed_word(1000, 1000, 1000, 0), verdict);
	(void)rig_shed_told(rig, rig_now_ns());
	for (uint32_t i = 0; i < 60000; i++) {
		spec.flags = flags[i % HZ_ARRAY_LEN(flags)];
		spec.seq = i * 71993u;
		spec.ack = i * 2654435761u;
		spec.payload = i % 4 == 0 ? REQUEST : NULL;
		wire_build(&frame, &spec);
		if (i % BATCH == 0) {
			rig->beat[0].beat_ns = rig_now_ns();
			rig_state_apply(rig);
		}
		if (!rig_run(rig, frame.byte, frame.len, &run) ||
		    run.reason != HZ_REASON_pass_no_socket || run.out.len != frame.len ||
		    memcmp(run.out.byte, frame.byte, frame.len) != 0)
			return rig_reason_name(run.reason);
	}
	return NULL;
}

/* A flow whose numbers meet the cookie, but what it says is no request. */
static const char *stranger_check(struct rig *rig, const char *payload, uint32_t seq_off)
{
	struct client client = client_new(rig, RIG_SITE_PORT, 4, 0, 1234);

	prog_shed_set(rig, prog_shed_all(1000), HZ_SHED_ANSWER503);
	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	client.snd_nxt += seq_off;
	(void)client_send(&client, WIRE_ACK | WIRE_PSH, payload);
	return client.run.reason == HZ_REASON_pass_no_socket ? NULL : "taken for a refused flow";
}

static const char *window_check(struct rig *rig)
{
	struct client client = client_new(rig, RIG_SITE_PORT, 4, 0, 1234);

	prog_shed_set(rig, prog_shed_all(1000), HZ_SHED_ANSWER503);
	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	(void)rig_shed_told(rig, rig_now_ns() - 31 * HZ_NS_PER_S);
	(void)client_send(&client, WIRE_ACK | WIRE_PSH, REQUEST);
	return client.run.reason == HZ_REASON_pass_no_socket ? NULL
	                                                     : "segments are looked at for ever";
}

/* Stored on another CPU a moment after this one looked at its clock. */
static const char *future_check(struct rig *rig)
{
	struct client client = client_new(rig, RIG_SITE_PORT, 4, 0, 1234);

	prog_shed_set(rig, prog_shed_all(1000), HZ_SHED_ANSWER503);
	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	(void)rig_shed_told(rig, rig_now_ns() + HZ_NS_PER_S);
	(void)client_send(&client, WIRE_ACK | WIRE_PSH, REQUEST);
	return client.run.reason == HZ_REASON_shed_503 ? NULL : "taken for long ago";
}

static const char *canned_check(struct rig *rig)
{
	prog_shed_set(rig, hz_shed_word(0, 0, 1000, 0), HZ_SHED_DROP);
	if (prog_shed_syn(rig, 4, 1, 1) != HZ_REASON_shed_syn_ack)
		return "who is left is not told";
	prog_shed_set(rig, hz_shed_word(0, 0, 1000, 1000), HZ_SHED_RESET);
	return prog_shed_syn(rig, 4, 1, 1) == HZ_REASON_shed_drop ? NULL : "shut is not a drop";
}

static const char *health_check(struct rig *rig)
{
	struct client port = client_new(rig, RIG_HEALTH_PORT, 4, 0, 4321);
	struct client prober = client_new(rig, RIG_PROBED_PORT, 4, 0, 4321);

	prog_shed_set(rig, hz_shed_word(1000, 1000, 1000, 1000), HZ_SHED_DROP);
	if (!client_send(&port, WIRE_SYN, NULL) ||
	    !client_send(&port, WIRE_ACK, "GET /healthz HTTP/1.1\r\n\r\n") ||
	    port.run.reason != HZ_REASON_health_200)
		return "a health port is shed";
	if (!client_send(&prober, WIRE_SYN, NULL) ||
	    !client_send(&prober, WIRE_ACK, "GET /healthz HTTP/1.1\r\n\r\n") ||
	    prober.run.reason != HZ_REASON_health_200)
		return "a prober on a site's port is shed";
	return NULL;
}

void shed_words_tests(struct tap *tap, struct rig *rig)
{
	words_tests(tap, rig);
	tap_result(tap, "shed.established_flows_are_left_alone_drop",
	           established_check(rig, HZ_SHED_DROP));
	tap_result(tap, "shed.established_flows_are_left_alone_answer503",
	           established_check(rig, HZ_SHED_ANSWER503));
	tap_result(tap, "shed.data_that_is_no_request_is_the_workers",
	           stranger_check(rig, "\026\003\001\002", 0));
	tap_result(tap, "shed.cookie_is_bound_to_the_clients_number",
	           stranger_check(rig, REQUEST, 70000));
	tap_result(tap, "shed.segments_are_looked_at_for_30_s", window_check(rig));
	tap_result(tap, "shed.time_of_another_cpu_is_fresh", future_check(rig));
	tap_result(tap, "shed.canned_and_shut_go_beyond_the_verdict", canned_check(rig));
	tap_result(tap, "shed.health_is_exempt", health_check(rig));
}
