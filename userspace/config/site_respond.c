/* The handlers `respond`, `bytes` and `echo` of a route. */
#include "config/site_route.h"

#include <stdio.h>
#include <string.h>

#define CONTENT_TYPE_MAX 128u
#define HOLES_MAX        256u /* as handlers/json_template.h */
#define COUNT_DEFAULT    (10ull * 1024 * 1024)
#define COUNT_MAX        (1024ull * 1024 * 1024)

static void status_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	uint64_t status;

	if (hz_site_read_count(r, key, 200, 599, &status))
		rr->route->status = (uint16_t)status;
}

/* A field value as the answer's head takes it: what is printable, no space at either end. */
bool hz_site_content_type_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                               struct hz_span *out)
{
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, CONTENT_TYPE_MAX, &text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_edge = i == 0 || i == text.len - 1;

		if (text.data[i] >= 0x7f || (is_edge && text.data[i] == ' ')) {
			hz_site_read_fail(r, key->value, "'%.*s' is no content type",
			                  HZ_SITE_WORD(text));
			return false;
		}
	}
	return hz_site_read_copy(r, text, out);
}

static void content_type_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	(void)hz_site_content_type_read(r, key, &rr->route->content_type);
}

static void body_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	if (key->value->kind != HZ_YAML_SCALAR)
		hz_site_read_fail(r, key->value, "'body' must be text; for an object use 'json'");
	else
		hz_site_read_copy(r, key->value->text, &rr->route->body);
}

/* {name} must name a parameter; {{ and }} are braces. */
static void template_check(struct hz_site_reader *r, struct hz_site_route_read *rr,
                           const struct hz_yaml_node *value)
{
	const struct hz_span text = value->text;
	size_t i = 0;

	while (i < text.len) {
		uint8_t c = text.data[i];
		const uint8_t *end;
		struct hz_span name;

		if (c != '{' && c != '}') {
			i++;
			continue;
		}
		if (i + 1 < text.len && text.data[i + 1] == c) {
			i += 2;
			continue;
		}
		end = c == '{' ? memchr(text.data + i, '}', text.len - i) : NULL;
		if (end == NULL) {
			hz_site_read_fail_part(r, value, i, 1,
			                       "a '%c' alone: write {name} for a parameter, {{ "
			                       "and }} for braces",
			                       c);
			return;
		}
		name = (struct hz_span){ text.data + i + 1, (size_t)(end - (text.data + i + 1)) };
		hz_site_param_check(r, rr, value, i + 1, name);
		rr->hole_count++;
		i += name.len + 2;
	}
}

static void json_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	const struct hz_yaml_node *map = key->value;
	struct hz_site_json_member *members;
	uint32_t count = 0;

	if (map->kind != HZ_YAML_MAP || map->count == 0) {
		hz_site_read_fail(r, map, "'json' must be a mapping of names to text");
		return;
	}
	members = hz_site_read_get(r, map->count * sizeof(*members));
	if (members == NULL)
		return;
	for (const struct hz_yaml_node *name = map->first; name != NULL; name = name->next) {
		struct hz_site_json_member *member = &members[count++];

		if (name->value->kind != HZ_YAML_SCALAR) {
			hz_site_read_fail(r, name->value, "a value of 'json' must be text");
			continue;
		}
		template_check(r, rr, name->value);
		hz_site_read_copy(r, name->text, &member->key);
		hz_site_read_copy(r, name->value->text, &member->value);
	}
	if (rr->hole_count > HOLES_MAX)
		hz_site_read_fail(r, map, "'json' has more than 256 parameters");
	rr->route->json = members;
	rr->route->json_count = count;
}

static const struct hz_site_key respond_keys[] = {
	{ "status", status_read, false },
	{ "content_type", content_type_read, false },
	{ "body", body_read, false },
	{ "json", json_read, false },
};

static void respond_finish(struct hz_site_reader *r, const struct hz_yaml_node *key,
                           struct hz_site_route *route)
{
	const struct hz_yaml_node *body = hz_yaml_doc_key(key->value, "body");
	const struct hz_yaml_node *json = hz_yaml_doc_key(key->value, "json");
	bool has_no_body = route->status == 204 || route->status == 205 || route->status == 304;

	if (body != NULL && json != NULL)
		hz_site_read_fail(r, json->line < body->line ? body : json,
		                  "'body' and 'json' exclude each other");
	/* RFC 9110 15.3.5, 15.3.6, 15.4.5 */
	if (has_no_body && (route->body.len > 0 || route->json_count > 0))
		hz_site_read_fail(r, body != NULL ? body : json,
		                  "an answer with status %u has no body", route->status);
	if (route->content_type.len == 0 && !has_no_body)
		route->content_type = route->json_count > 0 ? HZ_SPAN_LITERAL("application/json")
		                                            : HZ_SPAN_LITERAL("text/plain");
}

void hz_site_respond_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	rr->route->handler = HZ_HANDLER_RESPOND;
	rr->route->status = 200;
	snprintf(where, sizeof(where), "'respond' of %s", rr->where);
	if (hz_site_read_map(r, key->value, where, respond_keys, HZ_ARRAY_LEN(respond_keys), rr))
		respond_finish(r, key, rr->route);
}

static void count_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_span name;

	if (hz_site_read_word(r, key, 1, 64, &name) &&
	    hz_site_param_check(r, rr, key->value, 0, name))
		hz_site_read_copy(r, name, &rr->route->count_param);
}

static void max_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	hz_site_read_size(r, key, 0, COUNT_MAX, &rr->route->count_max);
}

static const struct hz_site_key bytes_keys[] = {
	{ "count", count_read, true },
	{ "max", max_read, false },
};

void hz_site_bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	rr->route->handler = HZ_HANDLER_BYTES;
	rr->route->count_max = COUNT_DEFAULT;
	snprintf(where, sizeof(where), "'bytes' of %s", rr->where);
	hz_site_read_map(r, key->value, where, bytes_keys, HZ_ARRAY_LEN(bytes_keys), rr);
}

static void echo_body_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	hz_site_read_size(r, key, 0, HZ_SITE_BODY_BYTES_MAX, &rr->route->body_bytes_max);
}

static const struct hz_site_key echo_keys[] = {
	{ "body", echo_body_read, false },
};

void hz_site_echo_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	rr->route->handler = HZ_HANDLER_ECHO;
	/* `echo:` with nothing after it says all there is to say. */
	if (key->value->kind == HZ_YAML_SCALAR && key->value->is_plain && key->value->text.len == 0)
		return;
	snprintf(where, sizeof(where), "'echo' of %s", rr->where);
	hz_site_read_map(r, key->value, where, echo_keys, HZ_ARRAY_LEN(echo_keys), rr);
}
