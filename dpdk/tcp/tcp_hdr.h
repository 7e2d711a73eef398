/* The TCP header as it is on the wire, RFC 9293 3.1; all fields in network order. */
#ifndef HZ_TCP_HDR_H
#define HZ_TCP_HDR_H

#include <stdint.h>

struct hz_tcp_hdr {
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t seq;
	uint32_t ack;
	uint8_t data_offset; /* upper four bits: header length in 32-bit words */
	uint8_t flags;
	uint16_t window;
	uint16_t checksum;
	uint16_t urgent;
};
_Static_assert(sizeof(struct hz_tcp_hdr) == 20, "TCP header, RFC 9293 3.1");

#define HZ_TCP_FIN             0x01u
#define HZ_TCP_SYN             0x02u
#define HZ_TCP_RST             0x04u
#define HZ_TCP_PSH             0x08u
#define HZ_TCP_ACK             0x10u
#define HZ_TCP_URG             0x20u
#define HZ_TCP_ECE             0x40u /* RFC 3168 6.1 */
#define HZ_TCP_CWR             0x80u

#define HZ_TCP_OPTIONS_MAX     40u
#define HZ_TCP_TS_BYTES        12u /* NOP NOP timestamp, RFC 7323 appendix A */
#define HZ_TCP_SACK_BLOCKS_MAX 4u

#endif
