/* The handler `module`, and routes that the program adds itself. */
#include "config/route_name.h"
#include "config/site_mw.h"
#include "config/site_route.h"
#include "core/span_ops.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX 65536u

/* A copy that ends with a zero byte: text has none. */
static const char *text_keep(struct hz_site_reader *r, struct hz_span text)
{
	char *copy = hz_site_read_get(r, text.len + 1);

	if (copy != NULL && text.len > 0)
		memcpy(copy, text.data, text.len);
	return copy;
}

static void file_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_span text;

	rr->route->at = hz_site_read_place(key->value);
	if (!hz_site_read_word(r, key, 1, PATH_MAX - 1, &text))
		return;
	if (text.data[0] != '/')
		hz_site_read_fail(r, key->value, "'file' must be an absolute path, not '%.*s'",
		                  HZ_SITE_WORD(text));
	else
		rr->route->module_file = text_keep(r, text);
}

/* What it means is the module's; a zero byte would end it early. */
static void config_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	const struct hz_yaml_node *value = key->value;

	if (value->kind != HZ_YAML_SCALAR)
		hz_site_read_fail(r, value, "'config' must be text");
	else if (value->text.len > CONFIG_MAX)
		hz_site_read_fail(r, value, "'config' has at most %u bytes", CONFIG_MAX);
	else if (value->text.len > 0 && memchr(value->text.data, 0, value->text.len) != NULL)
		hz_site_read_fail(r, value, "'config' holds a zero byte");
	else
		rr->route->module_config = text_keep(r, value->text);
}

/* Beyond what a worker has blocks for only a module that streams gets; which do, only they know. */
static void body_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	hz_site_read_size(r, key, 0, INT64_MAX, &rr->route->body_bytes_max);
}

static const struct hz_site_key module_keys[] = {
	{ "file", file_read, true },
	{ "config", config_read, false },
	{ "body", body_read, false },
};

void hz_site_module_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	rr->route->handler = HZ_HANDLER_MODULE;
	rr->route->module_config = "";
	snprintf(where, sizeof(where), "'module' of %s", rr->where);
	hz_site_read_map(r, key->value, where, module_keys, HZ_ARRAY_LEN(module_keys), rr);
}

/* --- routes of the program ------------------------------------------------------------------------- */

/* `match: TEXT`, as if it had been in a file. */
static void match_read(struct hz_site_reader *r, const char *match, struct hz_site_route *route)
{
	struct hz_site_route_read rr = { .route = route };
	struct hz_yaml_node value = {
		.kind = HZ_YAML_SCALAR,
		.text = { (const uint8_t *)match, strlen(match) },
	};
	struct hz_yaml_node key = {
		.kind = HZ_YAML_SCALAR,
		.text = HZ_SPAN_LITERAL("match"),
		.value = &value,
	};

	hz_site_match_read(r, &key, &rr);
}

static void own_read(struct hz_site_reader *r, const struct hz_site_own *own,
                     struct hz_site_route *route)
{
	const struct hz_site *site = r->site;
	const struct hz_yaml_node nowhere = { 0 };

	if (own->name == NULL)
		hz_route_name_make(hz_span_text(own->match), (struct hz_span){ NULL, 0 },
		                   route->name);
	else if (hz_site_name_is_good(own->name))
		memcpy(route->name, own->name, strlen(own->name) + 1);
	else
		hz_site_read_fail(r, &nowhere, "not a name of a route");
	route->handler = HZ_HANDLER_OWN;
	route->own = own->own;
	route->paths = site->paths;
	route->body_bytes_max =
		own->body_bytes_max != 0 ? own->body_bytes_max : site->limits.body_bytes;
	match_read(r, own->match, route);
	hz_site_mw_inherit(&route->mw, &site->defaults);
}

static int name_compare(const void *left, const void *right)
{
	const struct hz_site_route *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

/* Without names of their own, and one match: that is a conflict, which whoever builds the routes tells better. */
static bool is_conflict(const struct hz_site_route *a, const struct hz_site_route *b)
{
	return !hz_site_name_is_good(a->name) && (a->methods & b->methods) != 0 &&
	       hz_span_equals(a->pattern, b->pattern);
}

/* Logs and counters know routes by their names. 0, -EINVAL with why, or -ENOMEM. */
static int names_check(const struct hz_site_route *routes, uint32_t count, char *why,
                       size_t why_bytes)
{
	const struct hz_site_route **by_name = calloc(count + 1u, sizeof(*by_name));
	int err = 0;

	if (by_name == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		by_name[i] = &routes[i];
	qsort(by_name, count, sizeof(*by_name), name_compare);
	for (uint32_t i = 1; i < count && err == 0; i++) {
		if (strcmp(by_name[i]->name, by_name[i - 1]->name) != 0 ||
		    is_conflict(by_name[i], by_name[i - 1]))
			continue;
		snprintf(why, why_bytes, "two routes are named '%s'", by_name[i]->name);
		err = -EINVAL;
	}
	free(by_name);
	return err;
}

int hz_site_append(struct hz_site *site, const struct hz_site_own *own, uint32_t count, char *why,
                   size_t why_bytes)
{
	struct hz_site_errors errors = { 0 };
	struct hz_site_reader r = { .site = site, .errors = &errors };
	const uint32_t before = site->route_count;
	struct hz_site_route *routes;

	if (count > (uint32_t)HZ_LIMIT_routes_max - before) {
		snprintf(why, why_bytes, "more than %d routes", HZ_LIMIT_routes_max);
		return -EINVAL;
	}
	routes = hz_site_read_get(&r, (before + (size_t)count) * sizeof(*routes));
	if (routes == NULL)
		return -ENOMEM;
	if (before > 0)
		memcpy(routes, site->route, before * sizeof(*routes));
	for (uint32_t i = 0; i < count && r.err == 0; i++) {
		own_read(&r, &own[i], &routes[before + i]);
		if (errors.count > 0) {
			snprintf(why, why_bytes, "route '%s', \"%.60s\": %.100s",
			         own[i].name != NULL ? own[i].name : routes[before + i].name,
			         own[i].match, errors.error[0].text);
			return -EINVAL;
		}
	}
	if (r.err == 0)
		r.err = names_check(routes, before + count, why, why_bytes);
	if (r.err != 0)
		return r.err;
	site->route = routes;
	site->route_count = before + count;
	return 0;
}
