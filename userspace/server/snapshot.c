#include "server/snapshot.h"
#include "api/api_module.h"
#include "handlers/answer.h"
#include "handlers/bytes.h"
#include "handlers/delay.h"
#include "handlers/echo.h"
#include "handlers/redirect.h"
#include "handlers/respond.h"
#include "router/host_map.h"
#include "server/jwt_keys.h"
#include "server/log_writer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where people find a route: in the file, or in the program. */
static const char *place_of(const struct hz_site_route *route, char out[32])
{
	if (route->handler == HZ_HANDLER_OWN)
		return "the program";
	snprintf(out, 32, "line %u", route->line);
	return out;
}

/* Names of the parameters in a pattern, in order: ":id", "*path". */
static struct hz_handler_params pattern_params(struct hz_span pattern,
                                               struct hz_span name[HZ_LIMIT_route_params_max])
{
	struct hz_handler_params params = { .name = name };
	size_t at = 0;

	while (at < pattern.len) {
		bool is_param = at > 0 && pattern.data[at - 1] == '/' &&
		                (pattern.data[at] == ':' || pattern.data[at] == '*');
		size_t end = at + 1;

		if (is_param && params.count < HZ_LIMIT_route_params_max) {
			while (end < pattern.len && pattern.data[end] != '/')
				end++;
			name[params.count++] =
				(struct hz_span){ pattern.data + at + 1, end - at - 1 };
		}
		at = end;
	}
	return params;
}

static int respond_build(const struct hz_site_route *route, const struct hz_handler_params *params,
                         struct hz_handler *out)
{
	struct hz_respond_member *member = NULL;
	struct hz_respond_conf conf = {
		.status = route->status,
		.content_type = route->content_type,
		.body = route->body,
		.json_count = route->json_count,
		.params = *params,
	};
	int err;

	if (route->json_count > 0) {
		member = calloc(route->json_count, sizeof(*member));
		if (member == NULL)
			return -ENOMEM;
		for (uint32_t i = 0; i < route->json_count; i++)
			member[i] = (struct hz_respond_member){ route->json[i].key,
				                                route->json[i].value };
		conf.json = member;
	}
	err = hz_respond_build(&conf, out);
	free(member);
	return err;
}

/* why, if it has something to say, is whose handler it is. */
static int handler_build(const struct hz_snapshot *snapshot, const struct hz_site_route *route,
                         const struct hz_handler_params *params, struct hz_handler *out, char *why,
                         size_t why_bytes)
{
	struct hz_bytes_conf bytes = { route->count_param, route->count_max, *params };
	struct hz_redirect_conf redirect = { route->status, route->redirect_to, *params };

	switch (route->handler) {
	case HZ_HANDLER_RESPOND:
		return respond_build(route, params, out);
	case HZ_HANDLER_BYTES:
		return hz_bytes_build(&bytes, out);
	case HZ_HANDLER_ECHO:
		hz_echo_build(out);
		return 0;
	case HZ_HANDLER_REDIRECT:
		return hz_redirect_build(&redirect, out);
	case HZ_HANDLER_EVENTS:
	case HZ_HANDLER_LINES:
	case HZ_HANDLER_PUBLISH:
		return hz_snapshot_topics_build(snapshot, route, out);
	case HZ_HANDLER_MODULE:
		return hz_api_module_build(route->own, route->name, route->module_config, out, why,
		                           why_bytes);
	case HZ_HANDLER_OWN:
		return hz_api_handler_build(route->own, out);
	case HZ_HANDLER_FILES: /* snapshot_files.c */
		break;
	}
	return -EINVAL;
}

static int route_build(const struct hz_snapshot_conf *conf, uint32_t index,
                       struct hz_snapshot *snapshot, struct hz_snapshot_route *out,
                       struct hz_err *err)
{
	const struct hz_site_route *route = &conf->site->route[index];
	struct hz_span name[HZ_LIMIT_route_params_max];
	struct hz_handler_params params = pattern_params(route->pattern, name);
	char why[256] = "", place[32];
	int status;

