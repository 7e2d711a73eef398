/* Response heads, serialised into space that somebody else reserved. Private to http. */
#ifndef HZ_H1_WRITE_H
#define HZ_H1_WRITE_H

#include "http/req.h"

#define HZ_H1_DATE_BYTES 37 /* "Date: Sun, 06 Nov 1994 08:49:37 GMT" CR LF */

/* The Date field of the current second; one per worker. Zeroed: never rendered. */
struct hz_h1_date {
	uint64_t unix_s;
	uint8_t line[HZ_H1_DATE_BYTES];
	bool is_rendered;
};

/* Renders again when the second has changed. */
void hz_h1_date_update(struct hz_h1_date *date, uint64_t unix_s);

enum hz_h1_connection {
	HZ_H1_KEEP,     /* HTTP/1.1, persistent by default: no field */
	HZ_H1_KEEP_1_0, /* Connection: keep-alive */
	HZ_H1_CLOSE,    /* Connection: close */
};

/* How the end of a body is known, RFC 9112 6.3. */
enum hz_h1_framing {
	HZ_H1_LENGTH,
	HZ_H1_CHUNKED,
	HZ_H1_UNTIL_CLOSE, /* HTTP/1.0 knows no chunks */
};

/* Bytes of body that go with a response to GET; 0 for a status that has none; HZ_BODY_UNKNOWN. */
uint64_t hz_h1_body_bytes(const struct hz_http_resp *resp, const struct hz_http_body *request_body);

/* Upper bound for what hz_h1_head_write writes. */
size_t hz_h1_head_bound(const struct hz_http_resp *resp);

/* Status line, fields and blank line into out, which has room for the bound; returns the bytes written.
 * body_bytes is the Content-Length where framing is by length. A content type with control bytes is left out. */
size_t hz_h1_head_write(uint8_t *out, const struct hz_http_resp *resp, uint64_t body_bytes,
                        enum hz_h1_framing framing, const struct hz_h1_date *date,
                        enum hz_h1_connection connection);

#endif
