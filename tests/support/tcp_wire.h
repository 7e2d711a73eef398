/* Builds and reads TCP over IPv4 over Ethernet, the client's side of a conversation, on plain bytes:
 * for tests and benches that are the peer at the other end of a port. */
#ifndef TCP_WIRE_H
#define TCP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_WIRE_HEADER_BYTES 54 /* Ethernet, IPv4, TCP, no options */
#define TCP_WIRE_FIN          0x01
#define TCP_WIRE_SYN          0x02
#define TCP_WIRE_RST          0x04
#define TCP_WIRE_PSH          0x08
#define TCP_WIRE_ACK          0x10

struct tcp_wire_flow {
	uint32_t client_ip, server_ip; /* host order */
	uint16_t client_port, server_port;
	uint32_t seq; /* next to send */
	uint32_t ack; /* next expected */
};

struct tcp_wire_seg {
	uint32_t client_ip; /* destination */
	uint16_t client_port, server_port;
	uint8_t flags, tos, ttl;
	uint32_t seq, ack;
	const uint8_t *payload; /* in the frame */
	size_t payload_bytes;
};

/* A segment from the client; a SYN carries MSS 1460. Does not advance flow. Returns the frame's length,
 * at least 60. out has room for TCP_WIRE_HEADER_BYTES + 6 + bytes. */
size_t tcp_wire_build(uint8_t *out, const struct tcp_wire_flow *flow, uint8_t flags,
                      const void *payload, size_t bytes);

/* A segment from the server, IP and TCP checksums verified; false: it is none, or is broken. */
bool tcp_wire_read(const uint8_t *frame, size_t bytes, struct tcp_wire_seg *out);

#endif
