/* The model knows rules, not trees: it splits everything at its slashes and dots, and sorts the routes
 * that match by how much they say. It shares no code with the router. */
#include "route_diff.h"

#include "core/base.h"
#include "core/rng.h"
#include "router/route_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROUTES_MAX   16
#define SEGMENTS_MAX 24
#define TEXT_MAX     256
#define METHODS      7u /* three bits */

/* A path or pattern: what stands between its slashes, the part before the first left out. */
struct parts {
	uint32_t count;
	struct {
		const char *at;
		size_t len;
	} part[SEGMENTS_MAX];
};

struct model_route {
	char pattern[TEXT_MAX];
	struct parts parts;
	struct hz_span host[2];
	struct hz_route_conf conf;
};

struct model {
	struct model_route route[ROUTES_MAX];
	uint32_t count;
};

/* How well a route fits; the lowest wins, place by place. */
struct fit {
	uint32_t host;     /* labels that the route's host leaves open; many: it has none */
	uint32_t spelling; /* 0 as it is, 1 merged, 2 and 3 with the other end */
	char kind[SEGMENTS_MAX + 1]; /* s: static, t: parameter, w: wildcard */
};

/* What a path held before it was decoded. */
struct spelled {
	bool dots, slash;
};

struct answer {
	enum hz_route_result result;
	uint32_t route, allow;
	struct parts path; /* that the route matched */
	char text[TEXT_MAX];
};

static void split(const char *text, size_t len, struct parts *out)
{
	out->count = 0;
	for (size_t i = 1; i <= len; i++) {
		size_t end = i;

		while (end < len && text[end] != '/')
			end++;
		out->part[out->count].at = text + i;
		out->part[out->count++].len = end - i;
		i = end;
	}
}

static uint32_t pick(struct hz_rng *rng, uint32_t bound)
{
	return (uint32_t)hz_rng_below(rng, bound);
}

/* --- the model's opinion ------------------------------------------------------------------------ */

/* One host's name against a request's, both in pieces of text: labels left open, or -1. */
static int host_open_labels(struct hz_span name, const char *host)
{
	const char *suffix = (const char *)name.data + 1;
	size_t have = strlen(host), want = name.len - 1;
	int labels = 1;

	if (name.data[0] != '*')
		return strncmp((const char *)name.data, host, name.len) == 0 && have == name.len
		               ? 0
		               : -1;
	if (have <= want || strncmp(host + have - want, suffix, want) != 0)
		return -1;
	for (size_t i = 0; i < have - want; i++)
		labels += host[i] == '.';
	return labels;
}

static bool host_fit(const struct model_route *route, const char *host, uint32_t *out)
{
	*out = 1000;
	for (uint32_t i = 0; i < route->conf.host_count; i++) {
		int open = host_open_labels(route->host[i], host);

		if (open >= 0 && (uint32_t)open < *out)
			*out = (uint32_t)open;
	}
	return route->conf.host_count == 0 || *out < 1000;
}

static bool parts_fit(const struct parts *pattern, const struct parts *path, char *kind)
{
	for (uint32_t i = 0; i < pattern->count; i++) {
		const char *at = pattern->part[i].at;
		size_t len = pattern->part[i].len;

		if (i >= path->count)
			return false;
		kind[i] = len > 0 && *at == '*' ? 'w' : len > 0 && *at == ':' ? 't' : 's';
		kind[i + 1] = 0;
		if (kind[i] == 'w')
			return true;
		if (kind[i] == 't'
		            ? path->part[i].len == 0
		            : path->part[i].len != len || memcmp(path->part[i].at, at, len) != 0)
			return false;
	}
	return pattern->count == path->count;
}

/* The path with a slash more or less at its end; false: it has no such spelling. */
static bool other_end(const struct parts *path, struct parts *out)
{
	uint32_t last = path->count - 1;

	*out = *path;
	if (last > 0 && path->part[0].len == 0)
		return false; /* "//host" is no path to be sent to */
	if (path->part[last].len > 0) {
		out->part[out->count++].len = 0;
		return true;
	}
	out->count--;
	return last > 0 && path->part[last - 1].len > 0;
}

static void merge(const struct parts *path, struct parts *out)
{
	out->count = 0;
	for (uint32_t i = 0; i < path->count; i++) {
		if (path->part[i].len > 0 || i + 1 == path->count)
			out->part[out->count++] = path->part[i];
	}
}

static bool has_empty(const struct parts *path)
{
	for (uint32_t i = 0; i + 1 < path->count; i++) {
		if (path->part[i].len == 0)
			return true;
	}
	return false;
}

static bool route_fit(const struct model_route *route, const char *host, const struct parts *path,
                      struct fit *fit, struct parts *matched)
{
	struct parts other;
	bool is_merged = route->conf.paths.merge && has_empty(path);

