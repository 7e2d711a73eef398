/* HTTP-date, RFC 9110 5.6.7: written as IMF-fixdate, read in all three forms. */
#ifndef HZ_HTTP_DATE_H
#define HZ_HTTP_DATE_H

#include <hz/span.h>
#include <stdbool.h>

#define HZ_HTTP_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* unix_s of the years 1970 to 9999, into HZ_HTTP_DATE_BYTES bytes at out. */
void hz_http_date_write(uint8_t *out, uint64_t unix_s);

/* IMF-fixdate, the form of RFC 850 or that of asctime(). Case counts, fields are in range (a leap second
 * is the next minute's first), the day exists in its month; the name of the weekday is one, whichever.
 * A year of two digits is the latest that is at most 50 years after now_s. False: none of the three, or a
 * date before 1970; *unix_s is written on true. */
bool hz_http_date_parse(struct hz_span text, uint64_t now_s, uint64_t *unix_s);

#endif
