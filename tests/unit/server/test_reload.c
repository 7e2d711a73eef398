/* Reload: all or nothing, named errors, generations, and what becomes of the replaced snapshot. */
#include "core/rcu.h"
#include "http/h1_worker.h"
#include "hz_test.h"
#include "server_rig.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LISTEN "listen:\n  - { interface: eth1, address: 10.7.0.2, port: 80 }\nroutes:\n"
#define ROUTE(name, path, body)                                                                    \
	"  - { name: " name ", match: GET " path ", respond: { status: 200, body: \"" body         \
	"\" } }\n"

static bool changes_hold(const json_t *result, const char *line)
{
	const json_t *change;
	size_t i;

	json_array_foreach (json_object_get(result, "changes"), i, change)
		if (strcmp(json_string_value(change), line) == 0)
			return true;
	return false;
}

static void reload_good_site_counts_generation_and_lists_changes(void)
{
	struct server_rig *rig = server_rig_open(
		LISTEN ROUTE("same", "/s", "s") ROUTE("gone", "/g", "g") ROUTE("other", "/o", "o"));
	struct hz_err err = { 0 };
	json_t *result = NULL;
	const void *before;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	before = rig->server.app.snapshot;
	CU_ASSERT_EQUAL(server_rig_site_write(rig, LISTEN ROUTE("same", "/s", "s")
	                                                   ROUTE("new", "/n", "n")
	                                                           ROUTE("other", "/o", "p")),
	                0);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), 0);
	CU_ASSERT_PTR_NOT_EQUAL(rig->server.app.snapshot, before);
	CU_ASSERT_EQUAL(rig->server.generation, 2);
	CU_ASSERT_EQUAL(((struct hz_snapshot *)rig->server.app.snapshot)->generation, 2);
	CU_ASSERT_PTR_NULL(rig->server.retired);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "generation")), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "routes")), 3);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "changes")), 3);
	CU_ASSERT_TRUE(changes_hold(result, "+ route new    /n"));
	CU_ASSERT_TRUE(changes_hold(result, "~ route other    /o"));
	CU_ASSERT_TRUE(changes_hold(result, "- route gone    /g"));
	json_decref(result);
	server_rig_close(rig);
}

/* What else a route may say, as it is and otherwise. Only the order of the list is without meaning. */
static const struct {
	const char *before, *after;
} keys[] = {
	{ "", "hosts: [a.example]" },
	{ "hosts: [a.example, b.example]", "hosts: [a.example, c.example]" },
	{ "", "paths: { trailing_slash: same }" },
	{ "", "paths: { dot_segments: refuse }" },
	{ "", "paths: { duplicate_slashes: merge }" },
	{ "", "paths: { encoded_slash: refuse }" },
	{ "", "trace: on" },
	{ "trace: { accept: true }", "trace: { accept: false }" },
	{ "access: { deny: [10.0.0.0/8] }", "access: { deny: [10.0.0.0/9] }" },
	{ "access: { deny: [10.0.0.0/8] }", "access: { allow: [10.0.0.0/8] }" },
	{ "cors: { origins: \"*\" }", "cors: { origins: [\"https://a.example\"] }" },
	{ "cors: { origins: \"*\" }", "cors: { origins: \"*\", methods: [PUT] }" },
	{ "cors: { origins: \"*\" }", "cors: { origins: \"*\", max_age: 10m }" },
	{ "headers: { X-A: a }", "headers: { X-A: b }" },
	{ "headers: { X-A: a }", "headers: { X-A: a, X-B: b }" },
	{ "rate: { per: client, limit: 5/s }", "rate: { per: route, limit: 5/s }" },
	{ "rate: { per: client, limit: 5/s }", "rate: { per: client, limit: 5/m }" },
	{ "rate: { per: header X-A, limit: 5/s }", "rate: { per: header X-B, limit: 5/s }" },
	{ "timeout: 1s", "timeout: 2s" },
	{ "breaker: { failures: 50% }", "breaker: { failures: 50%, late: 1s }" },
	{ "breaker: { failures: 50% }", "breaker: off" },
	{ "", "delay: 1s" },
};

static int keys_write(struct server_rig *rig, const char *text)
{
	char site[1024];

	snprintf(site, sizeof(site),
	         LISTEN "  - { name: a, match: GET /a, respond: { body: a }%s%s }\n",
	         text[0] != '\0' ? ", " : "", text);
	return server_rig_site_write(rig, site);
}

/* Size of the list of changes that a reload gives. */
static size_t reload_changes(struct server_rig *rig)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;
	size_t count;

	CU_ASSERT_EQUAL_FATAL(hz_server_reload(&rig->server, &result, &err), 0);
	count = json_array_size(json_object_get(result, "changes"));
	json_decref(result);
	return count;
}

