#include "net/net_in.h"

#include "net/flow_hash.h"
#include "net/ip_hdr.h"
#include <string.h>

/* RFC 8200 4 and the IANA list: headers that may stand before TCP. */
enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AUTHENTICATION = 51,
	NEXT_DESTINATION = 60,
	NEXT_MOBILITY = 135,
	NEXT_HIP = 139,
	NEXT_SHIM6 = 140,
};

static enum hz_counter reason_of(uint8_t next_header)
{
	switch (next_header) {
	case NEXT_FRAGMENT:
		return HZ_COUNTER_drop_fragment;
	case NEXT_HOP_BY_HOP:
	case NEXT_ROUTING:
	case NEXT_AUTHENTICATION:
	case NEXT_DESTINATION:
	case NEXT_MOBILITY:
	case NEXT_HIP:
	case NEXT_SHIM6:
		return HZ_COUNTER_drop_options;
	default:
		return HZ_COUNTER_drop_l4;
	}
}

/* Multicast, unspecified, loopback, and v4-mapped, which must not appear on a wire (RFC 4291 2.5.5.2
 * with RFC 6890): it would be taken for an IPv4 peer. */
static bool is_bad_address(const uint8_t addr[16])
{
	static const uint8_t zero[15];

	if (addr[0] == 0xff)
		return true;
	if (memcmp(addr, zero, 10) != 0)
		return false;
	return (addr[10] == 0xff && addr[11] == 0xff) ||
	       (memcmp(addr, zero, sizeof(zero)) == 0 && addr[15] <= 1);
}

enum hz_net_verdict hz_ip6_in(const struct hz_net_frame *frame, struct hz_packet *out)
{
	struct hz_ip6_hdr ip;
	uint16_t payload;

	if (frame->l3_bytes < sizeof(ip))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	memcpy(&ip, frame->l3, sizeof(ip));
	payload = __builtin_bswap16(ip.payload_bytes);
	if (ip.version_class_flow[0] >> 4 != 6 || payload > frame->l3_bytes - sizeof(ip))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	if (ip.next_header != HZ_IPPROTO_TCP)
		return hz_net_drop(frame, reason_of(ip.next_header));
	if (is_bad_address(ip.src) || is_bad_address(ip.dst))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	if (payload < 20)
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	out->l4 = frame->l3 + sizeof(ip);
	out->l4_bytes = payload;
	out->is_v6 = 1;
	out->ecn = (ip.version_class_flow[1] >> 4) & 3;
	memcpy(out->src.byte, ip.src, 16);
	memcpy(out->dst.byte, ip.dst, 16);
	out->flow_hash = hz_flow_hash_ip6(frame->net, &out->src, &out->dst, out->l4);
	return hz_net_l4(frame, out);
}