	if (!host_fit(route, host, &fit->host))
		return false;
	*matched = *path;
	if (is_merged)
		merge(path, matched);
	fit->spelling = is_merged;
	if (parts_fit(&route->parts, matched, fit->kind))
		return true;
	fit->spelling += 2;
	if (route->conf.paths.trailing == HZ_ROUTE_TRAILING_STRICT || !other_end(matched, &other))
		return false;
	*matched = other;
	return parts_fit(&route->parts, matched, fit->kind);
}

static bool fit_is_better(const struct fit *a, const struct fit *b)
{
	if (a->host != b->host)
		return a->host < b->host;
	if (a->spelling != b->spelling)
		return a->spelling < b->spelling;
	return strcmp(a->kind, b->kind) < 0;
}

/* `refuse` looks at the path as sent, `param` at what the wildcard got. */
static bool slash_is_refused(const struct model_route *route, const struct parts *path,
                             bool was_sent)
{
	const struct parts *pattern = &route->parts;
	uint32_t last = pattern->count - 1;
	bool is_wild = pattern->part[last].len > 0 && *pattern->part[last].at == '*';

	if (route->conf.paths.slash != HZ_ROUTE_SLASH_PARAM)
		return was_sent && route->conf.paths.slash == HZ_ROUTE_SLASH_REFUSE;
	for (uint32_t i = last; is_wild && i < path->count; i++) {
		if (memchr(path->part[i].at, 0, path->part[i].len) != NULL)
			return true;
	}
	return false;
}

static void best_find(const struct model *model, uint32_t method, const char *host,
                      const struct parts *path, struct spelled spelled, struct answer *out)
{
	struct fit best = { .host = UINT32_MAX };

	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_route *route = &model->route[i];
		struct parts matched;
		struct fit fit;

		if (!route_fit(route, host, path, &fit, &matched))
			continue;
		out->allow |= route->conf.methods;
		if ((route->conf.methods & method) == 0 || !fit_is_better(&fit, &best))
			continue;
		best = fit;
		out->route = i;
		out->path = matched;
	}
	if (best.host == UINT32_MAX) {
		out->result = out->allow != 0 ? HZ_ROUTE_METHOD : HZ_ROUTE_NOT_FOUND;
		return;
	}
	out->result = HZ_ROUTE_FOUND;
	if ((spelled.dots && model->route[out->route].conf.paths.refuse_dots) ||
	    slash_is_refused(&model->route[out->route], &out->path, spelled.slash))
		out->result = HZ_ROUTE_BAD;
	else if (best.spelling > 1 &&
	         model->route[out->route].conf.paths.trailing == HZ_ROUTE_TRAILING_REDIRECT)
		out->result = HZ_ROUTE_REDIRECT;
}

/* --- requests ----------------------------------------------------------------------------------- */

static const char *const words[] = { "a", "ab", "b", "", "user", "a-segment-longer-than-a-label" };
static const char *const names[] = {
	"a.ex", "*.ex", "c.b.ex", "*.b.ex", "*.x.b.ex", "b.ex", "[::1]"
};
static const char *const hosts[] = { "a.ex", "b.ex",   "c.b.ex",   "d.b.ex", "q.x.b.ex", "ex",
	                             "",     "b.x.ex", "n.m.b.ex", "[::1]",  "10.0.0.1", "x.b.ex" };

/* Returns where the text ends now. */
static size_t append(char *text, size_t at, const char *more)
{
	return at + (size_t)snprintf(text + at, TEXT_MAX - at, "%s", more);
}

/* The host as a client may write it. */
static void host_write(struct hz_rng *rng, const char *host, char *out)
{
	size_t len = strlen(host);

	memcpy(out, host, len + 1);
	for (size_t i = 0; i < len && pick(rng, 4) == 0; i++)
		out[i] = (char)(out[i] >= 'a' && out[i] <= 'z' ? out[i] - 32 : out[i]);
	if (len > 0 && host[0] != '[' && pick(rng, 6) == 0)
		len = append(out, len, ".");
	if (len > 0 && pick(rng, 4) == 0)
		append(out, len, pick(rng, 2) ? ":8080" : ":");
}

/* The i-th word of a request's path: any, or what a route has there, and at its end now and then one more
 * that is empty. */
static const char *word_pick(struct hz_rng *rng, const struct model_route *like, uint32_t i,
                             char out[TEXT_MAX])
{
	const char *at;
	size_t len;

	if (like == NULL || i >= like->parts.count)
		return i == 0 || like == NULL ? words[pick(rng, HZ_ARRAY_LEN(words))] : "";
	at = like->parts.part[i].at;
	len = like->parts.part[i].len;
	if (len > 0 && (*at == ':' || *at == '*'))
		return words[pick(rng, HZ_ARRAY_LEN(words))];
	memcpy(out, at, len);
	out[len] = 0;
	return out;
}

