/* Reads frames of Ethernet out of a capture in memory: pcap (draft-ietf-opsawg-pcap) of either byte order,
 * or pcapng (draft-ietf-opsawg-pcapng). A file is input like any other: nothing outside of it is read. */
#ifndef HZ_PCAP_READ_H
#define HZ_PCAP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ_PCAP_INTERFACES_MAX 64

struct hz_pcap {
	const uint8_t *data; /* the caller's, as long as this is used */
	size_t bytes, at;
	bool is_ng;
	bool is_swapped; /* the file's byte order is not ours */
	uint32_t interface_count;
	uint64_t ethernet; /* a bit per interface of the section: it is Ethernet */
};

struct hz_pcap_frame {
	const uint8_t *data;
	uint32_t data_bytes;  /* captured */
	uint32_t frame_bytes; /* on the wire */
};

/* 0; -EBADMSG: not a capture; -ENOTSUP: of another link layer. */
int hz_pcap_open(struct hz_pcap *pcap, const uint8_t *data, size_t bytes);
/* 1: *out is the next frame. 0: no more. -EBADMSG: the file is cut or damaged. */
int hz_pcap_next(struct hz_pcap *pcap, struct hz_pcap_frame *out);

#endif
