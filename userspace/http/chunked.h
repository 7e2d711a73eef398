/* Decoder of chunked bodies, RFC 9112 7.1: incremental, exact, bounded. */
#ifndef HZ_CHUNKED_H
#define HZ_CHUNKED_H

#include "http/h1_parse.h"

/* Zeroed and given a limit by init; owned by whoever reads the body. */
struct hz_chunked {
	uint64_t body_max;
	uint64_t body_bytes; /* decoded or announced so far */
	uint64_t left;       /* of the chunk at hand; while its size is read: the size */
	uint32_t ext_bytes;  /* extension of this chunk */
	uint32_t ext_total;
	uint32_t trailer_bytes;
	uint16_t extensions; /* that came; whoever counts them sets it back */
	uint16_t status;     /* when BAD: 400, 413 or 431 */
	uint8_t state;
	uint8_t digits;
};

void hz_chunked_init(struct hz_chunked *chunked, uint64_t body_max);

/* Takes bytes that follow what earlier calls consumed. MORE: *consumed bytes were taken and *data,
 * when not empty, is a piece of the body inside bytes; call again with the rest, or with further bytes
 * when all was consumed. DONE: the body ended with the last byte consumed. BAD: status says why;
 * nothing after it can be trusted. Trailer fields are checked and dropped, never merged (RFC 9110
 * 6.5.1). */
enum hz_parse hz_chunked_decode(struct hz_chunked *chunked, struct hz_span bytes, size_t *consumed,
                                struct hz_span *data);

#endif
