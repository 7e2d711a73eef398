/* Sites that are refused: each error with its place, width, text and hint. */
#include "config/site.h"

#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* expect: the errors as "LINE:COLUMN+WIDTH TEXT [HINT]\n" each. */
static const struct {
	const char *text;
	const char *expect;
} rows[] = {
#include "bad_sites.inc"
};

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static char *errors_text(const struct hz_site_errors *errors)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	for (uint32_t i = 0; i < errors->count; i++) {
		const struct hz_site_error *e = &errors->error[i];

		fprintf(to, "%u:%u+%u %s%s%s%s\n", e->line, e->column, e->width, e->text,
		        e->hint[0] != 0 ? " [" : "", e->hint, e->hint[0] != 0 ? "]" : "");
	}
	fclose(to);
	return text;
}

static void bad_site_is_refused_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_site_errors errors;
		struct hz_site *site = NULL;
		/* In memory of its own, so that a sanitizer sees a byte too many. */
		size_t len = strlen(rows[i].text);
		uint8_t *copy = malloc(len + 1);
		char *have;

		memcpy(copy, rows[i].text, len);
		CU_ASSERT_EQUAL(hz_site_parse((struct hz_span){ copy, len }, &site, &errors),
		                -EINVAL);
		CU_ASSERT_PTR_NULL(site);
		have = errors_text(&errors);
		CU_ASSERT_STRING_EQUAL(have, rows[i].expect);
		if (strcmp(have, rows[i].expect) != 0)
			fprintf(stderr, "--- %s\n--- wanted:\n%s--- have:\n%s", rows[i].text,
			        rows[i].expect, have);
		free(have);
		free(copy);
		hz_site_free(site);
	}
}

static void error_is_printed_with_line_and_caret(void)
{
	static const char text[] = "listen: []\nroutes:\n  - { macth: GET /a,\trespond: {} }\n"
				   "limits: { uri_bytes: 12 }";
	static const char expect[] =
		"site.yaml:3:7: error: unknown key 'macth' in route 'route-1'\n"
		"    3 |   - { macth: GET /a, respond: {} }\n"
		"      |       ^~~~~ did you mean 'match'?\n"
		"site.yaml:4:22: error: 'uri_bytes' needs a unit, for example 64KiB\n"
		"    4 | limits: { uri_bytes: 12 }\n"
		"      |                      ^~\n";
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	char *printed = NULL;
	size_t bytes;
	FILE *to = open_memstream(&printed, &bytes);

	CU_ASSERT_EQUAL(hz_site_parse(span(text), &site, &errors), -EINVAL);
	hz_site_errors_print(to, "site.yaml", span(text), &errors);
	fclose(to);
	CU_ASSERT_STRING_EQUAL(printed, expect);
	free(printed);
}

static void long_or_hostile_line_is_printed_in_part(void)
{
	char text[600] = "routes: [] # ";
	struct hz_site_errors errors = { .count = 1,
		                         .error = { { .line = 1,
		                                      .column = 400,
		                                      .width = 300,
		                                      .text = "x",
		                                      .hint = "did you mean 'y'?" } } };
	char *printed = NULL;
	size_t bytes;
	FILE *to = open_memstream(&printed, &bytes);

	memset(text + strlen(text), 'a', sizeof(text) - strlen(text) - 1);
	memcpy(text + 380, "\x1b[31m\xc2\x9b\xff", 8);
	hz_site_errors_print(to, "s", span(text), &errors);
	fclose(to);
	CU_ASSERT_PTR_NULL(strchr(printed, 0x1b));
	CU_ASSERT_PTR_NULL(strchr(printed, '\xff'));
	CU_ASSERT_PTR_NULL(strchr(printed, '\xc2'));
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "?[31m"));
	CU_ASSERT(bytes < 500);
	free(printed);
}

static void more_errors_than_fit_stop_at_the_limit(void)
{
	char text[2000] = "";
	struct hz_site_errors errors;
	struct hz_site *site = NULL;

	for (unsigned i = 0; i < 60; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "key%u: %u\n", i, i);
	CU_ASSERT_EQUAL(hz_site_parse(span(text), &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL(errors.count, HZ_SITE_ERRORS_MAX);
	CU_ASSERT_STRING_EQUAL(errors.error[19].text, "unknown key 'key19' in the site");
}

HZ_SUITE(site_errors, CASE(bad_site_is_refused_as_listed),
         CASE(error_is_printed_with_line_and_caret), CASE(long_or_hostile_line_is_printed_in_part),
         CASE(more_errors_than_fit_stop_at_the_limit));
