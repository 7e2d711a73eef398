/* `match: GET,POST /user/:id`. The grammar of patterns is the router's (radix.h); it is checked here
 * too, because here an error has a place in the file. A fuzzer holds the two against each other. */
#include "config/site_route.h"

#include <string.h>

/* In the order of http/tokens.def, which config must not include; a test compares them. */
static const char *const methods[] = {
	"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
};
#define METHOD_GET     0u
#define METHOD_HEAD    1u
#define METHOD_TRACE   7u
#define METHOD_CONNECT 8u

#define NAME_MAX_BYTES 64u

const char *hz_site_method_name(uint32_t mask)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(methods); i++) {
		if ((mask >> i & 1) != 0)
			return methods[i];
	}
	return "?";
}

/* One method's bit, or 0 after an error. */
static uint32_t method_read(struct hz_site_reader *r, const struct hz_yaml_node *at, size_t offset,
                            struct hz_span word)
{
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error;

	for (uint32_t i = 0; i < HZ_ARRAY_LEN(methods); i++) {
		struct hz_span name = { (const uint8_t *)methods[i], strlen(methods[i]) };

		/* CONNECT names an authority, not a path (RFC 9110 9.3.6); TRACE would send a client's
		 * credentials back to whoever made it ask (9.3.8). */
		if (i == METHOD_CONNECT || i == METHOD_TRACE)
			continue;
		if (name.len == word.len && memcmp(name.data, word.data, name.len) == 0)
			return 1u << i;
		hz_nearest_offer(&nearest, word, name);
	}
	error = hz_site_read_fail_part(r, at, offset, word.len, "unknown method '%.*s'",
	                               HZ_SITE_WORD(word));
	hz_site_errors_hint(error, &nearest);
	return 0;
}

/* The list before the space. GET implies HEAD (RFC 9110 9.1: servers must support both). */
static bool methods_read(struct hz_site_reader *r, const struct hz_yaml_node *at, size_t bytes,
                         uint32_t *out)
{
	uint32_t mask = 0;

	for (size_t from = 0, end; from <= bytes; from = end + 1) {
		struct hz_span word = { at->text.data + from, 0 };
		uint32_t bit;

		while (from + word.len < bytes && word.data[word.len] != ',')
			word.len++;
		end = from + word.len;
		bit = method_read(r, at, from, word);
		if (bit == 0)
			return false;
		if ((mask & bit) != 0) {
			hz_site_read_fail_part(r, at, from, word.len, "method '%.*s' again",
			                       HZ_SITE_WORD(word));
			return false;
		}
		mask |= bit;
	}
	if ((mask & 1u << METHOD_GET) != 0)
		mask |= 1u << METHOD_HEAD;
	*out = mask;
	return true;
}

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static const char *param_problem(const struct hz_site_route_read *rr, struct hz_span name)
{
	if (name.len == 0)
		return "a parameter needs a name";
	if (name.len > NAME_MAX_BYTES)
		return "a parameter's name has at most 64 bytes";
	for (size_t i = 0; i < name.len; i++) {
		if (!is_name_byte(name.data[i]))
			return "a parameter's name is made of letters, digits, '_' and '-'";
	}
	for (uint32_t i = 0; i < rr->param_count; i++) {
		if (rr->param[i].len == name.len &&
		    memcmp(rr->param[i].data, name.data, name.len) == 0)
			return "two parameters have the same name";
	}
	return rr->param_count == HZ_LIMIT_route_params_max ? "a route has at most 16 parameters"
	                                                    : NULL;
}

static const char *static_problem(struct hz_span segment)
{
	if (segment.len > 0 && segment.data[0] == '.' &&
	    (segment.len == 1 || (segment.len == 2 && segment.data[1] == '.')))
		return "'.' and '..' are resolved before a path is matched";
	for (size_t i = 0; i < segment.len; i++) {
		uint8_t c = segment.data[i];

		if (c <= 0x20 || c == 0x7f)
			return "a path holds no space";
		if (c == '%')
			return "a path is written decoded here, without '%'";
		if (c == '?' || c == '#')
			return "a path ends before '?' and '#'";
		if (c == '*')
			return "'*' begins the last segment or stands nowhere";
	}
	return NULL;
}

