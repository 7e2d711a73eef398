/* `cors: { origins: [https://app.example.org], methods: [GET, PUT], headers: [X-Token], max_age: 10m }` */
#include "config/site_mw.h"

#include "core/span_ops.h"

#define ITEMS_MAX      64u
#define ITEM_BYTES_MAX 64u
#define ORIGIN_MAX     300u
#define MAX_AGE_NS     (24 * 3600 * HZ_NS_PER_S) /* no browser keeps a preflight's answer longer */

struct cors_read {
	struct hz_mw_cors_conf *conf;
	bool has_wildcard; /* in a list of names */
};

static bool is_scheme(struct hz_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!((c >= 'a' && c <= 'z') ||
		      (i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))))
			return false;
	}
	return text.len > 0;
}

/* As a browser serialises host and port: no upper case, nothing but these bytes. */
static bool is_authority(struct hz_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		      c == '_' || c == ':' || c == '[' || c == ']'))
			return false;
	}
	return text.len > 0;
}

/* RFC 6454 6.2, compared byte by byte. A default port is never sent, so it could never match. */
static const char *origin_problem(struct hz_span origin)
{
	static const struct {
		struct hz_span scheme, port;
	} standard[] = {
		{ HZ_SPAN_LITERAL("http"), HZ_SPAN_LITERAL(":80") },
		{ HZ_SPAN_LITERAL("https"), HZ_SPAN_LITERAL(":443") },
	};
	struct hz_span scheme = hz_span_first(origin, hz_span_find(origin, ':'));
	struct hz_span rest = hz_span_skip(origin, scheme.len);

	if (hz_span_equals(origin, HZ_SPAN_LITERAL("*")))
		return "'*' stands alone: origins: \"*\"";
	if (!is_scheme(scheme) || !hz_span_starts_with(rest, HZ_SPAN_LITERAL("://")) ||
	    !is_authority(hz_span_skip(rest, 3)))
		return "an origin is scheme://host or scheme://host:port, in lower case";
	for (size_t i = 0; i < HZ_ARRAY_LEN(standard); i++) {
		struct hz_span port = standard[i].port;

		if (hz_span_equals(scheme, standard[i].scheme) && rest.len > port.len &&
		    hz_span_equals(hz_span_skip(rest, rest.len - port.len), port))
			return "browsers leave the scheme's own port out";
	}
	return NULL;
}

static bool origin_read(struct hz_site_reader *r, const struct hz_yaml_node *item,
                        struct hz_span *out)
{
	const char *problem = "an origin is scheme://host or scheme://host:port, in lower case";

	if (item->is_broken)
		return false;
	if (item->kind == HZ_YAML_SCALAR && item->text.len <= ORIGIN_MAX)
		problem = origin_problem(item->text);
	if (problem != NULL) {
		hz_site_read_fail(r, item, "%s", problem);
		return false;
	}
	return hz_site_read_copy(r, item->text, out);
}

static void origins_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_cors_conf *conf = ((struct cors_read *)into)->conf;
	const struct hz_yaml_node *list;
	struct hz_span *origin;

	if (key->value->kind == HZ_YAML_SCALAR &&
	    hz_span_equals(key->value->text, HZ_SPAN_LITERAL("*"))) {
		conf->is_any = true;
		return;
	}
	list = hz_site_read_list(r, key, HZ_LIMIT_cors_origins_max);
	if (list == NULL)
		return;
	if (list->count == 0)
		hz_site_read_fail(r, key, "'origins' names no origin");
	origin = hz_site_read_get(r, (list->count + 1u) * sizeof(*origin));
	if (origin == NULL)
		return;
	conf->origin = origin;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next)
		conf->origin_count += origin_read(r, item, &origin[conf->origin_count]);
}

/* A list of tokens as one value: "GET, PUT". */
static void tokens_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                        struct cors_read *cors, struct hz_span *out)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, ITEMS_MAX);
	uint8_t *text;
	size_t used = 0;

	if (list == NULL)
		return;
	text = hz_site_read_get(r, list->count * (size_t)(ITEM_BYTES_MAX + 2) + 1);
	if (text == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		if (item->is_broken)
			continue;
		if (item->kind != HZ_YAML_SCALAR || !hz_span_is_token(item->text) ||
		    item->text.len > ITEM_BYTES_MAX) {
			hz_site_read_fail(r, item, "'%.*s' is no token", HZ_SITE_WORD(item->text));
			continue;
		}
		cors->has_wildcard |= hz_span_equals(item->text, HZ_SPAN_LITERAL("*"));
		if (used > 0) {
			memcpy(text + used, ", ", 2);
			used += 2;
		}
		memcpy(text + used, item->text.data, item->text.len);
		used += item->text.len;
	}
	*out = (struct hz_span){ text, used };
}

static void methods_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct cors_read *cors = into;

	tokens_read(r, key, cors, &cors->conf->methods);
}

static void headers_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct cors_read *cors = into;

	tokens_read(r, key, cors, &cors->conf->headers);
}

static void expose_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct cors_read *cors = into;

	tokens_read(r, key, cors, &cors->conf->expose);
}

static void credentials_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct cors_read *cors = into;

	(void)hz_site_read_bool(r, key, &cors->conf->has_credentials);
}

static void max_age_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct cors_read *cors = into;
	uint64_t ns;

	if (hz_site_read_time(r, key, HZ_NS_PER_S, MAX_AGE_NS, &ns))
		cors->conf->max_age_s = (uint32_t)(ns / HZ_NS_PER_S);
}

static const struct hz_site_key cors_keys[] = {
	{ "origins", origins_read, true },          { "methods", methods_read, false },
	{ "headers", headers_read, false },         { "expose", expose_read, false },
	{ "credentials", credentials_read, false }, { "max_age", max_age_read, false },
};

void hz_site_mw_cors_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          struct hz_mw_set *set)
{
	struct cors_read cors = { 0 };

	if (key->value->is_broken)
		return;
	cors.conf = hz_site_read_get(r, sizeof(*cors.conf));
	if (cors.conf == NULL ||
	    !hz_site_read_map(r, key->value, "'cors'", cors_keys, HZ_ARRAY_LEN(cors_keys), &cors))
		return;
	if (cors.conf->has_credentials && cors.conf->is_any)
		hz_site_read_fail(
			r, key,
			"'credentials' with origins \"*\" would let every page act as its "
			"visitor: list the origins");
	else if (cors.conf->has_credentials && cors.has_wildcard)
		hz_site_read_fail(r, key, "'*' in a list means nothing with 'credentials'");
	else
		set->cors = cors.conf;
}
