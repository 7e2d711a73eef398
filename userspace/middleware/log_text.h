/* Texts of strangers inside a log line. Each writes to out, which has room for six times the text and 16 bytes more,
 * and returns the place behind. Private to middleware. */
#ifndef HZ_LOG_TEXT_H
#define HZ_LOG_TEXT_H

#include <hz/span.h>

/* The inside of a JSON string: UTF-8 stays, a byte that is not part of it becomes \u00XX; so do quotes, backslashes,
 * and everything that might end a line or drive a terminal (C0, DEL, C1, U+2028, U+2029). */
uint8_t *hz_log_text_json(uint8_t *out, struct hz_span text);

/* The inside of a quoted field of the combined format, as nginx does it: quote, backslash and all that is not printable
 * ASCII as \xXX. */
uint8_t *hz_log_text_quoted(uint8_t *out, struct hz_span text);

/* The same where there are no quotes: blanks and brackets are escaped too. */
uint8_t *hz_log_text_bare(uint8_t *out, struct hz_span text);

/* An address as RFC 5952 wants it; IPv4 is mapped. At most 39 bytes. */
uint8_t *hz_log_text_addr(uint8_t *out, const uint8_t addr[16]);

uint8_t *hz_log_text_number(uint8_t *out, uint64_t value);

#endif
