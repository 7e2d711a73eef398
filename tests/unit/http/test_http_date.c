/* HTTP-date: what is written reads back, the three forms are one date, everything else is none. */
#include "http/http_date.h"
#include "hz_test.h"
#include <stdio.h>
#include <string.h>

#define NOW 1700000000u /* 2023-11-14 */

static bool parse(const char *text, uint64_t *unix_s)
{
	return hz_http_date_parse((struct hz_span){ (const uint8_t *)text, strlen(text) }, NOW,
	                          unix_s);
}

static void date_written_for_any_day_reads_back(void)
{
	for (uint64_t t = 0; t < 253402300800u; t += 86400 * 37 + 3677) {
		uint8_t out[HZ_HTTP_DATE_BYTES];
		uint64_t back = 1;

		hz_http_date_write(out, t);
		if (!hz_http_date_parse((struct hz_span){ out, sizeof(out) }, NOW, &back) ||
		    back != t) {
			printf("# %.29s of %llu read as %llu\n", out, (unsigned long long)t,
			       (unsigned long long)back);
			CU_FAIL("a date that does not read back");
			return;
		}
	}
}

static void date_of_each_form_is_the_same_second(void)
{
	static const struct {
		const char *text;
		uint64_t unix_s;
	} rows[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Sun Nov 06 08:49:37 1994", 784111777 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
		{ "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 }, /* the leap second */
		{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
		/* two digits: at most 50 years after now, 2073 */
		{ "Saturday, 31-Dec-73 23:59:59 GMT", 3281990399 },
		{ "Monday, 31-Dec-74 23:59:59 GMT", 157766399 },
		{ "Saturday, 01-Jan-00 00:00:00 GMT", 946684800 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got = 1;

		if (parse(rows[i].text, &got) && got == rows[i].unix_s)
			continue;
		printf("# %s: %llu\n", rows[i].text, (unsigned long long)got);
		CU_FAIL("a date");
	}
}

static void date_that_is_none_is_refused(void)
{
	static const char *const rows[] = {
		"",
		"Sun",
		"0",
		"784111777",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 gmt",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Mon, 29 Feb 2100 00:00:00 GMT",
		"Wed, 29 Feb 1995 00:00:00 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1994 08:49:3x GMT",
		"Wed, 31 Dec 1969 23:59:59 GMT",
		"Xxx, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Xxx 1994 08:49:37 GMT",
		"Sun, 06-Nov-1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sunday, 06 Nov 94 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37",
		"Sunday Nov  6 08:49:37 1994",
		"Sun Nov  6 08:49:37 1994 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun, 06 Nov -994 08:49:37 GMT",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got = 42;

		if (!parse(rows[i], &got) && got == 42)
			continue;
		printf("# \"%s\": %llu\n", rows[i], (unsigned long long)got);
		CU_FAIL("taken for a date");
	}
}

/* Every byte value in every place of each form: a date only where the grammar has another choice. */
static void date_with_any_byte_changed_is_a_date_only_by_grammar(void)
{
	static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
		                             "Sunday, 06-Nov-94 08:49:37 GMT",
		                             "Sun Nov  6 08:49:37 1994" };

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		for (size_t at = 0; at < strlen(forms[f]); at++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				char text[32];
				uint64_t got = 0;
				bool ok;

				memcpy(text, forms[f], strlen(forms[f]));
				text[at] = (char)byte;
				ok = hz_http_date_parse(
					(struct hz_span){ (uint8_t *)text, strlen(forms[f]) }, NOW,
					&got);
				if (!ok || byte == (uint8_t)forms[f][at])
					continue;
				/* a digit for a digit or the blank before one */
				CU_ASSERT(byte >= '0' && byte <= '9');
				CU_ASSERT(strchr("0123456789 ", forms[f][at]) != NULL);
			}
		}
	}
}

HZ_SUITE(http_date, CASE(date_written_for_any_day_reads_back),
         CASE(date_of_each_form_is_the_same_second), CASE(date_that_is_none_is_refused),
         CASE(date_with_any_byte_changed_is_a_date_only_by_grammar));
