#include "frame_bend.h"

#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include <string.h>

#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define TCP_BYTES 20u

static size_t l3_find(const uint8_t *frame, size_t bytes)
{
	size_t at = HZ_ETH_BYTES;

	for (unsigned tags = 0; tags < HZ_VLAN_TAGS_MAX && at + HZ_VLAN_BYTES <= bytes; tags++) {
		uint32_t type = frame_get16(frame + at - 2);

		if (type != HZ_ETHERTYPE_VLAN && type != HZ_ETHERTYPE_QINQ)
			break;
		at += HZ_VLAN_BYTES;
	}
	return at;
}

bool frame_find(const uint8_t *frame, size_t bytes, struct frame_parts *out)
{
	struct frame_parts parts = { .l3 = l3_find(frame, bytes) };
	const uint8_t *ip = frame + parts.l3;
	uint32_t type;

	if (bytes < parts.l3 + IP4_BYTES + TCP_BYTES)
		return false;
	type = frame_get16(ip - 2);
	if (type == HZ_ETHERTYPE_IP4 && ip[0] == 0x45 && ip[9] == HZ_IPPROTO_TCP) {
		parts.l4 = parts.l3 + IP4_BYTES;
		parts.l4_bytes = frame_get16(ip + 2) - IP4_BYTES;
	} else if (type == HZ_ETHERTYPE_IP6 && ip[0] >> 4 == 6 && ip[6] == HZ_IPPROTO_TCP) {
		parts.is_v6 = true;
		parts.l4 = parts.l3 + IP6_BYTES;
		parts.l4_bytes = frame_get16(ip + 4);
	} else {
		return false;
	}
	/* An IPv4 length below its header wrapped, and is too large here. */
	if (parts.l4 > bytes || parts.l4_bytes > bytes - parts.l4 || parts.l4_bytes < TCP_BYTES)
		return false;
	*out = parts;
	return true;
}

/* Over pseudo header and segment, RFC 9293 3.1: 0 when the checksum in it is right. */
static uint16_t tcp_sum(const uint8_t *frame, const struct frame_parts *parts)
{
	const uint8_t *ip = frame + parts->l3;
	uint64_t sum = parts->is_v6 ? hz_csum_add(0, ip + 8, 32) : hz_csum_add(0, ip + 12, 8);

	sum += __builtin_bswap16((uint16_t)parts->l4_bytes);
	sum += __builtin_bswap16(HZ_IPPROTO_TCP);
	return hz_csum_finish(hz_csum_add(sum, frame + parts->l4, parts->l4_bytes));
}

void frame_checksum(uint8_t *frame, size_t bytes)
{
	struct frame_parts parts;
	uint16_t csum;

	if (!frame_find(frame, bytes, &parts))
		return;
	if (!parts.is_v6) {
		memset(frame + parts.l3 + 10, 0, 2);
		csum = hz_csum_finish(hz_csum_add(0, frame + parts.l3, IP4_BYTES));
		memcpy(frame + parts.l3 + 10, &csum, sizeof(csum));
	}
	memset(frame + parts.l4 + 16, 0, 2);
	csum = tcp_sum(frame, &parts);
	memcpy(frame + parts.l4 + 16, &csum, sizeof(csum));
}

static const char *options_judge(const uint8_t *at, size_t bytes)
{
	while (bytes > 0 && at[0] != 0) {
		size_t length = 1;

		if (at[0] != 1) {
			if (bytes < 2 || at[1] < 2 || at[1] > bytes)
				return "malformed options sent";
			length = at[1];
		}
		at += length;
		bytes -= length;
	}
	return NULL;
}

const char *frame_judge(const uint8_t *frame, size_t bytes, struct frame_parts *out)
{
	struct frame_parts parts;
	size_t header_bytes;

	if (!frame_find(frame, bytes, &parts))
		return "a frame sent that is not TCP";
	if (parts.l4 + parts.l4_bytes != bytes)
		return "a frame sent that is longer than its packet";
	if (!parts.is_v6 && hz_csum_finish(hz_csum_add(0, frame + parts.l3, IP4_BYTES)) != 0)
		return "wrong IPv4 checksum sent";
	if (tcp_sum(frame, &parts) != 0)
		return "wrong TCP checksum sent";
	header_bytes = (size_t)(frame[parts.l4 + 12] >> 4) * 4;
	if (header_bytes < TCP_BYTES || header_bytes > parts.l4_bytes)
		return "malformed TCP header sent";
	*out = parts;
	return options_judge(frame + parts.l4 + TCP_BYTES, header_bytes - TCP_BYTES);
}
