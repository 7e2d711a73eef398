/* A health port and echo: what is said to whom. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

/* Aumasson, Bernstein: SipHash: a fast short-input PRF (2012), figure 2.1. */
static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t model_siphash(const struct hz_cookie_key *key, const uint8_t *data, size_t len)
{
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d,
		          key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573 };

	for (size_t at = 0; at <= len; at += 8) {
		uint64_t word = at + 8 > len ? (uint64_t)len << 56 : 0;

		for (size_t i = 0; i < 8 && at + i < len; i++)
			word |= (uint64_t)data[at + i] << 8 * i;
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t model_flow(const struct model_world *world, const struct model_packet *packet,
                    uint32_t bind)
{
	uint8_t flow[40] = { 0 };

	memcpy(flow, packet->from, 16);
	memcpy(flow + 16, packet->to, 16);
	put16(flow + 32, packet->port);
	put16(flow + 34, packet->source_port);
	memcpy(flow + 36, &bind, sizeof(bind));
	return (uint32_t)model_siphash(&world->key, flow, sizeof(flow));
}

uint32_t model_cookie(const struct model_world *world, const struct model_packet *packet,
                      bool is_shared, uint32_t isn)
{
	return model_flow(world, packet, is_shared ? 1u << 31 | isn / 4096 : 0);
}

uint32_t model_shed_cookie(const struct model_world *world, const struct model_packet *packet,
                           uint32_t isn)
{
	return model_flow(world, packet, 1u << 30 | isn / 4096);
}

static size_t method_bytes(const uint8_t *text, size_t len)
{
	static const char *const methods[] = { "GET ", "HEAD ", "OPTIONS " };

	for (size_t i = 0; i < HZ_ARRAY_LEN(methods); i++)
		if (len >= strlen(methods[i]) && memcmp(text, methods[i], strlen(methods[i])) == 0)
			return strlen(methods[i]);
	return 0;
}

/* The answer a request gets, told by its first segment alone. */
static uint32_t answer_kind(const uint8_t *text, size_t len, const struct hz_claim *claim,
                            bool is_ready)
{
	size_t method = len >= 16 ? method_bytes(text, len) : 0, path = claim->path_bytes;
	bool is_head = method == 5, is_known = false;
	uint32_t kind = HZ_RESPONSE_404;

	if (method > 0 && path > 0 && path <= sizeof(claim->path) && method + path < len)
		is_known = memcmp(text + method, claim->path, path) == 0 &&
		           memchr(" ?", text[method + path], 2) != NULL;
	if (is_known)
		kind = is_ready ? HZ_RESPONSE_200 : HZ_RESPONSE_503;
	return is_head ? kind + HZ_RESPONSE_HEAD : kind;
}

/* What there is to say to one segment. */
struct talk {
	const struct model_world *world;
	const struct model_packet *packet;
	const struct hz_claim *claim;
	const uint8_t *tcp;
	size_t data;
	bool is_shared;
	uint32_t answers_max;
	struct wire *out;
};

static enum hz_reason say(const struct talk *talk, const struct model_segment *segment,
                          enum hz_reason reason)
{
	model_answer_segment(talk->packet, segment, talk->out);
	return reason;
}

/* seen: answers that the client has. */
static enum hz_reason request(const struct talk *talk, struct model_segment *reply, uint32_t seen)
{
	static const enum hz_reason reasons[] = { HZ_REASON_health_200, HZ_REASON_health_503,
		                                  HZ_REASON_health_404 };
	const uint8_t *text = talk->packet->frame + talk->data;
	size_t len = talk->packet->end - talk->data;
	uint32_t kind =
		answer_kind(text, len, talk->claim, model_health_of(talk->world) == MODEL_READY);
	bool keeps = seen + 1 < talk->answers_max && (talk->tcp[13] & FIN) == 0 &&
	             model_keeps(text, len);
	uint32_t index = talk->claim->response_base + kind + (keeps ? HZ_RESPONSE_KEEP : 0);

	if (talk->is_shared && (len < 16 || method_bytes(text, len) == 0))
		return HZ_REASON_COUNT;
	if (index >= HZ_RESPONSES_MAX)
		return HZ_REASON_health_bad;
	reply->flags = keeps ? ACK | PSH : ACK | PSH | FIN;
	reply->answer = &talk->world->resp[index];
	return say(talk, reply, reasons[kind % HZ_RESPONSE_HEAD]);
}

/* How many bytes of ours the client has; beyond what we can have sent: none of ours. On a site's port
 * the client's number lies up to 2048 bytes back. */
static uint32_t progress_of(const struct talk *talk)
{
	uint32_t last = talk->answers_max * HZ_RESPONSE_BYTES + 1;
	uint32_t isn = get32(talk->tcp + 4) - 1, ack = get32(talk->tcp + 8) - 1;
	uint32_t progress = ack - model_cookie(talk->world, talk->packet, talk->is_shared, isn);

	if (progress > last && talk->is_shared)
		progress = ack - model_cookie(talk->world, talk->packet, true, isn - 2048);
	return progress <= last ? progress : UINT32_MAX;
}

static enum hz_reason acknowledged(const struct talk *talk)
{
	uint32_t bytes = (uint32_t)(talk->packet->end - talk->data), fin = talk->tcp[13] & FIN;
	uint32_t progress = progress_of(talk), seen = progress / HZ_RESPONSE_BYTES;
	struct model_segment reply = { .seq = get32(talk->tcp + 8),
		                       .ack = get32(talk->tcp + 4) + bytes + fin };
	bool is_open = progress % HZ_RESPONSE_BYTES == 0 && seen < talk->answers_max;

	if ((talk->tcp[13] & SYN) != 0 || progress == UINT32_MAX) {
		if (talk->is_shared)
			return HZ_REASON_COUNT;
		reply.ack = 0;
		reply.flags = RST;
		return say(talk, &reply, HZ_REASON_health_reset);
	}
	if (bytes > 0 && is_open)
		return request(talk, &reply, seen);
	if (bytes == 0 && fin == 0)
		return HZ_REASON_health_idle;
	reply.flags = is_open ? ACK | FIN : ACK;
	return say(talk, &reply, HZ_REASON_health_ack);
}

enum hz_reason model_health(const struct model_world *world, const struct model_packet *packet,
                            const struct hz_claim *claim, bool is_shared, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	struct talk talk = {
		.world = world,
		.packet = packet,
		.claim = claim,
		.tcp = tcp,
		.data = packet->l4 + (size_t)(tcp[12] >> 4) * 4,
		.is_shared = is_shared,
		.answers_max = world->cfg.keep_alive != 0 && !is_shared ? HZ_HEALTH_ANSWERS_MAX : 1,
		.out = out,
	};
	struct model_segment syn_ack = { .flags = SYN | ACK, .ack = get32(tcp + 4) + 1 };

	if (world->cfg.health_off != 0)
		return is_shared ? HZ_REASON_COUNT : HZ_REASON_pass_health_off;
	if (model_health_of(world) == MODEL_DEAD && world->cfg.on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	if (talk.data < packet->l4 + 20 || talk.data > packet->end || model_source_is_bogus(packet))
		return is_shared ? HZ_REASON_COUNT : HZ_REASON_health_bad;
	if ((tcp[13] & RST) != 0)
		return is_shared ? HZ_REASON_COUNT : HZ_REASON_health_idle;
	if ((tcp[13] & ACK) != 0)
		return acknowledged(&talk);
	if ((tcp[13] & SYN) == 0 || (tcp[13] & FIN) != 0)
		return is_shared ? HZ_REASON_COUNT : HZ_REASON_health_bad;
	syn_ack.seq = model_cookie(world, packet, is_shared, get32(tcp + 4));
	return say(&talk, &syn_ack, HZ_REASON_health_syn_ack);
}
