/* Byte ranges, RFC 9110 14: what a Range field asks for, and the framing of the answer. Pure: spans in,
 * bytes out. */
#ifndef HZ_RANGE_H
#define HZ_RANGE_H

#include "core/limits.h"
#include <hz/span.h>
#include <stdbool.h>

struct hz_range_part {
	uint64_t first; /* offset in the representation */
	uint64_t bytes; /* at least 1 */
};

/* Parts do not overlap, so that an answer never repeats a byte. */
struct hz_range {
	uint32_t count; /* 1..HZ_LIMIT_range_parts_max */
	struct hz_range_part part[HZ_LIMIT_range_parts_max];
};

enum hz_range_verdict {
	HZ_RANGE_WHOLE,         /* 200: the field is to be ignored */
	HZ_RANGE_PARTS,         /* 206 with *out */
	HZ_RANGE_UNSATISFIABLE, /* 416 */
};

/* value is that of a Range field of a GET (for other methods it does not exist, RFC 9110 14.2) whose
 * If-Range holds (hz_cond_range_applies); total_bytes is the length of the representation. Ignored: other
 * units, what is not the grammar, a last position before the first, more than HZ_LIMIT_range_parts_max
 * ranges, and a
 * suffix of an empty representation. Ranges that overlap become one, in the place of the first; otherwise the
 * order asked for stays. *out is written when PARTS. */
enum hz_range_verdict hz_range_parse(struct hz_span value, uint64_t total_bytes,
                                     struct hz_range *out);

/* "Content-Range: bytes 0-499/1234" CRLF; for part NULL, as 416 says it, a star for the range. Returns its
 * length. */
#define HZ_RANGE_FIELD_MAX 96
size_t hz_range_field_write(uint8_t out[HZ_RANGE_FIELD_MAX], const struct hz_range_part *part,
                            uint64_t total_bytes);

/* A multipart/byteranges body, RFC 9110 14.6 and RFC 2046 5.1: per part a head, then its bytes; at last the
 * closing delimiter. All borrowed. The boundary is 1 to 70 bytes of RFC 2046's bchars that nothing in the
 * representation can hold by intent: random ones. content_type may be empty. */
#define HZ_RANGE_BOUNDARY_MAX 70
struct hz_range_multipart {
	const struct hz_range *range;
	struct hz_span boundary;
	struct hz_span content_type; /* of the representation */
	uint64_t total_bytes;
};

/* Length of the whole body: its Content-Length. */
uint64_t hz_range_multipart_bytes(const struct hz_range_multipart *body);

/* Upper bound of a piece's text. */
size_t hz_range_text_bound(const struct hz_range_multipart *body);

/* What stands at an offset of the body: text to copy, or bytes of the representation. */
struct hz_range_piece {
	struct hz_span text;    /* inside the room given; when empty: content */
	uint64_t content_first; /* offset in the representation */
	uint64_t content_bytes;
};

/* The piece from offset on (below hz_range_multipart_bytes) to that piece's end; room takes
 * hz_range_text_bound bytes. */
void hz_range_piece_at(const struct hz_range_multipart *body, uint64_t offset, uint8_t *room,
                       struct hz_range_piece *out);

#endif
