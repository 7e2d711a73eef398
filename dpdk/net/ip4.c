#include "net/net_in.h"

#include "net/flow_hash.h"
#include "net/host.h"
#include "net/sw_csum.h"
#include <string.h>

#define FRAGMENT_MASK 0x3fffu /* more fragments, and the offset; not "don't fragment" */

struct hz_addr hz_ip4_mapped(const uint8_t v4[4])
{
	struct hz_addr addr = { { [10] = 0xff, 0xff } };

	memcpy(addr.byte + 12, v4, 4);
	return addr;
}

/* This network, loopback, groups and broadcast, RFC 1122 3.2.1.3: nobody to answer, and nobody who may
 * answer (RFC 9293 3.9.2.3). */
static bool is_bad_address(const uint8_t addr[4])
{
	return addr[0] == 0 || addr[0] == 127 || addr[0] >= 224;
}

/* The last address of a prefix is everybody in it, RFC 1122 3.2.1.3 (c), unless two hosts are alone on
 * it (RFC 3021). */
static bool is_broadcast(const struct hz_host *host, const struct hz_addr *addr)
{
	const struct hz_host_addr *own = hz_host_beside(host, addr);
	uint32_t v4, hosts;

	if (own == NULL || own->prefix_bits > 30)
		return false;
	hosts = UINT32_MAX >> own->prefix_bits;
	memcpy(&v4, addr->byte + 12, sizeof(v4));
	return (__builtin_bswap32(v4) & hosts) == hosts;
}

/* On a port with a host: to an address of ours, from somebody else, and not by a group's MAC. */
static bool is_wrong_here(const struct hz_net_frame *frame, const struct hz_packet *out,
                          enum hz_counter *reason)
{
	const struct hz_host *host = frame->port->host;

	*reason = HZ_COUNTER_drop_source;
	if (hz_host_has(host, &out->src) || is_broadcast(host, &out->src))
		return true;
	*reason = HZ_COUNTER_drop_not_ours;
	return frame->is_group || !hz_host_has(host, &out->dst);
}

static enum hz_net_verdict icmp_in(const struct hz_net_frame *frame, uint8_t ttl, uint16_t bytes,
                                   struct hz_packet *out)
{
	struct hz_net_icmp icmp = { .data = frame->l3 + sizeof(struct hz_ip4_hdr),
		                    .bytes = bytes,
		                    .src = out->src,
		                    .dst = out->dst,
		                    .hop_limit = ttl };

	if (bytes < sizeof(struct hz_icmp_hdr))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	if (hz_csum_finish(hz_csum_add(0, icmp.data, bytes)) != 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_icmp);
	return hz_icmp_in(frame, &icmp, out);
}

enum hz_net_verdict hz_ip4_in(const struct hz_net_frame *frame, struct hz_packet *out)
{
	enum hz_counter reason;
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
	/* From itself to itself is nobody's either: an answer would come back for ever. */
	if (is_bad_address(ip.src) || memcmp(ip.src, ip.dst, sizeof(ip.src)) == 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_source);
	if (is_bad_address(ip.dst))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	out->src = hz_ip4_mapped(ip.src);
	out->dst = hz_ip4_mapped(ip.dst);
	if (frame->port->host != NULL) {
		if (is_wrong_here(frame, out, &reason))
			return hz_net_drop(frame, reason);
		if (ip.protocol == HZ_IPPROTO_ICMP)
			return icmp_in(frame, ip.ttl, (uint16_t)(total - sizeof(ip)), out);
	}
	if (ip.protocol != HZ_IPPROTO_TCP)
		return hz_net_drop(frame, HZ_COUNTER_drop_l4);
	if (total < sizeof(ip) + 20)
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	out->l4 = frame->l3 + sizeof(ip);
	out->l4_bytes = (uint16_t)(total - sizeof(ip)); /* what follows is Ethernet padding */
	out->is_v6 = 0;
	out->ecn = ip.tos & 3;
	out->flow_hash =
		hz_flow_hash_ip4(frame->net, frame->l3 + offsetof(struct hz_ip4_hdr, src), out->l4);
	return hz_net_l4(frame, out);
}