/* One segment, without its slash. */
static const char *segment_problem(struct hz_site_route_read *rr, struct hz_span segment,
                                   bool is_last)
{
	struct hz_span name = { segment.data + 1, segment.len - 1 };
	const char *problem;

	if (segment.len == 0 || (segment.data[0] != ':' && segment.data[0] != '*'))
		return static_problem(segment);
	problem = param_problem(rr, name);
	if (problem == NULL && segment.data[0] == '*' && !is_last)
		problem = "'*' begins the last segment or stands nowhere";
	if (problem == NULL)
		rr->param[rr->param_count++] = name;
	return problem;
}

static bool pattern_read(struct hz_site_reader *r, const struct hz_yaml_node *at, size_t offset,
                         struct hz_site_route_read *rr)
{
	const struct hz_span all = at->text;

	if (offset == all.len || all.data[offset] != '/') {
		hz_site_read_fail_part(r, at, offset, all.len - offset,
		                       "the path must begin with '/'");
		return false;
	}
	if (all.len - offset > HZ_LIMIT_uri_bytes_max) {
		hz_site_read_fail(r, at, "the path is longer than 8 KiB");
		return false;
	}
	while (offset < all.len) {
		struct hz_span segment = { all.data + offset + 1, 0 };
		const char *problem;
		size_t end;

		while (offset + 1 + segment.len < all.len && segment.data[segment.len] != '/')
			segment.len++;
		end = offset + 1 + segment.len;
		problem = segment_problem(rr, segment, end == all.len);
		if (problem != NULL) {
			hz_site_read_fail_part(r, at, offset + 1, segment.len, "%s", problem);
			return false;
		}
		offset = end;
	}
	return true;
}

static bool match_parse(struct hz_site_reader *r, const struct hz_yaml_node *key,
                        struct hz_site_route_read *rr)
{
	const struct hz_yaml_node *at = key->value;
	struct hz_span text;
	size_t space;

	if (!hz_site_read_word(r, key, 1, HZ_LIMIT_uri_bytes_max + 128, &text))
		return false;
	for (space = 0; space < text.len && text.data[space] != ' ';)
		space++;
	if (space == text.len) {
		/* { match: GET,POST /x } is what YAML takes for { match: GET, "POST /x": }. */
		hz_site_read_fail(r, at,
		                  "'match' is METHOD PATH, for example GET /users/:id; within { } "
		                  "quote it when a comma is in it");
		return false;
	}
	return methods_read(r, at, space, &rr->route->methods) &&
	       pattern_read(r, at, space + 1, rr) &&
	       hz_site_read_copy(r, (struct hz_span){ text.data + space + 1, text.len - space - 1 },
	                         &rr->route->pattern);
}

void hz_site_match_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;

	rr->route->line = key->value->line;
	rr->route->column = key->value->column;
	rr->is_match_bad = !match_parse(r, key, rr);
}

bool hz_site_param_check(struct hz_site_reader *r, const struct hz_site_route_read *rr,
                         const struct hz_yaml_node *at, size_t offset, struct hz_span name)
{
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error;

	if (rr->is_match_bad)
		return true;
	for (uint32_t i = 0; i < rr->param_count; i++) {
		if (rr->param[i].len == name.len && name.len > 0 &&
		    memcmp(rr->param[i].data, name.data, name.len) == 0)
			return true;
		hz_nearest_offer(&nearest, name, rr->param[i]);
	}
	error = hz_site_read_fail_part(r, at, offset, name.len, "%s has no parameter '%.*s'",
	                               rr->where, HZ_SITE_WORD(name));
	hz_site_errors_hint(error, &nearest);
	return false;
}
