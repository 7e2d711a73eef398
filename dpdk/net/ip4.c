#include "net/net_in.h"

#include "net/flow_hash.h"
#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include <string.h>

#define FRAGMENT_MASK 0x3fffu /* more fragments, and the offset; not "don't fragment" */

static void map_v4(struct hz_addr *addr, const uint8_t v4[4])
{
	static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memcpy(addr->byte, prefix, sizeof(prefix));
	memcpy(addr->byte + 12, v4, 4);
}

/* This network, loopback, groups and broadcast, RFC 1122 3.2.1.3: nobody to answer, and nobody who may
 * answer (RFC 9293 3.9.2.3). */
static bool is_bad_address(const uint8_t addr[4])
{
	return addr[0] == 0 || addr[0] == 127 || addr[0] >= 224;
}

enum hz_net_verdict hz_ip4_in(const struct hz_net_frame *frame, struct hz_packet *out)
{
	struct hz_ip4_hdr ip;
	uint16_t total;

	if (frame->l3_bytes < sizeof(ip))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	memcpy(&ip, frame->l3, sizeof(ip));
	total = __builtin_bswap16(ip.total_bytes);
	if (ip.version_ihl != 0x45) {
		bool has_options = ip.version_ihl >> 4 == 4 && (ip.version_ihl & 15) > 5;

		return hz_net_drop(frame,
		                   has_options ? HZ_COUNTER_drop_options : HZ_COUNTER_drop_short);
	}
	if (total < sizeof(ip) || total > frame->l3_bytes)
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	if (hz_csum_finish(hz_csum_add(0, frame->l3, sizeof(ip))) != 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_ip_checksum);
	if ((__builtin_bswap16(ip.fragment) & FRAGMENT_MASK) != 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_fragment);
	if (ip.protocol != HZ_IPPROTO_TCP)
		return hz_net_drop(frame, HZ_COUNTER_drop_l4);
	if (is_bad_address(ip.src) || is_bad_address(ip.dst))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	if (total < sizeof(ip) + 20)
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	out->l4 = frame->l3 + sizeof(ip);
	out->l4_bytes = (uint16_t)(total - sizeof(ip)); /* what follows is Ethernet padding */
	out->is_v6 = 0;
	out->ecn = ip.tos & 3;
	map_v4(&out->src, ip.src);
	map_v4(&out->dst, ip.dst);
	out->flow_hash =
		hz_flow_hash_ip4(frame->net, frame->l3 + offsetof(struct hz_ip4_hdr, src), out->l4);
	return hz_net_l4(frame, out);
}
