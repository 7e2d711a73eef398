/* Refusing new flows: which ones, and what they are told. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define TOLD_NS 30000000000ull

/* Of the live workers those that want most refused: of each class and in each way another one may. */
static uint64_t level(const struct model_world *world)
{
	uint32_t workers = HZ_MIN(world->cfg.workers, (uint32_t)HZ_WORKERS_MAX);
	uint64_t most[4] = { 0 };

	for (uint32_t i = 0; i < workers; i++)
		for (int field = 0; field < 4 && !model_beat_is_old(world, &world->beat[i]);
		     field++)
			most[field] = HZ_MAX(most[field],
			                     (uint64_t)world->beat[i].shed >> 16 * field & 0xffff);
	return most[3] << 48 | most[2] << 32 | most[1] << 16 | most[0];
}

/* The verdict on a SYN; false: it comes in. */
static bool is_refused(const struct model_world *world, const struct model_packet *packet,
                       uint8_t class, uint32_t *verdict)
{
	uint64_t word = level(world);
	uint64_t draw = (uint64_t)model_flow(world, packet, 1u << 29) * 1000 >> 32;
	uint64_t share = class == HZ_CLASS_GOLD ? word & 0xffff : word >> 16 & 0xffff;

	if (word == 0)
		return false;
	if (draw < word >> 48) {
		*verdict = HZ_SHED_DROP;
		return true;
	}
	*verdict = draw < share ? world->cfg.shed_verdict : HZ_SHED_ANSWER503;
	return draw < share || draw < (word >> 32 & 0xffff);
}

static enum hz_reason syn(const struct model_world *world, const struct model_packet *packet,
                          uint8_t class, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	size_t data = packet->l4 + (size_t)(tcp[12] >> 4) * 4;
	uint32_t isn = get32(tcp + 4), verdict = HZ_SHED_DROP;
	struct model_segment reply = { .ack = isn + 1, .flags = SYN | ACK };

	if (!is_refused(world, packet, class, &verdict))
		return HZ_REASON_COUNT;
	if (model_source_is_bogus(packet) || (tcp[13] & FIN) != 0 || tcp[12] >> 4 < 5 ||
	    data > packet->end)
		return HZ_REASON_shed_drop;
	if (verdict == HZ_SHED_RESET) {
		reply.ack += (uint32_t)(packet->end - data);
		reply.flags = RST | ACK;
	} else if (verdict == HZ_SHED_ANSWER503) {
		reply.seq = model_shed_cookie(world, packet, isn);
	} else {
		return HZ_REASON_shed_drop;
	}
	model_answer_segment(packet, &reply, out);
	return verdict == HZ_SHED_RESET ? HZ_REASON_shed_reset : HZ_REASON_shed_syn_ack;
}

static bool is_request(const uint8_t *text, size_t len)
{
	static const char *const methods[] = { "GET ", "HEAD", "POST", "PUT ", "DELE",
		                               "OPTI", "PATC", "CONN", "TRAC" };

	for (size_t i = 0; i < HZ_ARRAY_LEN(methods); i++)
		if (len >= 4 && memcmp(text, methods[i], 4) == 0)
			return true;
	return false;
}

static bool is_ours(uint32_t seen)
{
	return seen == 0 || seen == HZ_RESPONSE_BYTES || seen == HZ_RESPONSE_BYTES + 1;
}

/* Anything but the segments of a refused flow is the worker's. */
static enum hz_reason segment(const struct model_world *world, const struct model_packet *packet,
                              struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	size_t data = packet->l4 + (size_t)(tcp[12] >> 4) * 4, bytes;
	uint32_t seq = get32(tcp + 4), ack = get32(tcp + 8), fin = tcp[13] & FIN, seen;
	struct model_segment reply = { .seq = ack, .flags = ACK };

	if (tcp[12] >> 4 < 5 || data > packet->end || model_source_is_bogus(packet))
		return HZ_REASON_COUNT;
	bytes = packet->end - data;
	seen = ack - 1 - model_shed_cookie(world, packet, seq - 1);
	if (!is_ours(seen))
		seen = ack - 1 - model_shed_cookie(world, packet, seq - 1 - 2048);
	if (!is_ours(seen))
		return HZ_REASON_COUNT;
	if (bytes + fin == 0)
		return HZ_REASON_shed_idle;
	reply.ack = seq + (uint32_t)bytes + fin;
	if (seen == 0 && bytes > 0) {
		if (!is_request(packet->frame + data, bytes))
			return HZ_REASON_COUNT;
		reply.flags = FIN | PSH | ACK;
		reply.answer = &world->resp[HZ_RESPONSE_SHED];
	} else if (seen == 0) {
		reply.flags = FIN | ACK;
	}
	model_answer_segment(packet, &reply, out);
	return reply.answer != NULL ? HZ_REASON_shed_503 : HZ_REASON_shed_ack;
}

enum hz_reason model_shed(const struct model_world *world, const struct model_packet *packet,
                          const struct hz_claim *claim, struct wire *out)
{
	uint8_t flags;
	/* what another CPU stored may be of a moment after now */
	bool has_told = world->shed_told_ns != 0 && (world->shed_told_ns > world->now_ns ||
	                                             world->now_ns - world->shed_told_ns < TOLD_NS);

	if (packet->protocol != 6)
		return HZ_REASON_COUNT;
	flags = packet->frame[packet->l4 + 13] & (FIN | SYN | RST | ACK);
	if (model_is_syn(packet) && claim->shed_class != HZ_CLASS_CONTROL)
		return syn(world, packet, claim->shed_class, out);
	if (has_told && (flags == ACK || flags == (ACK | FIN)))
		return segment(world, packet, out);
	return HZ_REASON_COUNT;
}
