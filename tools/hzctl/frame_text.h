/* The headers of a frame on one line, for a machine without tcpdump. */
#ifndef HZ_FRAME_TEXT_H
#define HZ_FRAME_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define HZ_FRAME_TEXT_MAX 192

/* "10.7.0.1:4242 > 10.7.0.2:80 [SA] seq 1 ack 2 len 0"; what cannot be read is left out. */
void hz_frame_text(const uint8_t *data, size_t bytes, char out[HZ_FRAME_TEXT_MAX]);

#endif
