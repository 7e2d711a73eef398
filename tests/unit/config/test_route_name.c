/* What routes without a name are called. */
#include "config/route_name.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include <string.h>

static const char *name_of(const char *match, const char *host, char out[HZ_SITE_NAME_MAX])
{
	memset(out, 'x', HZ_SITE_NAME_MAX);
	hz_route_name_make(hz_span_text(match), hz_span_text(host), out);
	return out;
}

static void match_that_fits_is_the_name(void)
{
	char name[HZ_SITE_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(name_of("GET /", "", name), "GET /");
	CU_ASSERT_STRING_EQUAL(name_of("GET,POST /users/:id", "", name), "GET,POST /users/:id");
	CU_ASSERT_STRING_EQUAL(name_of("GET /4567890123456789012345678/", "", name),
	                       "GET /4567890123456789012345678/");
}

static void host_stands_in_front_of_the_path(void)
{
	char name[HZ_SITE_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(name_of("GET /users/:id", "www.example.org", name),
	                       "GET www.example.org/users/:id");
	CU_ASSERT_STRING_EQUAL(name_of("GET /*p", "[::1]", name), "GET [::1]/*p");
	/* not a match, and reported as such: nothing is lost of it */
	CU_ASSERT_STRING_EQUAL(name_of("GET", "a.b", name), "GETa.b");
}

static void long_match_keeps_both_ends(void)
{
	char name[HZ_SITE_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(name_of("GET /api/v1/customers/:c/jobs/:id", "", name),
	                       "GET /api/v1/cu~m4nleq~/jobs/:id");
	CU_ASSERT_EQUAL(strlen(name), HZ_SITE_NAME_MAX - 1);
	CU_ASSERT_STRING_EQUAL(name_of("GET,POST /users/:id/x", "www.example.org", name),
	                       "GET,POST www.e~u4oomk~ers/:id/x");
}

static void long_matches_that_differ_within_differ(void)
{
	char a[HZ_SITE_NAME_MAX], b[HZ_SITE_NAME_MAX];

	CU_ASSERT_STRING_NOT_EQUAL(name_of("GET /api/v1/customers/:a/jobs/:id", "", a),
	                           name_of("GET /api/v1/customers/:b/jobs/:id", "", b));
	CU_ASSERT_STRING_NOT_EQUAL(name_of("GET /api/v1/customers/:a/jobs/:id", "a.org", a),
	                           name_of("GET /api/v1/customers/:a/jobs/:id", "b.org", b));
}

static void bytes_that_labels_escape_are_replaced_and_told_apart(void)
{
	char a[HZ_SITE_NAME_MAX], b[HZ_SITE_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(name_of("GET /\"a\\b", "", a), "GET /?a?b~esrnk6");
	CU_ASSERT_STRING_EQUAL(name_of("GET /\xc3\xa9", "", a), "GET /?\?~df46bx");
	CU_ASSERT_STRING_NOT_EQUAL(name_of("GET /\xc3\xa9", "", a),
	                           name_of("GET /\xc3\xa8", "", b));
	CU_ASSERT_STRING_EQUAL(name_of("GET /0123456789012345678901234\"", "", a),
	                       "GET /012345678~5l73qw~78901234?");
}

/* A file may hold anything of any length: the last byte is always a zero. */
static void every_length_and_byte_ends_in_time(void)
{
	char match[300], name[HZ_SITE_NAME_MAX];

	for (size_t len = 1; len < sizeof(match); len++) {
		memset(match, (int)len & 0xff, len);
		hz_route_name_make((struct hz_span){ (const uint8_t *)match, len },
		                   hz_span_text(len % 2 == 0 ? "h" : ""), name);
		CU_ASSERT(strnlen(name, sizeof(name)) < sizeof(name) && name[0] != '\0');
		for (size_t i = 0; name[i] != '\0'; i++)
			CU_ASSERT(name[i] >= ' ' && name[i] < 0x7f && name[i] != '"' &&
			          name[i] != '\\');
	}
}

HZ_SUITE(route_name, CASE(match_that_fits_is_the_name), CASE(host_stands_in_front_of_the_path),
         CASE(long_match_keeps_both_ends), CASE(long_matches_that_differ_within_differ),
         CASE(bytes_that_labels_escape_are_replaced_and_told_apart),
         CASE(every_length_and_byte_ends_in_time));
