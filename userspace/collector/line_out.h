/* Lines to stdout, whose reader may be slow or gone, without ever waiting for it. One line may
 * wait; who puts the next one meanwhile is told to come again. */
#ifndef HZ_LINE_OUT_H
#define HZ_LINE_OUT_H

#include "collector/event_json.h"
#include "core/base.h"

struct hz_line_out { /* owned by the caller; open it and close it */
	int fd;
	bool is_own;        /* fd was opened here */
	size_t piece_bytes; /* written at once: what a reader with any room has room for */
	int status;         /* why writing ended: -errno, -EPIPE when nobody reads any more */
	uint64_t lost;      /* lines that came while one waited, and were not put again */
	size_t at, bytes;   /* what waits, of line */
	char line[HZ_EVENT_JSON_BYTES];
};

/* Of an open file, which stays the caller's. Without a mode that does not block a pipe or a
 * terminal is written in pieces that have room; the mode of a file that others share is left
 * alone. */
void hz_line_out_open(struct hz_line_out *out, int fd);
void hz_line_out_close(struct hz_line_out *out); /* what waits is lost */

/* A line with its newline, at most HZ_EVENT_JSON_BYTES. 0: written, or it waits; -EAGAIN:
 * another one waits, and nothing was taken; -EMSGSIZE; else as status. */
int hz_line_out_put(struct hz_line_out *out, const char *line, size_t bytes);
/* Goes on with what waits: 0, -EAGAIN (poll fd for POLLOUT), or status. */
int hz_line_out_turn(struct hz_line_out *out);
/* For the end, and the only one that waits, for so long at most: 0, -EAGAIN: the reader did not take what waits, or
 * status. */
int hz_line_out_drain(struct hz_line_out *out, uint32_t wait_ms);
bool hz_line_out_is_waiting(const struct hz_line_out *out);

#endif
