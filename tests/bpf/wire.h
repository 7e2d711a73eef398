/* Frames made and taken apart byte by byte, with checksums of their own: nothing here shares code with
 * what it tests. All numbers are in host order. */
#ifndef HZ_WIRE_H
#define HZ_WIRE_H

#include "core/base.h"

#define WIRE_MAX 2048

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_PSH = 8, WIRE_ACK = 16 };

struct wire {
	uint8_t byte[WIRE_MAX];
	size_t len;
};

/* What a frame shall be; a zeroed one is IPv4, untagged, TCP, from the client to the server. */
struct wire_spec {
	int version; /* 4 or 6 */
	int tags;    /* 0..3 */
	uint8_t protocol;
	bool to_group;      /* destination MAC */
	bool other_server;  /* an address that nobody claimed */
	bool bad_source;    /* 127.0.0.1, ff02::1 */
	bool mapped_server; /* version 6 only: ::ffff:10.7.0.2 */
	bool mapped_source; /* version 6 only: ::ffff:10.7.0.1 */
	uint16_t source_port;
	uint16_t port;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint8_t doff;             /* words; 0: 5 */
	uint16_t ip_option_bytes; /* IPv4 options, or an IPv6 destination options header */
	uint32_t fragment_offset; /* bytes */
	bool more_fragments;
	bool atomic_fragment; /* version 6 only: a fragment header around all of it (RFC 6946) */
	int length_lie;       /* added to the length the IP header claims */
	const char *payload;
	size_t padding; /* bytes behind the packet */
};

void wire_build(struct wire *out, const struct wire_spec *spec);

/* Puts options, a multiple of 4 bytes, behind the TCP header of a frame of this spec, which has none. The checksum
 * of TCP is wrong then. */
void wire_put_options(struct wire *wire, const struct wire_spec *spec, const uint8_t *option,
                      size_t bytes);

/* A TCP segment as received; payload points into the frame. */
struct wire_tcp {
	int version;
	int tags;
	uint16_t tci[3];
	uint8_t mac_to[6], mac_from[6];
	uint8_t from[16], to[16]; /* IPv4 in the first four bytes */
	uint16_t source_port, port;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t mss; /* 0: no option */
	const uint8_t *payload;
	size_t payload_bytes;
};

/* NULL, or what is wrong with the frame: lengths and both checksums are verified. */
const char *wire_take_apart(const uint8_t *frame, size_t len, struct wire_tcp *out);

/* NULL, or how `reply` fails to be addressed as the answer to a frame of this spec. */
const char *wire_is_answer_to(const struct wire_tcp *reply, const struct wire_spec *spec);

/* Checks an echo reply to the frame `request` of this spec. */
const char *wire_is_echo_reply(const uint8_t *reply, size_t len, const struct wire *request,
                               const struct wire_spec *spec);

size_t wire_l3(const struct wire_spec *spec); /* offset of the IP header */
size_t wire_l4(const struct wire_spec *spec); /* offset of what follows IP header and options */

#endif
