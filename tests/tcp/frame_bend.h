/* TCP frames as bytes, for tests that bend them: where the layers are, right checksums for whatever the
 * headers say, and the stack's own frames judged without knowing whom they are for. */
#ifndef FRAME_BEND_H
#define FRAME_BEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The TCP segment inside a frame, as far as its headers lead there. */
struct frame_parts {
	size_t l3, l4; /* offsets */
	size_t l4_bytes;
	bool is_v6;
};

/* False: the frame is cut short or is not TCP over IP without IP options. */
bool frame_find(const uint8_t *frame, size_t bytes, struct frame_parts *out);

/* Makes the checksums right, if the segment can be found. */
void frame_checksum(uint8_t *frame, size_t bytes);

/* What the stack must never send: NULL, or what is wrong with the frame. */
const char *frame_judge(const uint8_t *frame, size_t bytes, struct frame_parts *out);

static inline uint32_t frame_get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t frame_get32(const uint8_t *at)
{
	return frame_get16(at) << 16 | frame_get16(at + 2);
}

#endif
