#include "pcapng.h"
#include <string.h>

#define BLOCK_SECTION       0x0a0d0d0au
#define BLOCK_INTERFACE     1u
#define BLOCK_PACKET        6u
#define BYTE_ORDER_MAGIC    0x1a2b3c4du
#define LINKTYPE_ETHERNET   1u
#define OPTION_END          0u
#define OPTION_COMMENT      1u
#define OPTION_SHB_USERAPPL 4u
#define OPTION_IF_NAME      2u
#define OPTION_IF_TSRESOL   9u
#define OPTION_EPB_FLAGS    2u
#define FLAG_INBOUND        1u
#define FLAG_OUTBOUND       2u
#define BLOCK_FRAME_BYTES   12u /* type and the length at both ends */

static void put(FILE *to, const void *data, size_t bytes)
{
	if (bytes > 0)
		(void)fwrite(data, 1, bytes, to);
}

static void put16(FILE *to, uint32_t value)
{
	uint16_t half = (uint16_t)value;

	put(to, &half, sizeof(half));
}

static void put32(FILE *to, uint32_t value)
{
	put(to, &value, sizeof(value));
}

static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static void put_padded(FILE *to, const void *data, uint32_t bytes)
{
	static const char zeros[4];

	put(to, data, bytes);
	put(to, zeros, padded(bytes) - bytes);
}

static uint32_t option_bytes(uint32_t bytes)
{
	return 4 + padded(bytes);
}

static void put_option(FILE *to, uint32_t code, const void *data, uint32_t bytes)
{
	put16(to, code);
	put16(to, bytes);
	put_padded(to, data, bytes);
}

void hz_pcapng_begin(FILE *to, const char *application)
{
	uint32_t name_bytes = (uint32_t)strlen(application);
	uint32_t bytes = BLOCK_FRAME_BYTES + 16 + option_bytes(name_bytes) + option_bytes(0);

	put32(to, BLOCK_SECTION);
	put32(to, bytes);
	put32(to, BYTE_ORDER_MAGIC);
	put16(to, 1); /* version 1.0 */
	put16(to, 0);
	put32(to, UINT32_MAX); /* length of the section: not known */
	put32(to, UINT32_MAX);
	put_option(to, OPTION_SHB_USERAPPL, application, name_bytes);
	put_option(to, OPTION_END, NULL, 0);
	put32(to, bytes);
}

void hz_pcapng_interface(FILE *to, const char *name)
{
	const uint8_t nanoseconds = 9;
	uint32_t name_bytes = (uint32_t)strlen(name);
	uint32_t bytes = BLOCK_FRAME_BYTES + 8 + option_bytes(name_bytes) +
	                 option_bytes(sizeof(nanoseconds)) + option_bytes(0);

	put32(to, BLOCK_INTERFACE);
	put32(to, bytes);
	put16(to, LINKTYPE_ETHERNET);
	put16(to, 0);
	put32(to, 0); /* frames are cut, but not by a rule of this interface */
	put_option(to, OPTION_IF_NAME, name, name_bytes);
	put_option(to, OPTION_IF_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	put_option(to, OPTION_END, NULL, 0);
	put32(to, bytes);
}

void hz_pcapng_packet(FILE *to, const struct hz_pcapng_packet *packet)
{
	const uint32_t flags = packet->is_outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	uint32_t comment_bytes = (uint32_t)strlen(packet->comment);
	uint32_t bytes = BLOCK_FRAME_BYTES + 20 + padded(packet->data_bytes) +
	                 option_bytes(sizeof(flags)) + option_bytes(comment_bytes) +
	                 option_bytes(0);

	put32(to, BLOCK_PACKET);
	put32(to, bytes);
	put32(to, packet->iface);
	put32(to, (uint32_t)(packet->unix_ns >> 32));
	put32(to, (uint32_t)packet->unix_ns);
	put32(to, packet->data_bytes);
	put32(to, packet->frame_bytes);
	put_padded(to, packet->data, packet->data_bytes);
	put_option(to, OPTION_EPB_FLAGS, &flags, sizeof(flags));
	put_option(to, OPTION_COMMENT, packet->comment, comment_bytes);
	put_option(to, OPTION_END, NULL, 0);
	put32(to, bytes);
}
