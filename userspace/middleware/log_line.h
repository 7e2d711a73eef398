/* One line of an access log. Whatever clients put into their requests, it stays one line, and whoever reads the line
 * finds each text where it belongs: JSON strings are valid UTF-8, quoted fields of the combined format hold no quote. */
#ifndef HZ_LOG_LINE_H
#define HZ_LOG_LINE_H

#include "core/mw_conf.h"

/* The second of a line, as text; made once per second. Zeroed: of none yet. */
struct hz_log_stamp {
	uint64_t unix_s;
	char json[19];     /* 2026-07-01T12:34:56 */
	char combined[26]; /* 01/Jul/2026:12:34:56 +0000 */
};

void hz_log_stamp_make(struct hz_log_stamp *stamp, uint64_t unix_s);

/* What is in a line; an empty text is a field less, or "-". */
struct hz_log_entry {
	uint8_t addr[16]; /* IPv4 is mapped */
	uint16_t port;
	uint16_t status;  /* 0: no answer was begun */
	uint16_t ms;      /* of the stamp's second, 0..999 */
	uint8_t minor;    /* HTTP/1.minor */
	bool is_complete; /* the whole answer was sent */
	bool is_cut;      /* a text is not all there is of it */
	uint32_t worker;
	uint32_t one_in; /* this line stands for so many requests */
	uint64_t body_bytes;
	uint64_t answer_us; /* from the request's first byte to its answer, */
	uint64_t total_us;  /* and to the answer's end */
	struct hz_span method, target, host, route, referer, agent;
	struct hz_span subject, trace_id, request_id;
};

/* Bytes that the line takes at most, in any format. */
size_t hz_log_line_bound(const struct hz_log_entry *entry);

/* Writes the line with its LF to out, which has room for the bound, and returns the place behind. */
uint8_t *hz_log_line_write(enum hz_log_format format, const struct hz_log_stamp *stamp,
                           const struct hz_log_entry *entry, uint8_t *out);

#endif
