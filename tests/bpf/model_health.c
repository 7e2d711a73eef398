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

static uint64_t siphash_2_4(const struct hz_cookie_key *key, const uint8_t *data, size_t len)
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

uint32_t model_cookie(const struct model_world *world, const struct model_packet *packet)
{
	uint8_t flow[40] = { 0 };

	memcpy(flow, packet->from, 16);
	memcpy(flow + 16, packet->to, 16);
	put16(flow + 32, packet->port);
	put16(flow + 34, packet->source_port);
	return (uint32_t)siphash_2_4(&world->key, flow, sizeof(flow));
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

static enum hz_reason request(const struct model_world *world, const struct model_packet *packet,
                              const struct hz_claim *claim, struct model_segment *reply,
                              size_t data, struct wire *out)
{
	static const enum hz_reason reasons[] = { HZ_REASON_health_200, HZ_REASON_health_503,
		                                  HZ_REASON_health_404 };
	uint32_t kind = answer_kind(packet->frame + data, packet->end - data, claim,
	                            model_health_of(world) == MODEL_READY);
	uint32_t index = claim->response_base + kind;

	if (index >= HZ_RESPONSES_MAX)
		return HZ_REASON_health_bad;
	reply->flags = ACK | PSH | FIN;
	reply->answer = &world->resp[index];
	model_answer_segment(packet, reply, out);
	return reasons[kind % HZ_RESPONSE_HEAD];
}

static enum hz_reason acknowledged(const struct model_world *world,
                                   const struct model_packet *packet, const struct hz_claim *claim,
                                   size_t data, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	uint32_t progress = get32(tcp + 8) - 1 - model_cookie(world, packet);
	uint32_t bytes = (uint32_t)(packet->end - data), fin = tcp[13] & FIN;
	struct model_segment reply = { .seq = get32(tcp + 8), .ack = get32(tcp + 4) + bytes + fin };

	if ((tcp[13] & SYN) != 0 || progress > HZ_RESPONSE_BYTES + 1) {
		reply.ack = 0;
		reply.flags = RST;
		model_answer_segment(packet, &reply, out);
		return HZ_REASON_health_reset;
	}
	if (bytes > 0 && progress == 0)
		return request(world, packet, claim, &reply, data, out);
	if (bytes == 0 && fin == 0)
		return HZ_REASON_health_idle;
	reply.flags = progress == 0 ? ACK | FIN : ACK;
	model_answer_segment(packet, &reply, out);
	return HZ_REASON_health_ack;
}

enum hz_reason model_health(const struct model_world *world, const struct model_packet *packet,
                            const struct hz_claim *claim, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	size_t data = packet->l4 + (size_t)(tcp[12] >> 4) * 4;
	struct model_segment syn_ack = { .flags = SYN | ACK };

	if (model_health_of(world) == MODEL_DEAD && world->cfg.on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	if (data < packet->l4 + 20 || data > packet->end || model_source_is_bogus(packet))
		return HZ_REASON_health_bad;
	if ((tcp[13] & RST) != 0)
		return HZ_REASON_health_idle;
	if ((tcp[13] & ACK) != 0)
		return acknowledged(world, packet, claim, data, out);
	if ((tcp[13] & SYN) == 0 || (tcp[13] & FIN) != 0)
		return HZ_REASON_health_bad;
	syn_ack.seq = model_cookie(world, packet);
	syn_ack.ack = get32(tcp + 4) + 1;
	model_answer_segment(packet, &syn_ack, out);
	return HZ_REASON_health_syn_ack;
}

enum hz_reason model_echo(const struct model_world *world, const struct model_packet *packet,
                          struct wire *out)
{
	const uint8_t *icmp = packet->frame + packet->l4;

	if (world->cfg.icmp_echo == 0 || model_source_is_bogus(packet))
		return HZ_REASON_pass_not_ours;
	if (packet->l4 + 8 > packet->end)
		return HZ_REASON_pass_short;
	if (icmp[0] != (packet->version == 4 ? 8 : 128) || icmp[1] != 0)
		return HZ_REASON_pass_not_ours;
	model_answer_echo(packet, out);
	return HZ_REASON_icmp_echo;
}
