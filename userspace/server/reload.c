/* A new site under traffic: read, parse, build, self-test, diff, publish with one pointer, reclaim. Any
 * error before the publish leaves everything as it was. */
#include "core/hint.h"
#include "core/log.h"
#include "core/rcu.h"
#include "server/log_writer.h"
#include "server/route_same.h"
#include "server/server_priv.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_BYTES_MAX 16384 /* an answer must fit the socket's buffer */

/* The errors of a site file for one `why`: their number, and as many of their lines as it holds. */
static void errors_to_why(const char *path, struct hz_span text,
                          const struct hz_site_errors *errors, struct hz_err *err)
{
	char hint[sizeof(err->hint)];
	char *buffer = NULL, *cut;
	size_t bytes = 0;
	FILE *stream = open_memstream(&buffer, &bytes);

	snprintf(hint, sizeof(hint), "hzctl conf check %s", path);
	if (stream == NULL) {
		hz_err_set(err, -ENOMEM, 2, "bad_config", hint, "%s: %u errors", path,
		           errors->count);
		return;
	}
	fprintf(stream, "%s: %u error%s\n", path, errors->count, errors->count == 1 ? "" : "s");
	hz_site_errors_print(stream, path, text, errors);
	fclose(stream);
	if (bytes >= sizeof(err->why)) {
		cut = memrchr(buffer, '\n', sizeof(err->why) - 1);
		if (cut != NULL)
			cut[1] = '\0';
	}
	hz_err_set(err, -EINVAL, 2, "bad_config", hint, "%s", buffer);
	free(buffer);
}