static void reload_shows_a_change_of_each_key_of_a_route(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (size_t i = 0; i < HZ_ARRAY_LEN(keys); i++) {
		CU_ASSERT_EQUAL_FATAL(keys_write(rig, keys[i].before), 0);
		(void)reload_changes(rig);
		CU_ASSERT_EQUAL(reload_changes(rig), 0); /* read anew, and the same */
		CU_ASSERT_EQUAL_FATAL(keys_write(rig, keys[i].after), 0);
		CU_ASSERT_EQUAL(reload_changes(rig), 1);
	}
	server_rig_close(rig);
}

static void reload_shows_that_a_default_or_a_topic_is_another(void)
{
	static const char site[] =
		"listen:\n  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
		"topics: { %s: , %s: }\ndefaults: { timeout: %s }\nroutes:\n"
		"  - { name: a, match: GET /a, events: { topic: one } }\n"
		"  - { name: b, match: GET /b, respond: { body: b }, timeout: off }\n";
	struct server_rig *rig = server_rig_open(RIG_SITE);
	char text[512];

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	snprintf(text, sizeof(text), site, "one", "two", "1s");
	CU_ASSERT_EQUAL(server_rig_site_write(rig, text), 0);
	(void)reload_changes(rig);
	snprintf(text, sizeof(text), site, "two", "one",
	         "1s"); /* the same topic, at another place */
	CU_ASSERT_EQUAL(server_rig_site_write(rig, text), 0);
	CU_ASSERT_EQUAL(reload_changes(rig), 0);
	snprintf(text, sizeof(text), site, "two", "one", "2s"); /* of a, not of b */
	CU_ASSERT_EQUAL(server_rig_site_write(rig, text), 0);
	CU_ASSERT_EQUAL(reload_changes(rig), 1);
	server_rig_close(rig);
}

static void reload_same_site_changes_nothing_but_the_generation(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), 0);
	CU_ASSERT_EQUAL(rig->server.generation, 2);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "changes")), 0);
	json_decref(result);
	server_rig_close(rig);
}

/* Everything a refused reload must leave alone. */
static void refused(struct server_rig *rig, const char *code, int exit_code, const char *needle)
{
	const void *before = rig->server.app.snapshot;
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_NOT_EQUAL(hz_server_reload(&rig->server, &result, &err), 0);
	CU_ASSERT_PTR_NULL(result);
	CU_ASSERT_PTR_EQUAL(rig->server.app.snapshot, before);
	CU_ASSERT_PTR_NULL(rig->server.retired);
	CU_ASSERT_EQUAL(rig->server.generation, 1);
	CU_ASSERT_STRING_EQUAL(err.code, code);
	CU_ASSERT_EQUAL(err.exit_code, exit_code);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "was not touched (generation 1)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, needle));
}

static void reload_bad_site_keeps_the_old_and_names_the_place(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	char place[96];

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	snprintf(place, sizeof(place), "%s:4:19: error: ", rig->site_path);
	CU_ASSERT_EQUAL(server_rig_site_write(rig, LISTEN "  - { name: root, mtach: GET / }\n"), 0);
	refused(rig, "bad_config", 2, place);
	CU_ASSERT_EQUAL(server_rig_site_write(rig, LISTEN ROUTE("a", "/u/:x", "a")
	                                                   ROUTE("b", "/u/:y", "b")),
	                0);
	refused(rig, "bad_config", 2, ":5:");
	CU_ASSERT_EQUAL(unlink(rig->site_path), 0);
	refused(rig, "bad_config", 2, "No such file");
	server_rig_close(rig);
}

static void reload_many_errors_are_cut_behind_a_whole_line(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_err err = { 0 };
	json_t *result = NULL;
	char text[2048] = LISTEN;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (int i = 0; i < 12; i++)
		strncat(text, "  - { nmae: x, match: GET /x }\n", sizeof(text) - strlen(text) - 1);
	CU_ASSERT_EQUAL(server_rig_site_write(rig, text), 0);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), -EINVAL);
	CU_ASSERT_TRUE(strlen(err.why) > sizeof(err.why) / 2);
	CU_ASSERT_EQUAL(err.why[strlen(err.why) - 1], '\n');
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, rig->site_path));
	server_rig_close(rig);
}

static void reload_changed_listen_is_refused_unless_given_as_option(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(server_rig_site_write(
				rig,
				"listen:\n  - { interface: eth1, address: 10.7.0.2, port: 81 }\n"
				"routes:\n" ROUTE("root", "/", "hi")),
	                0);
	refused(rig, "needs_restart", 1, "listen");
	rig->conf.listen_count = 1;
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), 0);
	json_decref(result);
	server_rig_close(rig);
}

