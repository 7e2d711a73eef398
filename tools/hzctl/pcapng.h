/* Writes pcapng, draft-ietf-opsawg-pcapng: one section, an interface per name, a packet per frame with
 * nanoseconds, direction and a comment. tcpdump and wireshark read it. */
#ifndef HZ_PCAPNG_H
#define HZ_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hz_pcapng_packet {
	uint32_t iface; /* index of the interfaces as they were written */
	uint64_t unix_ns;
	const void *data; /* data_bytes of a frame of frame_bytes */
	uint32_t data_bytes, frame_bytes;
	bool is_outbound;
	const char *comment;
};

/* Errors stay in the stream: ask ferror at the end. */
void hz_pcapng_begin(FILE *to, const char *application);
void hz_pcapng_interface(FILE *to, const char *name); /* Ethernet */
void hz_pcapng_packet(FILE *to, const struct hz_pcapng_packet *packet);

#endif