static int site_read(const struct hz_server *server, struct hz_site **out, struct hz_err *err)
{
	const char *path = server->conf->site_path;
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { 0 };
	int status;

	if (errors == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	if (path == NULL) {
		free(errors);
		return hz_err_set(err, -EBUSY, 1, "needs_restart", "",
		                  "the site is part of the program, not a file");
	}
	status = hz_site_load(path, out, &text, errors);
	if (status != 0 && errors->count > 0)
		errors_to_why(path, text, errors, err);
	else if (status != 0)
		(void)hz_site_load_explain(path, status, 2, err);
	free(errors);
	free((void *)(uintptr_t)text.data);
	return status;
}

static const struct hz_snapshot *snapshot_of(const struct hz_server *server)
{
	const struct hz_snapshot *snapshot = server->app.snapshot;

	assert(snapshot != NULL);
	return snapshot;
}

static bool is_same_health(const struct hz_site_health *a, const struct hz_site_health *b)
{
	if (a->port != b->port || a->is_udp != b->is_udp || strcmp(a->path, b->path) != 0 ||
	    strcmp(a->body, b->body) != 0 || a->from_count != b->from_count)
		return false;
	for (uint32_t i = 0; i < a->from_count; i++)
		if (memcmp(&a->from[i], &b->from[i], sizeof(a->from[i])) != 0)
			return false;
	return true;
}

/* Probes are answered by the claims, which only `hzctl xdp attach` changes. */
static int healths_unchanged(const struct hz_server *server, const struct hz_site *site,
                             struct hz_err *err)
{
	const struct hz_site *now = snapshot_of(server)->site;
	bool same = site->health_count == now->health_count;
	char hint[sizeof(err->hint)];

	if (server->conf->tune.boot_io != HZ_IO_AF_XDP)
		return 0; /* nobody answers probes there */
	for (uint32_t i = 0; same && i < site->health_count; i++)
		same = is_same_health(&site->health[i], &now->health[i]);
	if (same)
		return 0;
	hz_hint_write(hint, sizeof(hint), server->conf->instance,
	              "xdp attach dev IF site %s ensure, then restart hzd",
	              server->conf->site_path);
	return hz_err_set(err, -EBUSY, 1, "needs_restart", hint,
	                  "health cannot change while running");
}

/* What cannot change while running is refused by name, never half applied. */
static int listens_unchanged(const struct hz_server *server, const struct hz_site *site,
                             struct hz_err *err)
{
	const struct hz_site *now = snapshot_of(server)->site;
	char hint[sizeof(err->hint)];
	bool same;

	assert(site != NULL);
	same = site->listen_count == now->listen_count;
	if (server->conf->listen_count > 0) /* -l stands above the site's listen */
		return 0;
	for (uint32_t i = 0; same && i < site->listen_count; i++)
		same = strcmp(site->listen[i].interface, now->listen[i].interface) == 0 &&
		       memcmp(&site->listen[i].endpoint, &now->listen[i].endpoint,
		              sizeof(struct hz_endpoint)) == 0;
	if (same)
		return 0;
	hz_hint_write(hint, sizeof(hint), server->conf->instance, "drain, then start hzd again");
	return hz_err_set(err, -EBUSY, 1, "needs_restart", hint,
	                  "listen cannot change while running");
}

/* Classes are the claims' as well. */
static int classes_unchanged(const struct hz_server *server, const struct hz_site *site,
                             struct hz_err *err)
{
	const struct hz_site *now = snapshot_of(server)->site;
	char hint[sizeof(err->hint)];

	if (server->conf->tune.boot_io != HZ_IO_AF_XDP || server->conf->listen_count > 0)
		return 0;
	for (uint32_t i = 0; i < site->listen_count; i++) {
		if (site->listen[i].shed_class == now->listen[i].shed_class)
			continue;
		hz_hint_write(hint, sizeof(hint), server->conf->instance,
		              "xdp attach dev %s site %s ensure, then restart hzd",
		              site->listen[i].interface, server->conf->site_path);
		return hz_err_set(err, -EBUSY, 1, "needs_restart", hint,
		                  "line %u: the class of a listen cannot change while running",
		                  site->listen[i].line);
	}
	return 0;
}

static const struct hz_site_route *route_find(const struct hz_site *site, const char *name)
{
	for (uint32_t i = 0; i < site->route_count; i++)
		if (strcmp(site->route[i].name, name) == 0)
			return &site->route[i];
	return NULL;
}

/* What a reload changed, as far as one answer lists it. */
struct changes {
	json_t *list;
	size_t bytes;    /* of text in list */
	uint32_t beyond; /* changes that found no room */
};

static void change_add(struct changes *changes, char sign, const struct hz_site_route *route)
{
	size_t bytes = strlen(route->name) + route->pattern.len;

	if (changes->bytes + bytes > CHANGES_BYTES_MAX) {
		changes->beyond++;
		return;
	}
	changes->bytes += bytes;
	json_array_append_new(changes->list, json_sprintf("%c route %s    %.*s", sign, route->name,
	                                                  (int)route->pattern.len,
	                                                  (const char *)route->pattern.data));
}

static bool is_same_sources(const struct hz_site_sources *a, const struct hz_site_sources *b)
{
	return a->rule_count == b->rule_count &&
	       (a->rule_count == 0 ||
	        memcmp(a->rule, b->rule, a->rule_count * sizeof(*a->rule)) == 0);
}

static json_t *site_diff(const struct hz_site *before, const struct hz_site *after)
{
	struct changes changes = { .list = json_array() };

	if (!is_same_sources(&before->sources, &after->sources))
		json_array_append_new(changes.list, json_sprintf("~ sources    %u prefixes",
		                                                 after->sources.rule_count));
	for (uint32_t i = 0; i < after->route_count; i++) {
		const struct hz_site_route *old = route_find(before, after->route[i].name);

		if (old == NULL)
			change_add(&changes, '+', &after->route[i]);
		else if (!hz_route_is_same(before, old, after, &after->route[i]))
			change_add(&changes, '~', &after->route[i]);
	}
	for (uint32_t i = 0; i < before->route_count; i++)
		if (route_find(after, before->route[i].name) == NULL)
			change_add(&changes, '-', &before->route[i]);
	if (changes.beyond > 0)
		json_array_append_new(changes.list,
		                      json_sprintf("and %u further changes", changes.beyond));
	return changes.list;
}

/* A grace period would wait for a worker that does not turn, and we with it, deaf to signals. */
static int workers_turn(const struct hz_server *server, struct hz_err *err)
{
	char name[HZ_API_NAME_MAX + 16];
	uint32_t worker;

	if (!hz_api_running(server->api, HZ_LIMIT_worker_stop_s * HZ_NS_PER_S, &worker, name))
		return 0;
	return hz_err_set(err, -EBUSY, 1, "busy", "end hz when it does not end",
	                  "worker %u has been in '%s' for more than %d s", worker, name,
	                  HZ_LIMIT_worker_stop_s);
}

static int snapshot_next(struct hz_server *server, struct hz_site *site, struct hz_snapshot **out,
                         struct hz_err *err)
{
	const struct hz_snapshot_conf conf = {
		.site = site,
		.tune = &server->conf->tune,
		.generation = server->generation + 1,
		.before = snapshot_of(server),
		.files = server->app.files,
		.topics = server->app.topics,
	};

	return hz_snapshot_build(&conf, out, err);
}

/* Streams have no end of their own, and must not hold generations for ever. */
static uint64_t generation_min(const struct hz_server *server)
{
	return server->generation > HZ_LIMIT_stream_generations
	               ? server->generation - HZ_LIMIT_stream_generations
	               : 0;
}

/* New requests see fresh when this returns. */
static void snapshot_switch(struct hz_server *server, struct hz_snapshot *fresh)
{
	struct hz_snapshot *old;

	hz_server_routes_name(server, fresh);
	old = hz_app_publish(&server->app, fresh);

	hz_rcu_synchronize();
	hz_server_retire(server, old);
	server->generation++;
	hz_topics_switch(server->app.topics, fresh->topic, fresh->topic_count,
	                 generation_min(server));
	server->reloaded_ns = hz_clock_monotonic_ns();
	hz_server_reclaim(server);
	hz_server_state_set(server, server->state);
	hz_log(HZ_LOG_INFO, "generation %llu: %u routes", (unsigned long long)server->generation,
	       fresh->site->route_count);
	hz_snapshot_files_log(fresh);
}

static int site_replace(struct hz_server *server, json_t **result, struct hz_err *err)
{
	uint64_t began_ns = hz_clock_monotonic_ns(), built_ns;
	struct hz_snapshot *fresh = NULL;
	struct hz_site *site = NULL;
	json_t *changes;
	int status;

	hz_err_what(err,
	            "reload failed; the running configuration was not touched (generation %llu)",
	            (unsigned long long)server->generation);
	status = workers_turn(server, err);
	if (status == 0)
		status = hz_server_retired_room(server, err);
	if (status == 0)
		status = site_read(server, &site, err);
	if (status == 0)
		status = listens_unchanged(server, site, err);
	if (status == 0)
		status = classes_unchanged(server, site, err);
	if (status == 0)
		status = healths_unchanged(server, site, err);
	if (status == 0)
		status = hz_server_handlers_bind(server, site, false, err);
	if (status == 0)
		status = snapshot_next(server, site, &fresh, err);
	if (status == 0) {
		site = NULL; /* the snapshot's now */
		status = hz_log_writer_bind(server->log_writer, fresh->site, err);
	}
	/* Others wait for the lists while they are filled: not before what takes long. */
	if (status == 0)
		status = hz_server_sources_fill(server, fresh->site, err);
	if (status == 0) /* the last thing that may fail */
		status = hz_server_sources_flip(server, fresh->site, err);
	if (status != 0) {
		hz_server_sources_drop(server);
		hz_snapshot_free(fresh);
		hz_site_free(site);
		return status;
	}
	built_ns = hz_clock_monotonic_ns();
	assert(fresh != NULL);
	changes = site_diff(snapshot_of(server)->site, fresh->site);
	snapshot_switch(server, fresh);
	hz_log_writer_reopen(server->log_writer);
	*result = json_pack("{s:I, s:i, s:f, s:f, s:o}", "generation",
	                    (json_int_t)server->generation, "routes", (int)fresh->site->route_count,
	                    "built_ms", (double)(built_ns - began_ns) / 1e6, "switched_ms",
	                    (double)(server->reloaded_ns - built_ns) / 1e6, "changes", changes);
	return 0;
}

int hz_server_reload(struct hz_server *server, json_t **result, struct hz_err *err)
{
	int status = site_replace(server, result, err);

	hz_server_reload_note(server, status == 0);
	return status;
}