/* A path as sent and what it decodes to, where 0 stands for %2F; false: ".." goes above the root. */
static bool path_write(struct hz_rng *rng, const struct model_route *like, char *raw,
                       struct parts *parts, char *text, struct spelled *spelled)
{
	static const char *const special[][2] = { { ".", "." },        { "..", ".." },
		                                  { "%2e", "." },      { "%41b", "Ab" },
		                                  { "x%2Fy", "x\1y" }, { "%2f", "\1" } };
	uint32_t segments = like == NULL ? 1 + pick(rng, 5) : like->parts.count + !pick(rng, 4);
	uint32_t depth = 0;
	bool is_above = false, is_dots = false;
	size_t used = 0, sent_bytes = 0;

	*raw = 0;
	*spelled = (struct spelled){ 0 };
	parts->count = 0;
	for (uint32_t i = 0; i < segments; i++) {
		char own[TEXT_MAX];
		uint32_t kind = pick(rng, 24), which = pick(rng, HZ_ARRAY_LEN(special));
		const char *sent = word_pick(rng, like, i, own), *meant = sent;
		size_t len;

		if (kind == 0) {
			sent = special[which][0];
			meant = special[which][1];
		}
		sent_bytes = append(raw, append(raw, sent_bytes, "/"), sent);
		is_dots = strcmp(meant, ".") == 0 || strcmp(meant, "..") == 0;
		spelled->dots |= is_dots;
		spelled->slash |= strchr(meant, 1) != NULL;
		if (is_dots) {
			is_above |= meant[1] == '.' && depth == 0;
			depth -= meant[1] == '.' && depth > 0;
			continue;
		}
		len = strlen(meant);
		parts->part[depth].at = memcpy(text + used, meant, len);
		parts->part[depth++].len = len;
		for (size_t k = 0; k < len; k++)
			text[used + k] = text[used + k] == 1 ? 0 : text[used + k];
		used += len;
	}
	if (is_dots) /* "/a/.." is "/", "/a/." is "/a/" */
		parts->part[depth++].len = 0;
	parts->count = depth;
	return !is_above;
}

/* --- sites --------------------------------------------------------------------------------------- */

static void pattern_write(struct hz_rng *rng, char *out)
{
	uint32_t segments = 1 + pick(rng, 5);
	size_t at = 0;

	for (uint32_t i = 0; i < segments; i++) {
		uint32_t kind = pick(rng, 16);

		if (kind < 5)
			at += (size_t)snprintf(out + at, TEXT_MAX - at, "/:p%u", i);
		else if (kind == 5 && i + 1 == segments)
			at += (size_t)snprintf(out + at, TEXT_MAX - at, "/*w");
		else
			at += (size_t)snprintf(out + at, TEXT_MAX - at, "/%s",
			                       words[pick(rng, HZ_ARRAY_LEN(words))]);
	}
}

static void route_write(struct hz_rng *rng, bool is_strict, struct model_route *route)
{
	struct hz_route_conf *conf = &route->conf;

	pattern_write(rng, route->pattern);
	split(route->pattern, strlen(route->pattern), &route->parts);
	*conf = (struct hz_route_conf){
		.pattern = { (const uint8_t *)route->pattern, strlen(route->pattern) },
		.methods = 1 + pick(rng, METHODS),
		.host = route->host,
	};
	while (conf->host_count < 2 && pick(rng, 3) == 0) {
		const char *name = names[pick(rng, HZ_ARRAY_LEN(names))];

		route->host[conf->host_count++] =
			(struct hz_span){ (const uint8_t *)name, strlen(name) };
	}
	if (conf->host_count == 2 && route->host[0].data == route->host[1].data)
		conf->host_count = 1;
	if (!is_strict)
		conf->paths = (struct hz_route_paths){ pick(rng, 3), pick(rng, 3), pick(rng, 2),
			                               pick(rng, 2) };
}

/* Random routes; those that conflict with earlier ones are left out, as build says. */
static struct hz_route_table *site_build(struct hz_rng *rng, struct model *model)
{
	uint32_t wanted = 1 + pick(rng, ROUTES_MAX);
	bool is_strict = pick(rng, 4) == 0;
	struct hz_route_table *table = NULL;

	model->count = 0;
	while (wanted-- > 0) {
		struct hz_route_conf conf[ROUTES_MAX];
		struct hz_radix_conflict conflict;
		struct hz_route_table *more;

		route_write(rng, is_strict, &model->route[model->count]);
		for (uint32_t i = 0; i <= model->count; i++)
			conf[i] = model->route[i].conf;
		if (hz_route_table_build(conf, model->count + 1, &more, &conflict) != 0)
			continue;
		hz_route_table_free(table);
		table = more;
		model->count++;
	}
	return table;
}

/* --- both --------------------------------------------------------------------------------------- */

