/* An answer of hz-collector's /events as it arrives: the head of HTTP/1.0 or 1.1 without a transfer coding, then server-sent
 * events (WHATWG HTML 9.2.6). Pure: bytes in, in any pieces, events out. */
#ifndef HZ_SSE_READ_H
#define HZ_SSE_READ_H

#include "core/base.h"

#define HZ_SSE_READ_LINE_MAX (256u << 10)
#define HZ_SSE_READ_NAME_MAX 32u

/* data: len bytes, of which none is a newline: events here have one line of it. Valid until it returns. */
typedef void hz_sse_read_fn(void *ctx, const char *name, const char *data, size_t len);

enum hz_sse_read_part { HZ_SSE_READ_STATUS, HZ_SSE_READ_FIELDS, HZ_SSE_READ_EVENTS };

struct hz_sse_read { /* owned by the caller; close with hz_sse_read_close */
	enum hz_sse_read_part part;
	int http_status;  /* 0: not yet */
	bool is_overlong; /* the line that is under way is longer than any of ours: it is skipped */
	bool has_data;    /* the event under way has data, which is in data */
	uint64_t skipped; /* such lines */
	size_t line_bytes, data_bytes;
	char name[HZ_SSE_READ_NAME_MAX];
	char *line, *data; /* HZ_SSE_READ_LINE_MAX each, owned */
};

/* 0 or -ENOMEM. */
int hz_sse_read_open(struct hz_sse_read *out);
void hz_sse_read_close(struct hz_sse_read *reader); /* accepts a zeroed one */

/* The next bytes. 0; -EBADMSG: this is no such answer, http_status may say more. */
int hz_sse_read_feed(struct hz_sse_read *reader, const char *bytes, size_t len, hz_sse_read_fn *fn,
                     void *ctx);

#endif
