#include "pcap_read.h"
#include <errno.h>
#include <string.h>

#define MAGIC_US           0xa1b2c3d4u
#define MAGIC_NS           0xa1b23c4du
#define NG_SECTION         0x0a0d0d0au
#define NG_BYTE_ORDER      0x1a2b3c4du
#define NG_INTERFACE       1u
#define NG_SIMPLE          3u
#define NG_PACKET          6u
#define LINKTYPE_ETHERNET  1u
#define FILE_HEADER_BYTES  24u
#define FRAME_HEADER_BYTES 16u
#define NG_BLOCK_MIN       12u /* type and the length at both ends */

static uint32_t get32(const struct hz_pcap *pcap, size_t at)
{
	uint32_t value;

	memcpy(&value, pcap->data + at, sizeof(value));
	return pcap->is_swapped ? __builtin_bswap32(value) : value;
}

static uint16_t get16(const struct hz_pcap *pcap, size_t at)
{
	uint16_t value;

	memcpy(&value, pcap->data + at, sizeof(value));
	return pcap->is_swapped ? __builtin_bswap16(value) : value;
}

static int classic_open(struct hz_pcap *pcap)
{
	uint32_t magic = get32(pcap, 0);

	if (magic != MAGIC_US && magic != MAGIC_NS) {
		pcap->is_swapped = true;
		magic = get32(pcap, 0);
	}
	if ((magic != MAGIC_US && magic != MAGIC_NS) || pcap->bytes < FILE_HEADER_BYTES)
		return -EBADMSG;
	pcap->at = FILE_HEADER_BYTES;
	/* the upper bits say how long a frame check sequence is */
	return (get32(pcap, 20) & 0xffff) == LINKTYPE_ETHERNET ? 0 : -ENOTSUP;
}

int hz_pcap_open(struct hz_pcap *pcap, const uint8_t *data, size_t bytes)
{
	*pcap = (struct hz_pcap){ .data = data, .bytes = bytes };
	if (bytes < 4)
		return -EBADMSG;
	pcap->is_ng = get32(pcap, 0) == NG_SECTION; /* the same in either order */
	return pcap->is_ng ? 0 : classic_open(pcap);
}

static int classic_next(struct hz_pcap *pcap, struct hz_pcap_frame *out)
{
	size_t left = pcap->bytes - pcap->at;
	uint32_t captured;

	if (left == 0)
		return 0;
	if (left < FRAME_HEADER_BYTES)
		return -EBADMSG;
	captured = get32(pcap, pcap->at + 8);
	if (captured > left - FRAME_HEADER_BYTES)
		return -EBADMSG;
	*out = (struct hz_pcap_frame){ .data = pcap->data + pcap->at + FRAME_HEADER_BYTES,
		                       .data_bytes = captured,
		                       .frame_bytes = get32(pcap, pcap->at + 12) };
	pcap->at += FRAME_HEADER_BYTES + captured;
	return 1;
}

/* A section has its own byte order and its own interfaces. */
static int section_begin(struct hz_pcap *pcap)
{
	if (pcap->bytes - pcap->at < NG_BLOCK_MIN + 4)
		return -EBADMSG;
	pcap->is_swapped = false;
	pcap->is_swapped = get32(pcap, pcap->at + 8) != NG_BYTE_ORDER;
	pcap->interface_count = 0;
	pcap->ethernet = 0;
	return get32(pcap, pcap->at + 8) == NG_BYTE_ORDER ? 0 : -EBADMSG;
}

static int interface_add(struct hz_pcap *pcap, size_t body, size_t body_bytes)
{
	if (body_bytes < 8 || pcap->interface_count == HZ_PCAP_INTERFACES_MAX)
		return -EBADMSG;
	if (get16(pcap, body) == LINKTYPE_ETHERNET)
		pcap->ethernet |= 1ull << pcap->interface_count;
	pcap->interface_count++;
	return 0;
}

static bool is_ethernet(const struct hz_pcap *pcap, uint32_t interface)
{
	return interface < pcap->interface_count && (pcap->ethernet >> interface & 1) != 0;
}

/* 1: a frame; 0: one of another link layer. */
static int packet_read(const struct hz_pcap *pcap, size_t body, size_t body_bytes,
                       struct hz_pcap_frame *out)
{
	uint32_t captured;

	if (body_bytes < 20)
		return -EBADMSG;
	captured = get32(pcap, body + 12);
	if (captured > body_bytes - 20)
		return -EBADMSG;
	if (!is_ethernet(pcap, get32(pcap, body)))
		return 0;
	*out = (struct hz_pcap_frame){ .data = pcap->data + body + 20,
		                       .data_bytes = captured,
		                       .frame_bytes = get32(pcap, body + 16) };
	return 1;
}

/* Of the first interface; cut at the block's end when the interface cut it. */
static int simple_read(const struct hz_pcap *pcap, size_t body, size_t body_bytes,
                       struct hz_pcap_frame *out)
{
	uint32_t length;

	if (body_bytes < 4)
		return -EBADMSG;
	if (!is_ethernet(pcap, 0))
		return 0;
	length = get32(pcap, body);
	*out = (struct hz_pcap_frame){ .data = pcap->data + body + 4,
		                       .data_bytes = length < body_bytes - 4
		                                             ? length
		                                             : (uint32_t)(body_bytes - 4),
		                       .frame_bytes = length };
	return 1;
}

static int block_read(struct hz_pcap *pcap, struct hz_pcap_frame *out)
{
	size_t left = pcap->bytes - pcap->at, body = pcap->at + 8;
	uint32_t type, length;
	int status = 0;

	if (left < NG_BLOCK_MIN)
		return -EBADMSG;
	if (get32(pcap, pcap->at) == NG_SECTION)
		status = section_begin(pcap);
	if (status != 0)
		return status;
	type = get32(pcap, pcap->at);
	length = get32(pcap, pcap->at + 4);
	if (length < NG_BLOCK_MIN || length % 4 != 0 || length > left ||
	    get32(pcap, pcap->at + length - 4) != length)
		return -EBADMSG;
	pcap->at += length;
	switch (type) {
	case NG_INTERFACE:
		return interface_add(pcap, body, length - NG_BLOCK_MIN);
	case NG_PACKET:
		return packet_read(pcap, body, length - NG_BLOCK_MIN, out);
	case NG_SIMPLE:
		return simple_read(pcap, body, length - NG_BLOCK_MIN, out);
	default:
		return 0;
	}
}

int hz_pcap_next(struct hz_pcap *pcap, struct hz_pcap_frame *out)
{
	int status = 0;

	if (!pcap->is_ng)
		return classic_next(pcap, out);
	while (status == 0 && pcap->at < pcap->bytes)
		status = block_read(pcap, out);
	return status;
}
