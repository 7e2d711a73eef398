/* Text as the inside of a JSON string, RFC 8259 section 7. */
#ifndef HZ_JSON_ESCAPE_H
#define HZ_JSON_ESCAPE_H

#include <hz/span.h>

/* Length of text once escaped: 1 to 6 bytes for each of its bytes. */
size_t hz_json_escape_bytes(struct hz_span text);

/* Writes the escaped text to out, which has hz_json_escape_bytes(text) bytes, and returns its end.
 * Quote, backslash and control bytes are escaped; bytes that are not UTF-8 become U+FFFD, one for each
 * maximal part of a broken sequence (Unicode 15, section 3.9). */
uint8_t *hz_json_escape_write(struct hz_span text, uint8_t *out);

#endif
