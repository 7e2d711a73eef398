/* A view of bytes that somebody else owns. Whoever hands out a span says how long it lives. */
#ifndef HZ_SPAN_H
#define HZ_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct hz_span {
	const uint8_t *data; /* may be NULL when len is 0 */
	size_t len;
};

/* Writable view, for building output in place. */
struct hz_wspan {
	uint8_t *data;
	size_t len;
};

#define HZ_SPAN_LITERAL(text) ((struct hz_span){ (const uint8_t *)(text), sizeof(text) - 1 })

#endif
