/* Whole conversations with the health responder, and what its cookies and figures are worth. */
#include "abi/cookie_siphash.h"
#include "prog_client.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

/* nc -z: connect and close, no request. */
static const char *connect_and_close(struct rig *rig)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, 4, 0, 50001);

	if (!client_send(&client, WIRE_SYN, NULL) ||
	    !client_send(&client, WIRE_ACK | WIRE_FIN, NULL) ||
	    client.reply.flags != (WIRE_ACK | WIRE_FIN))
		return "the connection does not end";
	if (client_send(&client, WIRE_ACK, NULL) || client.run.reason != HZ_REASON_health_idle)
		return "last ACK";
	return NULL;
}

/* A request again, as after a lost answer, gets the same answer. */
static const char *retransmission(struct rig *rig)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, 6, 1, 50002), again;
	struct wire first;

	if (!client_send(&client, WIRE_SYN, NULL))
		return "SYN";
	again = client;
	if (!client_send(&client, WIRE_ACK | WIRE_PSH, CLIENT_GET))
		return "GET";
	first = client.run.out;
	if (!client_send(&again, WIRE_ACK | WIRE_PSH, CLIENT_GET) ||
	    again.run.out.len != first.len ||
	    memcmp(again.run.out.byte, first.byte, first.len) != 0)
		return "second answer differs";
	return NULL;
}

/* The cookie is the hash of the flow under the key: recomputed here, and no two flows share one. */
static const char *cookie_is_keyed(struct rig *rig)
{
	const struct hz_cookie_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint32_t seen[16];

	for (uint16_t i = 0; i < HZ_ARRAY_LEN(seen); i++) {
		struct client client =
			client_new(rig, RIG_HEALTH_PORT, 4, 0, (uint16_t)(50100 + i));
		uint8_t flow[40] = { 0 };
		__u64 word[5];

		if (!client_send(&client, WIRE_SYN, NULL))
			return "SYN";
		memcpy(flow, mapped, 12);
		memcpy(flow + 12, client.reply.to, 4);
		memcpy(flow + 16, mapped, 12);
		memcpy(flow + 28, client.reply.from, 4);
		flow[32] = RIG_HEALTH_PORT >> 8;
		flow[33] = RIG_HEALTH_PORT & 0xff;
		flow[34] = (uint8_t)(client.spec.source_port >> 8);
		flow[35] = (uint8_t)client.spec.source_port;
		memcpy(word, flow, sizeof(word));
		if (client.reply.seq != (uint32_t)hz_siphash(key.k0, key.k1, word, 5))
			return "not the keyed hash of the flow";
		seen[i] = client.reply.seq;
		for (uint16_t j = 0; j < i; j++)
			if (seen[j] == seen[i])
				return "two flows, one cookie";
	}
	return NULL;
}

/* Somebody else's cookie is worth nothing. */
static const char *cookie_of_another_flow(struct rig *rig)
{
	struct client one = client_new(rig, RIG_HEALTH_PORT, 4, 0, 50200),
		      other = client_new(rig, RIG_HEALTH_PORT, 4, 0, 50201);

	if (!client_send(&one, WIRE_SYN, NULL))
		return "SYN";
	other.rcv_nxt = one.rcv_nxt;
	if (!client_send(&other, WIRE_ACK | WIRE_PSH, CLIENT_GET) ||
	    other.run.reason != HZ_REASON_health_reset)
		return "a stolen cookie was taken";
	return NULL;
}

static uint64_t health_samples(const struct rig *rig, uint64_t *max_ns)
{
	struct hz_hist hist;
	uint64_t samples = 0;

	*max_ns = 0;
	for (uint32_t cpu = 0; cpu < HZ_WORKERS_MAX; cpu++) {
		uint32_t index = cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;

		if (bpf_map_lookup_elem(rig->latency_fd, &index, &hist) != 0)
			continue;
		*max_ns = HZ_MAX(*max_ns, hist.max_ns);
		for (size_t i = 0; i < HZ_HIST_BUCKETS; i++)
			samples += hist.bucket[i];
	}
	return samples;
}

/* One sample for an answer, none for anything else. */
static const char *histogram(struct rig *rig)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, 4, 2, 50300);
	uint64_t max_ns, before = health_samples(rig, &max_ns);

	if (!client_send(&client, WIRE_SYN, NULL) || health_samples(rig, &max_ns) != before)
		return "a SYN counted";
	if (!client_send(&client, WIRE_ACK | WIRE_PSH, CLIENT_GET) ||
	    health_samples(rig, &max_ns) != before + 1)
		return "the answer did not count";
	return max_ns > 0 && max_ns < HZ_NS_PER_S ? NULL : "no plausible duration";
}

/* Values in maps that no loader of ours would write: a verdict all the same. */
static const char *hostile_maps(struct rig *rig)
{
	struct client client = client_new(rig, RIG_HEALTH_PORT, 4, 0, 50400);

	rig->cfg.workers = UINT32_MAX;
	rig->cfg.on_dead = 77;
	rig->cfg.state = 99;
	for (size_t i = 0; i < HZ_WORKERS_MAX; i++)
		rig->beat[i] = (struct hz_beat){ .beat_ns = UINT64_MAX, .state = 77 };
	rig_state_apply(rig);
	if (!client_send(&client, WIRE_SYN, NULL) ||
	    !client_send(&client, WIRE_ACK | WIRE_PSH, CLIENT_GET) ||
	    client.run.reason != HZ_REASON_health_503)
		return "not 503";
	return NULL;
}

void health_tests(struct tap *tap, struct rig *rig)
{
	char name[64];

	rig_state_reset(rig);
	rig_state_apply(rig);
	for (int version = 4; version <= 6; version += 2)
		for (int tags = 0; tags <= 2; tags++) {
			snprintf(name, sizeof(name), "health.v%d.tags%d.whole_conversation",
			         version, tags);
			tap_result(tap, name, client_probe(rig, RIG_HEALTH_PORT, version, tags));
		}
	tap_result(tap, "health.connect_and_close_ends", connect_and_close(rig));
	tap_result(tap, "health.request_twice_same_answer", retransmission(rig));
	tap_result(tap, "health.cookie_is_keyed_hash_of_flow", cookie_is_keyed(rig));
	tap_result(tap, "health.cookie_of_another_flow_is_reset", cookie_of_another_flow(rig));
	tap_result(tap, "health.answer_is_one_sample", histogram(rig));
	tap_result(tap, "health.hostile_maps_answer_503", hostile_maps(rig));
	rig_state_reset(rig);
	rig_state_apply(rig);
}
