/* Splitting and filling JSON templates. */
#include "handlers/json_template.h"

#include "handlers/json_escape.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(HZ_LIMIT_route_params_max <= 256, "a parameter's index fits a byte");

/* Text under construction. The first failure sticks, so that callers check once. */
struct builder {
	struct hz_json_template *tmpl;
	const struct hz_handler_params *params;
	size_t used, room;
	int err;
};

static uint8_t *builder_room(struct builder *b, size_t bytes)
{
	uint8_t *at;

	if (b->err == 0 && bytes > b->room - b->used) {
		size_t room = b->room * 2 + bytes;
		uint8_t *text = room > UINT32_MAX ? NULL : realloc(b->tmpl->text, room);

		if (text == NULL) {
			b->err = room > UINT32_MAX ? -EINVAL : -ENOMEM;
		} else {
			b->tmpl->text = text;
			b->room = room;
		}
	}
	if (b->err != 0)
		return NULL;
	at = b->tmpl->text + b->used;
	b->used += bytes;
	return at;
}

static void put_raw(struct builder *b, const char *text)
{
	size_t bytes = strlen(text);
	uint8_t *at = builder_room(b, bytes);

	if (at != NULL)
		memcpy(at, text, bytes);
}

static void put_escaped(struct builder *b, struct hz_span text)
{
	uint8_t *at = builder_room(b, hz_json_escape_bytes(text));

	if (at != NULL)
		hz_json_escape_write(text, at);
}

static void put_hole(struct builder *b, struct hz_span name)
{
	int param = hz_handler_param_index(b->params, name);
	uint32_t n = b->tmpl->hole_count;

	if (param < 0 || n == HZ_JSON_HOLES_MAX) {
		b->err = -EINVAL;
		return;
	}
	b->tmpl->param[n] = (uint8_t)param;
	b->tmpl->literal_end[n] = (uint32_t)b->used;
	b->tmpl->hole_count = n + 1;
}

/* One value: text, {name}, {{ and }}. Text between braces is escaped in whole runs, because a
 * character of several bytes must not be cut. */
static void put_value(struct builder *b, struct hz_span value)
{
	size_t from = 0, i = 0;

	while (i < value.len && b->err == 0) {
		uint8_t c = value.data[i];
		bool is_double = i + 1 < value.len && value.data[i + 1] == c;
		const uint8_t *end;

		if (c != '{' && c != '}') {
			i++;
			continue;
		}
		/* A doubled brace stands for one: keep the first, skip the second. */
		put_escaped(b, (struct hz_span){ value.data + from, i + is_double - from });
		if (is_double) {
			i += 2;
			from = i;
			continue;
		}
		end = c == '{' ? memchr(value.data + i, '}', value.len - i) : NULL;
		if (end == NULL) {
			b->err = -EINVAL;
			return;
		}
		put_hole(b, (struct hz_span){ value.data + i + 1,
		                              (size_t)(end - (value.data + i + 1)) });
		i = (size_t)(end - value.data) + 1;
		from = i;
	}
	put_escaped(b, (struct hz_span){ value.data + from, value.len - from });
}

int hz_json_template_build(const struct hz_respond_conf *conf, struct hz_json_template **out)
{
	struct builder b = { .params = &conf->params };

	b.tmpl = calloc(1, sizeof(*b.tmpl));
	if (b.tmpl == NULL)
		return -ENOMEM;
	put_raw(&b, "{");
	for (uint32_t i = 0; i < conf->json_count; i++) {
		put_raw(&b, i == 0 ? "\"" : ",\"");
		put_escaped(&b, conf->json[i].key);
		put_raw(&b, "\":\"");
		put_value(&b, conf->json[i].value);
		put_raw(&b, "\"");
	}
	put_raw(&b, "}");
	if (b.err != 0) {
		hz_json_template_free(b.tmpl);
		return b.err;
	}
	b.tmpl->literal_end[b.tmpl->hole_count] = (uint32_t)b.used;
	b.tmpl->literal_bytes = (uint32_t)b.used;
	*out = b.tmpl;
	return 0;
}

void hz_json_template_free(struct hz_json_template *tmpl)
{
	if (tmpl == NULL)
		return;
	free(tmpl->text);
	free(tmpl);
}

int hz_json_template_fill(const struct hz_json_template *tmpl, struct hz_http_req *req,
                          struct hz_span *out)
{
	size_t total = tmpl->literal_bytes;
	uint32_t from = 0;
	uint8_t *text, *at;

	for (uint32_t i = 0; i < tmpl->hole_count; i++)
		total += hz_json_escape_bytes(hz_handler_param(req, tmpl->param[i]));
	text = hz_arena_get(req->arena, total);
	if (text == NULL)
		return -ENOMEM;
	at = text;
	for (uint32_t i = 0; i <= tmpl->hole_count; i++) {
		uint32_t bytes = tmpl->literal_end[i] - from;

		memcpy(at, tmpl->text + from, bytes);
		at += bytes;
		from = tmpl->literal_end[i];
		if (i < tmpl->hole_count)
			at = hz_json_escape_write(hz_handler_param(req, tmpl->param[i]), at);
	}
	*out = (struct hz_span){ text, total };
	return 0;
}