	out->body_bytes_max = route->body_bytes_max;
	out->name = (struct hz_span){ (const uint8_t *)route->name, strlen(route->name) };
	if (route->handler == HZ_HANDLER_FILES) {
		status = hz_snapshot_files_build(conf, index, &params, &snapshot->watch,
		                                 &out->handler, err);
		if (status != 0)
			return status;
	} else {
		status = handler_build(snapshot, route, &params, &out->handler, why, sizeof(why));
	}
	if (status == 0 && route->delay_ns > 0)
		status = hz_delay_build(route->delay_ns, &out->handler);
	if (status != 0)
		hz_err_set(err, status, 2, "bad_handler", "", "%s: route '%s': %s",
		           place_of(route, place), route->name,
		           why[0] != '\0' ? why : strerror(-status));
	return status;
}

static struct hz_route_conf route_conf(const struct hz_site_route *route)
{
	return (struct hz_route_conf){
		.pattern = route->pattern,
		.methods = route->methods,
		.host = route->host,
		.host_count = route->host_count,
		.paths = {
			.slash = (enum hz_route_slash)route->paths.encoded_slash,
			.trailing = (enum hz_route_trailing)route->paths.trailing_slash,
			.merge = route->paths.duplicate_slashes == HZ_SITE_SLASHES_MERGE,
			.refuse_dots = route->paths.dot_segments == HZ_SITE_DOTS_REFUSE,
		},
	};
}

static int table_build(struct hz_snapshot *snapshot, struct hz_err *err)
{
	const struct hz_site *site = snapshot->site;
	struct hz_route_conf *routes = calloc(site->route_count + 1u, sizeof(*routes));
	struct hz_radix_conflict conflict = { 0 };
	struct hz_route_table *table = NULL;
	char first[32], second[32];
	int status;

	if (routes == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "",
		                  "Cannot allocate memory for routes");
	for (uint32_t i = 0; i < site->route_count; i++)
		routes[i] = route_conf(&site->route[i]);
	status = hz_route_table_build(routes, site->route_count, &table, &conflict);
	free(routes);
	snapshot->table = table;
	if (status == -EEXIST)
		return hz_err_set(err, -EINVAL, 2, "route_conflict", "",
		                  "%s: route '%s' claims the same requests as '%s' of %s: %s",
		                  place_of(&site->route[conflict.second], second),
		                  site->route[conflict.second].name,
		                  site->route[conflict.first].name,
		                  place_of(&site->route[conflict.first], first), conflict.why);
	if (status == -EINVAL)
		return hz_err_set(err, status, 2, "bad_route", "", "%s: route '%s': %s",
		                  place_of(&site->route[conflict.first], first),
		                  site->route[conflict.first].name,
		                  conflict.why != NULL ? conflict.why : "bad pattern");
	if (status != 0)
		return hz_err_set(err, status, 5, "memory", "", "routes: %s", strerror(-status));
	return 0;
}

/* In no pattern and no name of a host: both are UTF-8. */
#define SAMPLE_BYTE 0xffu

/* A path that only this pattern's parameters can match. */
static size_t sample_path(struct hz_span pattern, uint8_t *out)
{
	size_t used = 0, at = 0;

	while (at < pattern.len) {
		if (at > 0 && pattern.data[at - 1] == '/' &&
		    (pattern.data[at] == ':' || pattern.data[at] == '*')) {
			out[used++] = SAMPLE_BYTE;
			while (at < pattern.len && pattern.data[at] != '/')
				at++;
			continue;
		}
		out[used++] = pattern.data[at++];
	}
	return used;
}

/* A host that only this name stands for. */
static struct hz_span sample_host(struct hz_span name, uint8_t out[HZ_HOST_NAME_MAX])
{
	memcpy(out, name.data, name.len);
	if (name.data[0] == '*')
		out[0] = SAMPLE_BYTE;
	return (struct hz_span){ out, name.len };
}

