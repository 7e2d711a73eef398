/* The bytes of answers: frames made from nothing for TCP, turned round for echoes. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { SYN = 2, RST = 4 };

/* Ethernet header and tags of the packet, addresses swapped. */
static void put_l2(const struct model_packet *packet, uint8_t *out)
{
	memcpy(out, packet->frame + 6, 6);
	memcpy(out + 6, packet->frame, 6);
	memcpy(out + 12, packet->frame + 12, packet->l3 - 12);
}

static size_t put_ip(const struct model_packet *packet, uint8_t *ip, size_t l4_bytes)
{
	if (packet->version == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(20 + l4_bytes));
		ip[6] = 0x40; /* do not fragment */
		ip[8] = 64;
		ip[9] = 6;
		memcpy(ip + 12, packet->to + 12, 4);
		memcpy(ip + 16, packet->from + 12, 4);
		put16(ip + 10, ~sum_words(0, ip, 20));
		return 20;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)l4_bytes);
	ip[6] = 6;
	ip[7] = 64;
	memcpy(ip + 8, packet->to, 16);
	memcpy(ip + 24, packet->from, 16);
	return 40;
}

/* Without the payload, whose sum the map has: folded, and as its bytes lie in memory. */
static uint32_t payload_sum(const struct hz_response *answer)
{
	uint32_t folded = sum_fold((answer->csum & 0xffff) + (answer->csum >> 16));
	uint16_t word = (uint16_t)folded;
	uint8_t byte[2];

	memcpy(byte, &word, sizeof(byte));
	return get16(byte);
}

void model_answer_segment(const struct model_packet *packet, const struct model_segment *segment,
                          struct wire *out)
{
	static const uint8_t mss[4] = { 2, 4, 1220 >> 8, 1220 & 0xff };
	bool is_plain_syn = (segment->flags & SYN) != 0 && segment->option_bytes == 0;
	const uint8_t *options = is_plain_syn ? mss : segment->options;
	size_t header = 20 + (is_plain_syn ? sizeof(mss) : segment->option_bytes);
	size_t bytes = header + (segment->answer != NULL ? HZ_RESPONSE_BYTES : 0);
	struct wire reply = { .len = 0 };
	uint8_t *ip = reply.byte + packet->l3, *tcp;
	size_t ip_bytes;
	uint32_t sum;

	put_l2(packet, reply.byte);
	ip_bytes = put_ip(packet, ip, bytes);
	tcp = ip + ip_bytes;
	put16(tcp, packet->port);
	put16(tcp + 2, packet->source_port);
	put32(tcp + 4, segment->seq);
	put32(tcp + 8, segment->ack);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = segment->flags;
	put16(tcp + 14, segment->flags & RST ? 0 : 65535);
	if (header > 20)
		memcpy(tcp + 20, options, header - 20);
	/* RFC 9293 3.1: addresses, protocol, length, then the segment */
	sum = packet->version == 4 ? sum_words(0, ip + 12, 8) : sum_words(0, ip + 8, 32);
	sum = sum_words(sum_fold(sum + 6 + (uint32_t)bytes), tcp, header);
	if (segment->answer != NULL) {
		sum = sum_fold(sum + payload_sum(segment->answer));
		memcpy(tcp + header, segment->answer->data, HZ_RESPONSE_BYTES);
	}
	put16(tcp + 16, ~sum);
	reply.len = packet->l3 + ip_bytes + bytes;
	*out = reply;
}

/* The frame's IP header back to its sender, with l4_bytes behind it; the rest of it as it came. */
static void turn_ip(const struct model_packet *packet, uint8_t *ip, size_t l4_bytes)
{
	if (packet->version == 6) {
		put16(ip + 4, (uint32_t)l4_bytes);
		ip[7] = 64;
		memcpy(ip + 8, packet->to, 16);
		memcpy(ip + 24, packet->from, 16);
		return;
	}
	put16(ip + 2, (uint32_t)(20 + l4_bytes));
	ip[8] = 64;
	memcpy(ip + 12, packet->to + 12, 4);
	memcpy(ip + 16, packet->from + 12, 4);
	put16(ip + 10, 0);
	put16(ip + 10, ~sum_words(0, ip, 20));
}

/* Only addresses, hop limit and type change, and with them both sums: what was wrong stays wrong. */
void model_answer_echo(const struct model_packet *packet, struct wire *out)
{
	uint8_t *icmp = out->byte + packet->l4;
	uint32_t before = get16(icmp), sum;

	put_l2(packet, out->byte);
	icmp[0] = packet->version == 4 ? 0 : 129;
	/* RFC 1624 eqn. 3 */
	sum = (~(uint32_t)get16(icmp + 2) & 0xffff) + (~before & 0xffff) + get16(icmp);
	put16(icmp + 2, ~sum_fold(sum));
	turn_ip(packet, out->byte + packet->l3, packet->end - packet->l4);
}

/* RFC 768; a sum of 0 would say that there is none. */
void model_answer_udp(const struct model_packet *packet, const uint8_t *text, size_t bytes,
                      struct wire *out)
{
	uint8_t *ip = out->byte + packet->l3, *udp = out->byte + packet->l4;
	uint32_t sum;

	put_l2(packet, out->byte);
	turn_ip(packet, ip, 8 + bytes);
	put16(udp, packet->port);
	put16(udp + 2, packet->source_port);
	put16(udp + 4, (uint32_t)(8 + bytes));
	put16(udp + 6, 0);
	memcpy(udp + 8, text, bytes);
	sum = packet->version == 4 ? sum_words(0, ip + 12, 8) : sum_words(0, ip + 8, 32);
	sum = ~sum_words(sum_fold(sum + 17 + 8 + (uint32_t)bytes), udp, 8 + bytes) & 0xffff;
	put16(udp + 6, sum == 0 ? 0xffff : sum);
	out->len = packet->l4 + 8 + bytes;
}