static int reload(struct server_rig *rig)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;
	int status = hz_server_reload(&rig->server, &result, &err);

	json_decref(result);
	return status;
}

static uint32_t retired_count(const struct server_rig *rig)
{
	uint32_t count = 0;

	for (const struct hz_snapshot *s = rig->server.retired; s != NULL; s = s->retired_next)
		count++;
	return count;
}

static void reload_keeps_a_pinned_snapshot_until_its_request_ends(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	const struct hz_snapshot *pinned;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	pinned = hz_snapshot_app_ops.pin(&rig->server.app.snapshot, 5);
	CU_ASSERT_EQUAL(reload(rig), 0);
	CU_ASSERT_EQUAL(retired_count(rig), 1);
	hz_server_reclaim(&rig->server);
	CU_ASSERT_PTR_EQUAL(rig->server.retired, pinned);
	CU_ASSERT_EQUAL(pinned->site->route_count, 1); /* still readable */
	hz_snapshot_app_ops.unpin(&rig->server.app.snapshot, 5, pinned);
	hz_server_reclaim(&rig->server);
	CU_ASSERT_PTR_NULL(rig->server.retired);
	server_rig_close(rig);
}

static void reload_is_refused_while_eight_generations_are_held(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	const void *pinned[HZ_LIMIT_retired_snapshots_max];
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++) {
		pinned[i] = hz_snapshot_app_ops.pin(&rig->server.app.snapshot, 0);
		CU_ASSERT_EQUAL(reload(rig), 0);
	}
	CU_ASSERT_EQUAL(retired_count(rig), HZ_LIMIT_retired_snapshots_max);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), -EBUSY);
	CU_ASSERT_STRING_EQUAL(err.code, "busy");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, ": 8 whose routes are not known yet"));
	CU_ASSERT_EQUAL(rig->server.generation, HZ_LIMIT_retired_snapshots_max + 1);
	/* The one in the middle of the list goes, the others stay. */
	hz_snapshot_app_ops.unpin(&rig->server.app.snapshot, 0, pinned[3]);
	CU_ASSERT_EQUAL(reload(rig), 0);
	CU_ASSERT_EQUAL(retired_count(rig), HZ_LIMIT_retired_snapshots_max - 1);
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++)
		if (i != 3)
			hz_snapshot_app_ops.unpin(&rig->server.app.snapshot, 0, pinned[i]);
	hz_server_reclaim(&rig->server);
	CU_ASSERT_EQUAL(retired_count(rig), 0);
	server_rig_close(rig);
}

static bool hold_look(struct server_rig *rig, const void *pinned, struct hz_http_req *req)
{
	hz_server_reclaim(&rig->server);
	return hz_snapshot_app_ops.is_overdue(pinned, req);
}

/* A request for each generation, in the flight where http looks whether it drains. */
static struct hz_h1_flight *flights_open(struct hz_http_worker *http)
{
	struct hz_h1_flight *flight = calloc(HZ_LIMIT_retired_snapshots_max, sizeof(*flight));

	for (size_t i = 0; flight != NULL && i < HZ_LIMIT_retired_snapshots_max; i++) {
		flight[i].http = http;
		flight[i].req.route_index = i < 5 ? 1 : i < 7 ? 0 : -1;
	}
	return flight;
}

/* All of them are named by route; when their time has come the oldest has to go, whatever it does. */
static void reload_that_is_refused_names_the_holders_and_ends_the_oldest(void)
{
	struct server_rig *rig =
		server_rig_open(LISTEN ROUTE("root", "/", "hi") ROUTE("ticks", "/ticks", "hi"));
	const void *pinned[HZ_LIMIT_retired_snapshots_max];
	struct hz_http_worker http = { 0 };
	struct hz_h1_flight *flight = flights_open(&http);
	const struct hz_http_outcome outcome = { 0 };
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_PTR_NOT_NULL_FATAL(flight);
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++) {
		pinned[i] = hz_snapshot_app_ops.pin(&rig->server.app.snapshot, 0);
		CU_ASSERT(!hold_look(rig, pinned[i], &flight[i].req));
		CU_ASSERT_EQUAL(reload(rig), 0);
		CU_ASSERT(!hold_look(rig, pinned[i], &flight[i].req));
		CU_ASSERT(!hold_look(rig, pinned[i], &flight[i].req)); /* counted once */
	}
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "older generations: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "5 of route 'ticks'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "2 of route 'root'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, ", 1 others"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "timeouts/replaced_ms"));
	/* A request that is over holds no place in the list. */
	hz_snapshot_app_ops.finish(pinned[5], &flight[5].req, &flight[5].resp, &outcome);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "1 of route 'root'"));
	rig->conf.tune.timeout_replaced_ms = 0;
	CU_ASSERT(hold_look(rig, pinned[0], &flight[0].req));
	CU_ASSERT(!hold_look(rig, pinned[1], &flight[1].req));
	hz_snapshot_app_ops.unpin(&rig->server.app.snapshot, 0, pinned[0]);
	CU_ASSERT_EQUAL(reload(rig), 0);
	CU_ASSERT(!hold_look(rig, pinned[1], &flight[1].req)); /* there is room */
	for (size_t i = 1; i < HZ_ARRAY_LEN(pinned); i++)
		hz_snapshot_app_ops.unpin(&rig->server.app.snapshot, 0, pinned[i]);
	hz_server_reclaim(&rig->server);
	CU_ASSERT_EQUAL(retired_count(rig), 0);
	free(flight);
	server_rig_close(rig);
}

