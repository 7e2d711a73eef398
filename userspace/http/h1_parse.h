/* HTTP/1.x request head, RFC 9112: strict, incremental, zero-copy. What is not the grammar is refused
 * at its first wrong byte, also when the input is cut short; a split packet is never an error. */
#ifndef HZ_H1_PARSE_H
#define HZ_H1_PARSE_H

#include "http/req.h"

enum hz_parse {
	HZ_PARSE_DONE,
	HZ_PARSE_MORE,
	HZ_PARSE_BAD,
};

/* offset: of the first wrong byte; of a line wrong as a whole its first, of such a head its last. */
struct hz_h1_parse_error {
	uint16_t status; /* 400, 414, 417, 421, 431, 501, 505 */
	uint32_t offset;
};

/* Remembers how far earlier calls looked, so that a slow head is looked at once plus at most one line
 * per call. Zero it per request. */
struct hz_h1_parser {
	uint32_t scanned; /* bytes in complete, valid lines */
	uint16_t seen;    /* private */
	uint8_t count;    /* private */
	uint8_t method; /* enum hz_http_method after MORE or BAD, as far as it can be told; else OTHER */
};

/* bytes start at the request's first byte and grow from call to call. DONE: req is filled, *head_bytes
 * counts the head with its blank line; body, arena, params and route_index are left to the caller (body
 * NULL, no params, -1). BAD: *error is filled. req is scratch space until DONE. */
enum hz_parse hz_h1_parse(struct hz_h1_parser *parser, const struct hz_http_limits *limits,
                          struct hz_span bytes, struct hz_http_req *req, size_t *head_bytes,
                          struct hz_h1_parse_error *error);

/* After MORE: whether bytes are but the empty line that may stand before a request (RFC 9112 2.2). Then the caller
 * has done with its two bytes, and the parser takes no other. */
bool hz_h1_parse_is_empty_line(struct hz_h1_parser *parser, struct hz_span bytes);

/* After DONE of bytes: whether such a line stood before the request. */
bool hz_h1_parse_had_empty_line(const struct hz_h1_parser *parser, struct hz_span bytes);

#endif
