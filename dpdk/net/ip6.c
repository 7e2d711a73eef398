#include "net/net_in.h"

#include "net/flow_hash.h"
#include "net/host.h"
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

/* Router and neighbour solicitation and advertisement, redirect: RFC 4861 4. */
#define ND_FIRST 133
#define ND_LAST  137

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

/* Multicast; ::/96, which holds unspecified, loopback and the v4-compatible ones that are no more (RFC
 * 4291 2.5.5.1); and v4-mapped, which must not appear on a wire (RFC 4291 2.5.5.2 with RFC 6890): it would
 * be taken for an IPv4 peer. */
static bool is_bad_address(const uint8_t addr[16])
{
	static const uint8_t zero[15];

	if (addr[0] == 0xff)
		return true;
	if (memcmp(addr, zero, 10) != 0)
		return false;
	return (addr[10] == 0xff && addr[11] == 0xff) || (addr[10] == 0 && addr[11] == 0);
}

static bool is_unspecified(const uint8_t addr[16])
{
	static const uint8_t zero[16];

	return memcmp(addr, zero, sizeof(zero)) == 0;
}

/* On a port with a host. Neighbour discovery alone may be sent to a group, and by somebody who has no
 * address yet. */
static enum hz_net_verdict icmp_in(const struct hz_net_frame *frame, const struct hz_ip6_hdr *ip,
                                   uint16_t bytes, struct hz_packet *out)
{
	const struct hz_host *host = frame->port->host;
	struct hz_net_icmp icmp = { .data = frame->l3 + sizeof(*ip),
		                    .bytes = bytes,
		                    .is_v6 = true,
		                    .hop_limit = ip->hop_limit };
	bool is_nd, is_to_group;

	memcpy(&icmp.src, ip->src, sizeof(icmp.src));
	memcpy(&icmp.dst, ip->dst, sizeof(icmp.dst));
	if (bytes < sizeof(struct hz_icmp_hdr))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	is_nd = icmp.data[0] >= ND_FIRST && icmp.data[0] <= ND_LAST;
	if ((is_bad_address(ip->src) && !(is_nd && is_unspecified(ip->src))) ||
	    hz_host_has(host, &icmp.src))
		return hz_net_drop(frame, HZ_COUNTER_drop_source);
	is_to_group = is_nd && hz_nd_is_group(host, &icmp.dst);
	if (is_to_group ? !frame->is_group : frame->is_group || !hz_host_has(host, &icmp.dst))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	if (hz_net_icmp6_sum(&icmp.src, &icmp.dst, icmp.data, bytes) != 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_icmp);
	return is_nd ? hz_nd_in(frame, &icmp) : hz_icmp_in(frame, &icmp, out);
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
	if (ip.next_header == HZ_IPPROTO_ICMP6 && frame->port->host != NULL)
		return icmp_in(frame, &ip, payload, out);
	if (ip.next_header != HZ_IPPROTO_TCP)
		return hz_net_drop(frame, reason_of(ip.next_header));
	if (is_bad_address(ip.src) || memcmp(ip.src, ip.dst, sizeof(ip.src)) == 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_source);
	if (is_bad_address(ip.dst))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	memcpy(out->src.byte, ip.src, 16);
	memcpy(out->dst.byte, ip.dst, 16);
	if (frame->port->host != NULL) {
		if (hz_host_has(frame->port->host, &out->src))
			return hz_net_drop(frame, HZ_COUNTER_drop_source);
		if (frame->is_group || !hz_host_has(frame->port->host, &out->dst))
			return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	}
	if (payload < 20)
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	out->l4 = frame->l3 + sizeof(ip);
	out->l4_bytes = payload;
	out->is_v6 = 1;
	out->ecn = (ip.version_class_flow[1] >> 4) & 3;
	out->flow_hash = hz_flow_hash_ip6(frame->net, &out->src, &out->dst, out->l4);
	return hz_net_l4(frame, out);
}
