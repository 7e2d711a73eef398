/* The keyed hash of a flow, which names the worker that owns it and its bucket in the flow table: the
 * same from a received frame and from an address pair, so that an active open can choose a local port
 * whose answers come back to it. Always from the peer's side: source is remote, destination local. */
#ifndef HZ_FLOW_HASH_H
#define HZ_FLOW_HASH_H

#include "core/siphash.h"
#include "net/packet.h"
#include <string.h>

/* addrs: source and destination as in the IPv4 header; ports: as in the TCP header. Two words of SipHash
 * instead of five: addresses, then family and ports. */
static inline uint32_t hz_flow_hash_ip4(const struct hz_net *net, const uint8_t addrs[8],
                                        const uint8_t ports[4])
{
	__u64 word[2] = { 0, 4 };

	memcpy(&word[0], addrs, 8);
	memcpy((uint8_t *)&word[1] + 4, ports, 4);
	return (uint32_t)hz_siphash_13(net->key[0], net->key[1], word, 2);
}

static inline uint32_t hz_flow_hash_ip6(const struct hz_net *net, const struct hz_addr *src,
                                        const struct hz_addr *dst, const uint8_t ports[4])
{
	__u64 word[5];

	memcpy(&word[0], src->byte, 16);
	memcpy(&word[2], dst->byte, 16);
	word[4] = 6;
	memcpy((uint8_t *)&word[4] + 4, ports, 4);
	return (uint32_t)hz_siphash_13(net->key[0], net->key[1], word, 5);
}

/* Of either family; the addresses are v4-mapped where is_v6 is 0. */
static inline uint32_t hz_flow_hash(const struct hz_net *net, const struct hz_addr *src,
                                    const struct hz_addr *dst, const uint8_t ports[4], bool is_v6)
{
	uint8_t addrs[8];

	if (is_v6)
		return hz_flow_hash_ip6(net, src, dst, ports);
	memcpy(addrs, src->byte + 12, 4);
	memcpy(addrs + 4, dst->byte + 12, 4);
	return hz_flow_hash_ip4(net, addrs, ports);
}

#endif
