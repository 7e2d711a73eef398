/* A second opinion on request heads and chunked bodies: written from RFC 9112 for clearness, byte by
 * byte, from the start every time, sharing no code and no table with userspace/http. */
#ifndef H1_ORACLE_H
#define H1_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle_limits {
	size_t header_bytes;
	size_t line_bytes;
	size_t header_count;
	size_t uri_bytes;
};

enum oracle_verdict { ORACLE_DONE, ORACLE_MORE, ORACLE_BAD };

struct oracle_head {
	enum oracle_verdict verdict;
	unsigned status; /* BAD */
	size_t bytes;    /* DONE: of the head */
	size_t fields;
	unsigned minor;
	bool is_keep_alive;
	bool is_chunked;
	bool has_length;
	uint64_t length;
};

struct oracle_head oracle_head(const uint8_t *bytes, size_t len,
                               const struct oracle_limits *limits);

struct oracle_body {
	enum oracle_verdict verdict;
	unsigned status;
	size_t bytes; /* DONE: of the encoded body */
	size_t decoded;
};

/* out has room for len bytes: decoding never grows. */
struct oracle_body oracle_chunked(const uint8_t *bytes, size_t len, uint64_t body_max,
                                  uint8_t *out);

#endif
