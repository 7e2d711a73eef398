#include "tcp_wire.h"
#include <string.h>

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum(uint32_t from, const uint8_t *at, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i += 2)
		from += get16(at + i);
	if ((bytes & 1) != 0)
		from += (uint32_t)at[bytes - 1] << 8;
	while (from >> 16 != 0)
		from = (from & 0xffff) + (from >> 16);
	return from;
}

/* The pseudo header's sum and the segment's: 0xffff when its checksum is right. */
static uint32_t tcp_sum(const uint8_t *ip, size_t l4_bytes)
{
	uint32_t pseudo = sum(0, ip + 12, 8) + 6 + (uint32_t)l4_bytes;

	return sum(pseudo, ip + 20, l4_bytes);
}

size_t tcp_wire_build(uint8_t *out, const struct tcp_wire_flow *flow, uint8_t flags,
                      const void *payload, size_t bytes)
{
	size_t options = (flags & TCP_WIRE_SYN) != 0 ? 4 : 0;
	size_t l4_bytes = 20 + options + bytes;
	size_t total = 14 + 20 + l4_bytes;
	uint8_t *ip = out + 14, *tcp = out + 34;

	memset(out, 0, TCP_WIRE_HEADER_BYTES + 6);
	memcpy(out, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0", 14);
	put16(ip, 0x4500);
	put16(ip + 2, (uint32_t)(20 + l4_bytes));
	put16(ip + 6, 0x4000); /* do not fragment */
	put16(ip + 8, 64 << 8 | 6);
	put32(ip + 12, flow->client_ip);
	put32(ip + 16, flow->server_ip);
	put16(ip + 10, ~sum(0, ip, 20));
	put16(tcp, flow->client_port);
	put16(tcp + 2, flow->server_port);
	put32(tcp + 4, flow->seq);
	put32(tcp + 8, flow->ack);
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	if (options != 0)
		put32(tcp + 20, 0x02040000 | 1460); /* MSS, RFC 9293 3.2 */
	if (bytes != 0)
		memcpy(tcp + 20 + options, payload, bytes);
	put16(tcp + 16, ~tcp_sum(ip, l4_bytes));
	return total < 60 ? 60 : total;
}

bool tcp_wire_read(const uint8_t *frame, size_t bytes, struct tcp_wire_seg *out)
{
	const uint8_t *ip = frame + 14, *tcp = frame + 34;
	size_t total, header;

	if (bytes < TCP_WIRE_HEADER_BYTES || get16(frame + 12) != 0x0800 || ip[0] != 0x45 ||
	    ip[9] != 6)
		return false;
	total = get16(ip + 2);
	header = (size_t)(tcp[12] >> 4) * 4;
	if (total + 14 > bytes || header < 20 || total < 20 + header)
		return false;
	if (sum(0, ip, 20) != 0xffff || tcp_sum(ip, total - 20) != 0xffff)
		return false;
	*out = (struct tcp_wire_seg){ .client_ip = get32(ip + 16),
		                      .client_port = (uint16_t)get16(tcp + 2),
		                      .server_port = (uint16_t)get16(tcp),
		                      .flags = tcp[13],
		                      .tos = ip[1],
		                      .ttl = ip[8],
		                      .seq = get32(tcp + 4),
		                      .ack = get32(tcp + 8),
		                      .payload = tcp + header,
		                      .payload_bytes = total - 20 - header };
	return true;
}