/* Whether the route is found by its own path with each of its methods, at the host asked for. */
static bool route_finds_itself(const struct hz_snapshot *snapshot, uint32_t index,
                               struct hz_route_ask *ask)
{
	for (uint32_t bit = 1; bit < HZ_METHOD_BIT(HZ_HTTP_METHOD_COUNT); bit <<= 1) {
		struct hz_route_match match;

		hz_arena_reset(ask->arena);
		ask->method = bit;
		if ((snapshot->site->route[index].methods & bit) != 0 &&
		    (hz_route_table_find(snapshot->table, ask, &match) != HZ_ROUTE_FOUND ||
		     match.radix.route != index))
			return false;
	}
	return true;
}

/* Every route must find itself at each of its hosts. */
static int self_test(const struct hz_snapshot *snapshot, struct hz_err *err)
{
	struct hz_arena arena;

	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		const struct hz_site_route *route = &snapshot->site->route[i];
		/* The path; then what a lookup needs of it: decoded, and where its slashes are. */
		size_t room = (route->pattern.len + 7) & ~(size_t)7, scratch = 2 * room + 64;
		uint8_t *path = malloc(room + scratch), host[HZ_HOST_NAME_MAX];
		struct hz_route_ask ask = { .arena = &arena };
		bool found = path != NULL;
		char place[32];

		if (found) {
			hz_arena_init(&arena, path + room, scratch);
			ask.path = (struct hz_span){ path, sample_path(route->pattern, path) };
		}
		if (found && route->host_count == 0)
			found = route_finds_itself(snapshot, i, &ask);
		for (uint32_t k = 0; found && k < route->host_count; k++) {
			ask.host = sample_host(route->host[k], host);
			found = route_finds_itself(snapshot, i, &ask);
		}
		free(path);
		if (!found)
			return hz_err_set(err, -EINVAL, 70, "self_test",
			                  "report this with the site file",
			                  "%s: route '%s' does not find itself",
			                  place_of(route, place), route->name);
	}
	return 0;
}

static struct hz_http_limits limits_build(const struct hz_site *site, const struct hz_tune *tune)
{
	return (struct hz_http_limits){
		.header_bytes = site->limits.header_bytes,
		.header_count = site->limits.header_count,
		.uri_bytes = site->limits.uri_bytes,
		.body_bytes = site->limits.body_bytes,
		.requests_per_connection = site->limits.requests_per_connection,
		.connections_per_source = site->limits.connections_per_source,
		.lifetime_ns = site->limits.connection_lifetime_ns,
		.header_timeout_ns = tune->timeout_header_ms * HZ_NS_PER_MS,
		.idle_timeout_ns = tune->timeout_idle_ms * HZ_NS_PER_MS,
		.answer_timeout_ns = tune->timeout_answer_ms * HZ_NS_PER_MS,
	};
}

static int handlers_build(const struct hz_snapshot_conf *conf, struct hz_snapshot *snapshot,
                          struct hz_snapshot_route *routes, struct hz_err *err)
{
	int status = 0;

	if (hz_snapshot_has_files(snapshot))
		(void)hz_files_watch_open(&snapshot->watch); /* without it: files_follow.c */
	for (uint32_t i = 0; i < conf->site->route_count && status == 0; i++) {
		const struct hz_site_route *route = &conf->site->route[i];

		if (route->handler == HZ_HANDLER_MODULE && route->own == NULL)
			continue; /* one of the problems, and told */
		status = hz_site_problem(conf->all,
		                         route->files != NULL ? &route->files->at : &route->at,
		                         route_build(conf, i, snapshot, &routes[i], err), err);
	}
	return status;
}

static int chains_build(struct hz_snapshot *snapshot, struct hz_snapshot_route *routes,
                        struct hz_err *err)
{
	const struct hz_site *site = snapshot->site;
	const char *which = "";
	char place[32];
	int status;

