/* SYNs to a site's port while workers want them answered, and what acknowledges such an answer. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { END = 0, NOP = 1, MSS = 2, WSCALE = 3, SACK_PERMITTED = 4, TIMESTAMPS = 8 };
enum { NO_WSCALE = 15, SACK_BIT = 16, BEHIND_MS = 32 };

struct offer {
	uint32_t mss, wscale, ts_val;
	bool has_sack, has_ts;
};

/* Of both directions' addresses and ports, as the peer sends them. */
static uint64_t flow_hash(const struct model_world *world, const struct model_packet *packet)
{
	uint8_t flow[40] = { 0 };

	memcpy(flow, packet->from, 16);
	memcpy(flow + 16, packet->to, 16);
	put16(flow + 32, packet->source_port);
	put16(flow + 34, packet->port);
	return model_siphash(&world->cookies.flow, flow, sizeof(flow));
}

static const uint32_t sizes[8] = { 536, 1220, 1300, 1380, 1420, 1440, 1460, 8940 };

uint32_t model_syn_cookie(const struct model_world *world, const struct model_packet *packet,
                          uint32_t irs, uint32_t size_index, uint64_t period)
{
	const struct hz_cookie_key *key = &world->cookies.key[period / 64 % 2];
	uint64_t hash = flow_hash(world, packet);
	uint32_t number = (uint32_t)period * 8 + size_index;
	uint8_t data[16];

	for (int i = 0; i < 8; i++)
		data[i] = (uint8_t)(hash >> 8 * i);
	for (int i = 0; i < 4; i++) {
		data[8 + i] = (uint8_t)(number >> 8 * i);
		data[12 + i] = (uint8_t)(irs >> 8 * i);
	}
	return (uint32_t)model_siphash(key, data, sizeof(data)) * 256 + number % 256;
}

/* RFC 9293 3.1: false where a length leaves the header or is not its kind's. */
static bool offer_read(const uint8_t *option, size_t bytes, struct offer *out)
{
	size_t at = 0;

	while (at < bytes && option[at] != END) {
		size_t length = option[at] == NOP ? 1 : at + 1 < bytes ? option[at + 1] : 0;
		const uint8_t *value = option + at + 2;

		if (option[at] != NOP && (length < 2 || at + length > bytes))
			return false;
		switch (option[at]) {
		case MSS:
			if (length != 4)
				return false;
			out->mss = get16(value);
			break;
		case WSCALE:
			if (length != 3)
				return false;
			out->wscale = HZ_MIN(value[0], 14);
			break;
		case SACK_PERMITTED:
			if (length != 2)
				return false;
			out->has_sack = true;
			break;
		case TIMESTAMPS:
			if (length != 10)
				return false;
			out->has_ts = true;
			out->ts_val = get32(value);
			break;
		default:
			break;
		}
		at += length;
	}
	return true;
}

/* The newest time with these low bits that is not ahead of our clock. */
static uint32_t ts_of(uint32_t clock, const struct offer *offer)
{
	uint32_t bits = offer->wscale | (offer->has_sack ? SACK_BIT : 0);

	while (clock % 32 != bits)
		clock--;
	return clock;
}

static size_t options_put(const struct model_world *world, const struct model_packet *packet,
                          const struct offer *offer, uint64_t clock_ns, uint8_t out[20])
{
	uint32_t clock = (uint32_t)(clock_ns / 1000000) +
	                 (uint32_t)(flow_hash(world, packet) >> 32) - BEHIND_MS;

	memset(out, NOP, 20);
	out[0] = MSS;
	out[1] = 4;
	put16(out + 2, packet->version == 4 ? world->cookies.mss4 : world->cookies.mss6);
	if (!offer->has_ts)
		return 4;
	if (offer->has_sack)
		put16(out + 4, SACK_PERMITTED << 8 | 2);
	put16(out + 6, TIMESTAMPS << 8 | 10);
	put32(out + 8, ts_of(clock, offer));
	put32(out + 12, offer->ts_val);
	if (offer->wscale != NO_WSCALE) {
		put16(out + 17, WSCALE << 8 | 3);
		out[19] = 2;
	}
	return 20;
}

static enum hz_reason answer(const struct model_world *world, const struct model_packet *packet,
                             uint64_t clock_ns, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	size_t header = (size_t)(tcp[12] >> 4) * 4;
	struct offer offer = { .wscale = NO_WSCALE };
	struct model_segment syn_ack = { .flags = SYN | ACK, .ack = get32(tcp + 4) + 1 };
	uint8_t options[20];
	uint32_t size = 7;

	if (header < 20 || packet->l4 + header > packet->end || (tcp[13] & FIN) != 0 ||
	    model_source_is_bogus(packet) || !offer_read(tcp + 20, header - 20, &offer))
		return HZ_REASON_cookie_bad; /* as the worker does */
	if (offer.mss == 0)
		offer.mss = packet->version == 4 ? 536 : 1220;
	while (size > 0 && sizes[size] > offer.mss)
		size--;
	syn_ack.seq = model_syn_cookie(world, packet, get32(tcp + 4), size, clock_ns >> 36);
	syn_ack.option_bytes = options_put(world, packet, &offer, clock_ns, options);
	syn_ack.options = options;
	model_answer_segment(packet, &syn_ack, out);
	return HZ_REASON_cookie_syn_ack;
}

/* 32 bytes before the frame, as a program of this machine reads them. */
static enum hz_reason note(const struct model_world *world, const struct model_packet *packet,
                           uint64_t clock_ns, struct wire *out)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	uint32_t irs = get32(tcp + 4) - 1, cookie = get32(tcp + 8) - 1;
	uint64_t period = clock_ns >> 36, hash = flow_hash(world, packet);
	uint32_t numbers[3] = { irs + 1, cookie + 1, (uint32_t)(hash >> 32) };
	uint16_t size = (uint16_t)sizes[cookie % 8];

	if (cookie != model_syn_cookie(world, packet, irs, cookie % 8, period) &&
	    (period == 0 || cookie != model_syn_cookie(world, packet, irs, cookie % 8, period - 1)))
		return HZ_REASON_steer;
	memmove(out->byte + 32, out->byte, out->len);
	out->len += 32;
	memset(out->byte, 0, 32);
	memcpy(out->byte, &world->cookies.token, 8);
	memcpy(out->byte + 8, tcp, 4);
	memcpy(out->byte + 12, packet->from + 12, 4);
	memcpy(out->byte + 16, numbers, 12);
	memcpy(out->byte + 28, &size, 2);
	return HZ_REASON_steer_cookie;
}

enum hz_reason model_syn(const struct model_world *world, const struct model_packet *packet,
                         uint64_t clock_ns, struct wire *out)
{
	uint8_t flags = packet->frame[packet->l4 + 13] & (FIN | SYN | RST | ACK);

	if (packet->protocol != 6 || clock_ns >= world->cookies.verify_until_ns)
		return HZ_REASON_steer;
	if (model_is_syn(packet) && clock_ns < world->cookies.answer_until_ns)
		return answer(world, packet, clock_ns, out);
	if (flags == ACK || flags == (ACK | FIN))
		return note(world, packet, clock_ns, out);
	return HZ_REASON_steer;
}
