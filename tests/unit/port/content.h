/* That a driver sends the bytes of a frame and nothing else, whatever the frame's buffers look like. */
#ifndef CONTENT_H
#define CONTENT_H

#include "port/port.h"

#define CONTENT_FRAME 2048u

/* Sends frames of 60 to 1514 bytes through from, each as one buffer, as chains of two and three, and as
 * a clone that borrows its bytes, out of buffers that held something else before. take waits for the
 * next frame at the other end and returns its length, 0: none. NULL, or what was wrong. */
const char *content_check(struct hz_port *from, size_t (*take)(uint8_t out[CONTENT_FRAME]));

#endif
