/* Collecting what is wrong with a site. */
#ifndef HZ_SITE_ERRORS_H
#define HZ_SITE_ERRORS_H

#include "config/nearest.h"
#include "config/site.h"

/* For "%.*s" of something the user typed: at most as much as a message can bear. */
#define HZ_SITE_WORD(span)                                                                         \
	(int)((span).len > 40 ? 40 : (span).len), (span).len == 0 ? "" : (const char *)(span).data

/* Appends an error without a hint; NULL, and nothing happens, when there are HZ_SITE_ERRORS_MAX.
 * Control bytes in the text become '?'. */
struct hz_site_error *hz_site_errors_add(struct hz_site_errors *errors, uint32_t line,
                                         uint32_t column, uint32_t width, const char *format, ...)
	HZ_PRINTF(5, 6);

/* "did you mean 'WORD'?" when there is a near word. Accepts error == NULL. */
void hz_site_errors_hint(struct hz_site_error *error, const struct hz_nearest *nearest);

/* In the order of the file. */
void hz_site_errors_sort(struct hz_site_errors *errors);

/* Characters of UTF-8: columns and widths count them. */
uint32_t hz_site_chars_count(struct hz_span text);

/* The length of a UTF-8 character by its first byte; 1 for what is none. */
static inline size_t hz_site_char_bytes(uint8_t lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
}

#endif
