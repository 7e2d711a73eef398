/* Link and network headers as they are on the wire; all fields in network order. */
#ifndef HZ_IP_HDR_H
#define HZ_IP_HDR_H

#include <stdint.h>

#define HZ_ETHERTYPE_IP4     0x0800u
#define HZ_ETHERTYPE_ARP     0x0806u
#define HZ_ETHERTYPE_IP6     0x86ddu
#define HZ_ETHERTYPE_VLAN    0x8100u /* IEEE 802.1Q */
#define HZ_ETHERTYPE_QINQ    0x88a8u /* IEEE 802.1ad */
#define HZ_ETH_BYTES         14u
#define HZ_VLAN_BYTES        4u
#define HZ_VLAN_TAGS_MAX     2u

#define HZ_IPPROTO_ICMP      1u
#define HZ_IPPROTO_TCP       6u
#define HZ_IPPROTO_ICMP6     58u
#define HZ_IP4_DONT_FRAGMENT 0x4000u

struct hz_ip4_hdr {
	uint8_t version_ihl;
	uint8_t tos;
	uint16_t total_bytes;
	uint16_t id;
	uint16_t fragment; /* flags and offset */
	uint8_t ttl;
	uint8_t protocol;
	uint16_t checksum;
	uint8_t src[4];
	uint8_t dst[4];
};

struct hz_ip6_hdr {
	uint8_t version_class_flow[4];
	uint16_t payload_bytes;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
};

/* Also ICMPv6; what rest is depends on type. */
struct hz_icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint8_t rest[4];
};

struct hz_arp_hdr {
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	uint16_t operation;
	uint8_t sender_mac[6], sender[4];
	uint8_t target_mac[6], target[4];
};

_Static_assert(sizeof(struct hz_icmp_hdr) == 8, "ICMP header, RFC 792");
_Static_assert(sizeof(struct hz_arp_hdr) == 28, "ARP for IPv4 over Ethernet, RFC 826");
_Static_assert(sizeof(struct hz_ip4_hdr) == 20, "IPv4 header, RFC 791 3.1");
_Static_assert(sizeof(struct hz_ip6_hdr) == 40, "IPv6 header, RFC 8200 3");

#endif