struct reader {
	struct server_rig *rig;
	bool has_pointer, is_done;
	uint64_t generation;
};

/* A worker in the middle of a turn: it read the pointer, and pins it only later. */
static void *reader_run(void *arg)
{
	struct timespec nap = { .tv_nsec = 100 * (long)HZ_NS_PER_MS };
	struct reader *reader = arg;
	const struct hz_snapshot *snapshot;

	hz_rcu_reader_register();
	snapshot = hz_rcu_read(&reader->rig->server.app.snapshot);
	__atomic_store_n(&reader->has_pointer, true, __ATOMIC_RELEASE);
	nanosleep(&nap, NULL);
	reader->generation = snapshot->generation;
	__atomic_store_n(&reader->is_done, true, __ATOMIC_RELEASE);
	hz_rcu_quiescent();
	hz_rcu_reader_unregister();
	return NULL;
}

static void reload_frees_nothing_before_every_worker_was_quiescent(void)
{
	struct timespec nap = { .tv_nsec = (long)HZ_NS_PER_MS };
	struct reader reader = { .rig = server_rig_open(RIG_SITE) };
	pthread_t thread;

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader.rig);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, reader_run, &reader), 0);
	while (!__atomic_load_n(&reader.has_pointer, __ATOMIC_ACQUIRE))
		nanosleep(&nap, NULL);
	CU_ASSERT_EQUAL(reload(reader.rig), 0);
	CU_ASSERT_TRUE(__atomic_load_n(&reader.is_done, __ATOMIC_ACQUIRE));
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(reader.generation, 1);
	server_rig_close(reader.rig);
}

static void reload_of_thousands_of_routes_fits_one_answer(void)
{
	const size_t count = 3000, line_max = 96;
	struct server_rig *rig = server_rig_open(RIG_SITE);
	char *text = malloc(sizeof(LISTEN) + count * line_max), *answer;
	struct hz_err err = { 0 };
	json_t *result = NULL, *changes;
	const char *last;
	size_t used;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memcpy(text, LISTEN, sizeof(LISTEN));
	used = sizeof(LISTEN) - 1;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, line_max,
		                         ROUTE("r%zu", "/a/long/path/to/%zu", "x"), i, i);
	CU_ASSERT_EQUAL(server_rig_site_write(rig, text), 0);
	CU_ASSERT_EQUAL(hz_server_reload(&rig->server, &result, &err), 0);
	changes = json_object_get(result, "changes");
	last = json_string_value(json_array_get(changes, json_array_size(changes) - 1));
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_EQUAL(strtoul(last + strlen("and "), NULL, 10) + json_array_size(changes) - 1,
	                count + 1);
	answer = json_dumps(result, JSON_COMPACT);
	CU_ASSERT_TRUE(strlen(answer) < 65536);
	free(answer);
	free(text);
	json_decref(result);
	server_rig_close(rig);
}

HZ_SUITE(reload, CASE(reload_good_site_counts_generation_and_lists_changes),
         CASE(reload_same_site_changes_nothing_but_the_generation),
         CASE(reload_shows_a_change_of_each_key_of_a_route),
         CASE(reload_shows_that_a_default_or_a_topic_is_another),
         CASE(reload_bad_site_keeps_the_old_and_names_the_place),
         CASE(reload_many_errors_are_cut_behind_a_whole_line),
         CASE(reload_changed_listen_is_refused_unless_given_as_option),
         CASE(reload_keeps_a_pinned_snapshot_until_its_request_ends),
         CASE(reload_is_refused_while_eight_generations_are_held),
         CASE(reload_that_is_refused_names_the_holders_and_ends_the_oldest),
         CASE(reload_frees_nothing_before_every_worker_was_quiescent),
         CASE(reload_of_thousands_of_routes_fits_one_answer));