	for (uint32_t i = 0; i < site->route_count; i++) {
		status = hz_chain_build(&site->route[i].mw, &routes[i].chain, &which);
		if (status != 0)
			return hz_err_set(err, status, 2, "bad_middleware", "",
			                  "%s: route '%s': %s: %s",
			                  place_of(&site->route[i], place), site->route[i].name,
			                  which, strerror(-status));
		routes[i].chain.route = routes[i].name;
	}
	status = hz_chain_build(&site->defaults, &snapshot->chain, &which);
	if (status != 0)
		return hz_err_set(err, status, 2, "bad_middleware", "", "defaults: %s: %s", which,
		                  strerror(-status));
	return 0;
}

static void routes_free(struct hz_snapshot_route *routes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		hz_handler_free(&routes[i].handler);
		hz_chain_free(&routes[i].chain);
	}
	free(routes);
}

int hz_snapshot_build(const struct hz_snapshot_conf *conf, struct hz_snapshot **out,
                      struct hz_err *err)
{
	struct hz_snapshot *snapshot =
		aligned_alloc(_Alignof(struct hz_snapshot), sizeof(*snapshot));
	struct hz_site *site = conf->site;
	struct hz_snapshot_route *routes = calloc(site->route_count + 1u, sizeof(*routes));
	struct hz_topic **topic = calloc(site->topic_count, sizeof(struct hz_topic *));
	uint32_t *late = calloc(site->route_count + 1u, sizeof(*late));
	int status;

	if (snapshot == NULL || routes == NULL || topic == NULL || late == NULL) {
		free(snapshot);
		free(routes);
		free(topic);
		free(late);
		return hz_err_set(err, -ENOMEM, 5, "memory", "",
		                  "Cannot allocate memory for %u routes", site->route_count);
	}
	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->site = site;
	snapshot->routes = routes;
	snapshot->topic = topic;
	snapshot->late = late;
	snapshot->topic_count = site->topic_count;
	snapshot->generation = conf->generation;
	snapshot->limits = limits_build(site, conf->tune);
	snapshot->watch.fd = -1;
	status = hz_snapshot_topics_get(conf, snapshot, err);
	if (status == 0)
		status = handlers_build(conf, snapshot, routes, err);
	if (status == 0)
		status = hz_jwt_keys_load(site, conf->all, err);
	if (status == 0 && conf->all != NULL && conf->all->count > 0)
		status = hz_err_set(err, -EINVAL, 2, "bad_config", "", "%u problems",
		                    conf->all->count);
	if (status == 0)
		status = chains_build(snapshot, routes, err);
	if (status == 0)
		status = table_build(snapshot, err);
	if (status == 0)
		status = self_test(snapshot, err);
	if (status != 0) {
		if (site->refs == 1)
			hz_jwt_keys_unload(site);
		snapshot->site = NULL; /* stays the caller's */
		snapshot->routes = NULL;
		routes_free(routes, site->route_count);
		hz_snapshot_free(snapshot);
		return status;
	}
	*out = snapshot;
	return 0;
}

/* With the last snapshot of a site goes what was opened for it. */
static void site_put(struct hz_site *site)
{
	if (site != NULL && site->refs == 1) {
		hz_log_writer_unbind(site);
		hz_jwt_keys_unload(site);
	}
	hz_site_free(site);
}

void hz_snapshot_free(struct hz_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	if (snapshot->site != NULL)
		routes_free((struct hz_snapshot_route *)(uintptr_t)snapshot->routes,
		            snapshot->site->route_count);
	for (uint32_t i = 0; i < snapshot->topic_count; i++)
		hz_topic_put(snapshot->topic[i]);
	free(snapshot->topic);
	free(snapshot->late);
	hz_chain_free(&snapshot->chain);
	hz_route_table_free((struct hz_route_table *)(uintptr_t)snapshot->table);
	hz_files_watch_close(&snapshot->watch);
	site_put(snapshot->site);
	free(snapshot);
}

bool hz_snapshot_is_pinned(const struct hz_snapshot *snapshot)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		count += __atomic_load_n(&snapshot->pins[i].count, __ATOMIC_ACQUIRE);
	return count != 0;
}
