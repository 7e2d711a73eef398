#include "frame_text.h"
#include "core/base.h"
#include "core/endpoint.h"
#include <stdio.h>
#include <string.h>

#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u
#define TYPE_QINQ 0x88a8u
#define TYPE_ARP  0x0806u
#define PROTO_TCP 6u
#define TAGS_MAX  2

struct packet {
	struct hz_endpoint src, dst;
	uint8_t protocol;
	uint32_t payload_bytes; /* behind the IP header, by its length field */
	const uint8_t *l4;
	size_t l4_bytes; /* kept of it; 0 in a later fragment, which has no header of its own */
};

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static void v4_set(struct hz_addr *out, const uint8_t *at)
{
	*out = (struct hz_addr){ .byte = { [10] = 0xff, [11] = 0xff } };
	memcpy(out->byte + 12, at, 4);
}

static bool ip4_read(const uint8_t *ip, size_t bytes, struct packet *out)
{
	size_t header;

	if (bytes < 20)
		return false;
	header = (size_t)(ip[0] & 15) * 4;
	if (header < 20 || header > bytes || get16(ip + 2) < header)
		return false;
	v4_set(&out->src.addr, ip + 12);
	v4_set(&out->dst.addr, ip + 16);
	out->protocol = ip[9];
	out->payload_bytes = get16(ip + 2) - (uint32_t)header;
	out->l4 = ip + header;
	out->l4_bytes = (get16(ip + 6) & 0x1fff) == 0 ? bytes - header : 0;
	return true;
}

static bool ip6_read(const uint8_t *ip, size_t bytes, struct packet *out)
{
	if (bytes < 40)
		return false;
	memcpy(out->src.addr.byte, ip + 8, 16);
	memcpy(out->dst.addr.byte, ip + 24, 16);
	out->protocol = ip[6];
	out->payload_bytes = get16(ip + 4);
	out->l4 = ip + 40;
	out->l4_bytes = bytes - 40;
	return true;
}

static void flags_text(uint8_t flags, char out[9])
{
	static const char names[] = "FSRPAUEC"; /* from the lowest bit, RFC 9293 3.1 and RFC 3168 */
	size_t used = 0;

	for (unsigned i = 0; i < 8; i++) {
		if ((flags & (1u << i)) != 0)
			out[used++] = names[i];
	}
	out[used] = '\0';
}

static void tcp_text(const struct packet *packet, char out[HZ_FRAME_TEXT_MAX])
{
	struct hz_endpoint src_end = packet->src, dst_end = packet->dst;
	char src[HZ_ENDPOINT_TEXT_MAX], dst[HZ_ENDPOINT_TEXT_MAX], flags[9];
	uint32_t header = (uint32_t)(packet->l4[12] >> 4) * 4;

	src_end.port = (uint16_t)get16(packet->l4);
	dst_end.port = (uint16_t)get16(packet->l4 + 2);
	hz_endpoint_print(&src_end, src);
	hz_endpoint_print(&dst_end, dst);
	flags_text(packet->l4[13], flags);
	snprintf(out, HZ_FRAME_TEXT_MAX, "%s > %s [%s] seq %u ack %u len %u", src, dst, flags,
	         get32(packet->l4 + 4), get32(packet->l4 + 8),
	         packet->payload_bytes > header ? packet->payload_bytes - header : 0);
}

static void packet_text(const struct packet *packet, char out[HZ_FRAME_TEXT_MAX])
{
	char src[HZ_ENDPOINT_TEXT_MAX], dst[HZ_ENDPOINT_TEXT_MAX];

	if (packet->protocol == PROTO_TCP && packet->l4_bytes >= 20) {
		tcp_text(packet, out);
		return;
	}
	hz_addr_print(&packet->src.addr, src);
	hz_addr_print(&packet->dst.addr, dst);
	snprintf(out, HZ_FRAME_TEXT_MAX, "%s > %s protocol %u len %u", src, dst, packet->protocol,
	         packet->payload_bytes);
}

void hz_frame_text(const uint8_t *data, size_t bytes, char out[HZ_FRAME_TEXT_MAX])
{
	struct packet packet = { .protocol = 0 };
	size_t at = 12;
	uint32_t type;

	snprintf(out, HZ_FRAME_TEXT_MAX, "cut short");
	for (unsigned tags = 0;; tags++, at += 4) {
		if (bytes < at + 2)
			return;
		type = get16(data + at);
		if ((type != TYPE_VLAN && type != TYPE_QINQ) || tags == TAGS_MAX)
			break;
	}
	at += 2;
	if (type == TYPE_IPV4 && ip4_read(data + at, bytes - at, &packet))
		packet_text(&packet, out);
	else if (type == TYPE_IPV6 && ip6_read(data + at, bytes - at, &packet))
		packet_text(&packet, out);
	else if (type == TYPE_ARP)
		snprintf(out, HZ_FRAME_TEXT_MAX, "ARP");
	else if (type != TYPE_IPV4 && type != TYPE_IPV6)
		snprintf(out, HZ_FRAME_TEXT_MAX, "ethertype 0x%04x", type);
}