/* Whether the values are the path's parts at the places of the pattern's parameters. */
static bool values_agree(const struct parts *pattern, const struct parts *path,
                         const struct hz_radix_match *match)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pattern->count; i++) {
		const char *at = pattern->part[i].at;
		char want[TEXT_MAX];
		size_t len = 0;

		if (pattern->part[i].len == 0 || (*at != ':' && *at != '*'))
			continue;
		for (uint32_t k = i; k < (*at == '*' ? path->count : i + 1); k++) {
			if (k > i)
				want[len++] = '/';
			for (size_t b = 0; b < path->part[k].len; b++)
				want[len++] = path->part[k].at[b] == 0 ? '/' : path->part[k].at[b];
		}
		if (n >= match->param_count || match->value[n].len != len ||
		    memcmp(match->value[n].data, want, len) != 0 ||
		    match->name[n].len != pattern->part[i].len - 1 ||
		    memcmp(match->name[n].data, at + 1, pattern->part[i].len - 1) != 0)
			return false;
		n++;
	}
	return n == match->param_count;
}

static bool location_agrees(const struct parts *path, struct hz_span location)
{
	char want[TEXT_MAX * 3] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < path->count; i++) {
		want[len++] = '/';
		for (size_t b = 0; b < path->part[i].len; b++) {
			if (path->part[i].at[b] != 0)
				want[len++] = path->part[i].at[b];
			else
				len += (size_t)snprintf(want + len, sizeof(want) - len, "%%2F");
		}
	}
	return len == location.len && memcmp(want, location.data, len) == 0;
}

static bool agrees(const struct model *model, const struct answer *want,
                   enum hz_route_result result, const struct hz_route_match *match)
{
	if (want->result != result)
		return false;
	switch (result) {
	case HZ_ROUTE_FOUND:
		return match->radix.route == want->route &&
		       values_agree(&model->route[want->route].parts, &want->path, &match->radix);
	case HZ_ROUTE_METHOD:
		return match->radix.allow == want->allow;
	case HZ_ROUTE_REDIRECT:
		return location_agrees(&want->path, match->location);
	case HZ_ROUTE_NOT_FOUND:
	case HZ_ROUTE_BAD:
	case HZ_ROUTE_NO_ROOM:
		break;
	}
	return true;
}

static void count(struct route_diff *out, enum hz_route_result result)
{
	out->lookups++;
	out->found += result == HZ_ROUTE_FOUND;
	out->method += result == HZ_ROUTE_METHOD;
	out->redirect += result == HZ_ROUTE_REDIRECT;
	out->bad += result == HZ_ROUTE_BAD;
	out->not_found += result == HZ_ROUTE_NOT_FOUND;
}

static void one_lookup(struct hz_rng *rng, const struct model *model,
                       const struct hz_route_table *table, struct route_diff *out)
{
	const char *name = hosts[pick(rng, HZ_ARRAY_LEN(hosts))];
	char host[TEXT_MAX], raw[TEXT_MAX], text[TEXT_MAX];
	struct answer want = { .result = HZ_ROUTE_BAD };
	struct hz_route_match match;
	enum hz_route_result result;
	uint8_t memory[2048];
	struct hz_arena arena;
	struct hz_route_ask ask = { .method = 1u << pick(rng, 3), .arena = &arena };
	struct parts path;
	struct spelled spelled;

	hz_arena_init(&arena, memory, sizeof(memory));
	host_write(rng, name, host);
	ask.host = (struct hz_span){ (const uint8_t *)host, strlen(host) };
	if (path_write(rng, pick(rng, 2) ? NULL : &model->route[pick(rng, model->count)], raw,
	               &path, text, &spelled))
		best_find(model, ask.method, name, &path, spelled, &want);
	ask.path = (struct hz_span){ (const uint8_t *)raw, strlen(raw) };
	result = hz_route_table_find(table, &ask, &match);
	count(out, want.result);
	if (agrees(model, &want, result, &match))
		return;
	if (out->wrong++ == 0)
		snprintf(out->first, sizeof(out->first),
		         "host '%s' path '%s' method %u: result %d route %u, not %d route %u", host,
		         raw, ask.method, (int)result, match.radix.route, (int)want.result,
		         want.route);
}

void route_diff_run(uint64_t seed, uint32_t sets, uint32_t lookups, struct route_diff *out)
{
	struct model *model = calloc(1, sizeof(*model));
	struct hz_rng rng;

	memset(out, 0, sizeof(*out));
	hz_rng_seed(&rng, seed);
	for (uint32_t set = 0; model != NULL && set < sets; set++) {
		struct hz_route_table *table = site_build(&rng, model);

		for (uint32_t i = 0; table != NULL && i < lookups; i++)
			one_lookup(&rng, model, table, out);
		hz_route_table_free(table);
	}
	free(model);
}
