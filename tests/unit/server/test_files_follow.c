/* Files that change while they are served: what a request finds, and what answers under way keep. */
#include "core/span_ops.h"
#include "hz_test.h"
#include "server_rig.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SITE                                                                                       \
	"listen:\n  - { interface: eth1, address: 10.7.0.2, port: 80 }\nroutes:\n"                 \
	"  - { name: www, match: GET /www/*path, files: www }\n"                                   \
	"  - { name: late, match: GET /late/*path, files: www, delay: 1ms }\n"

struct follow_rig {
	struct server_rig *of;
	uint64_t now_ns;
};

/* A request that has found its file; its answer is being sent. */
struct download {
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_arena arena;
	struct hz_env env;
	const void *snapshot;
	uint8_t memory[4096];
};

static void path_of(const struct follow_rig *rig, const char *name, char out[128])
{
	snprintf(out, 128, "%s/www/%s", rig->of->dir, name);
}

static void put(const struct follow_rig *rig, const char *name, unsigned number)
{
	char path[128];
	FILE *to;

	path_of(rig, name, path);
	to = fopen(path, "w");
	if (to == NULL || fprintf(to, "state %04u", number) != 10 || fclose(to) != 0)
		abort();
}

static void rig_open(struct follow_rig *rig)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;
	char path[128];

	*rig = (struct follow_rig){ .of = server_rig_open(RIG_SITE), .now_ns = 100 * HZ_NS_PER_S };
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->of);
	path_of(rig, "", path);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
	put(rig, "a", 0);
	CU_ASSERT_EQUAL_FATAL(server_rig_site_write(rig->of, SITE), 0);
	CU_ASSERT_EQUAL_FATAL(hz_server_reload(&rig->of->server, &result, &err), 0);
	json_decref(result);
}

static void rig_close(struct follow_rig *rig)
{
	char path[128];

	hz_server_files_reclaim(&rig->of->server);
	CU_ASSERT_PTR_NULL(rig->of->server.files.held);
	path_of(rig, "a", path);
	unlink(path);
	path_of(rig, "", path);
	rmdir(path);
	server_rig_close(rig->of);
}

/* Housekeeping until what changed has come to rest and is served. */
static void settle(struct follow_rig *rig)
{
	for (unsigned i = 0; i < 3; i++) {
		hz_server_files_follow(&rig->of->server, rig->now_ns);
		rig->now_ns += HZ_NS_PER_S;
	}
}

static void change(struct follow_rig *rig, unsigned number)
{
	put(rig, "a", number);
	settle(rig);
}

static void ask(struct follow_rig *rig, struct download *d, const char *path)
{
	struct hz_http_route route = { 0 };
	const struct hz_http_app_ops *ops = &hz_snapshot_app_ops;

	memset(d, 0, sizeof(*d));
	hz_arena_init(&d->arena, d->memory, sizeof(d->memory));
	d->env.now_ns = rig->now_ns;
	d->req = (struct hz_http_req){ .method = HZ_HTTP_GET,
		                       .route_index = -1,
		                       .path = hz_span_text(path),
		                       .arena = &d->arena,
		                       .env = &d->env };
	d->snapshot = ops->pin(&rig->of->server.app.snapshot, 0);
	CU_ASSERT_EQUAL_FATAL(ops->route(d->snapshot, &d->req, &d->resp, &route), HZ_HTTP_NEXT);
	while (ops->handle(d->snapshot, &d->req, &d->resp) == HZ_HTTP_WAIT)
		d->env.now_ns += HZ_NS_PER_MS;
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->resp.prepared);
}

/* Its client does not take all of it at once. */
static void stall(struct download *d)
{
	d->req.is_held = true;
	hz_snapshot_app_ops.hold(d->snapshot, &d->req);
}

static void end(struct follow_rig *rig, struct download *d)
{
	const struct hz_http_outcome outcome = { .status = 200, .is_complete = true };

	hz_snapshot_app_ops.finish(d->snapshot, &d->req, &d->resp, &outcome);
	hz_snapshot_app_ops.unpin(&rig->of->server.app.snapshot, 0, d->snapshot);
}

static bool is_state(const struct download *d, unsigned number)
{
	const struct hz_span body = d->resp.prepared->body;
	char want[16];

	snprintf(want, sizeof(want), "state %04u", number);
	return body.len == 10 && memcmp(body.data, want, 10) == 0;
}

static bool shows(struct follow_rig *rig, const char *path, unsigned number)
{
	struct download d;
	bool is_shown;

	ask(rig, &d, path);
	is_shown = is_state(&d, number);
	end(rig, &d);
	return is_shown;
}

static unsigned held_count(const struct follow_rig *rig)
{
	unsigned count = 0;

	for (const struct hz_files_rep *rep = rig->of->server.files.held; rep != NULL;
	     rep = rep->retired)
		count++;
	return count;
}

static void change_shows_beside_the_same_snapshot(void)
{
	const void *snapshot;
	struct follow_rig rig;

	rig_open(&rig);
	snapshot = rig.of->server.app.snapshot;
	for (unsigned i = 1; i < 20; i++) {
		change(&rig, i);
		CU_ASSERT(shows(&rig, "/www/a", i));
		CU_ASSERT(shows(&rig, "/late/a", i));
	}
	CU_ASSERT_PTR_EQUAL(rig.of->server.app.snapshot, snapshot);
	CU_ASSERT_EQUAL(rig.of->server.generation, 2);
	rig_close(&rig);
}

static void slow_downloads_hold_up_neither_changes_nor_reloads(void)
{
	enum { COUNT = 3 * HZ_LIMIT_retired_snapshots_max };
	struct download *slow = calloc(COUNT, sizeof(*slow));
	struct hz_err err = { 0 };
	json_t *result = NULL;
	struct follow_rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < COUNT; i++) {
		ask(&rig, &slow[i], i % 2 == 0 ? "/www/a" : "/late/a");
		stall(&slow[i]);
		change(&rig, i + 1);
		CU_ASSERT(shows(&rig, "/www/a", i + 1));
	}
	CU_ASSERT_EQUAL(hz_server_reload(&rig.of->server, &result, &err), 0);
	json_decref(result);
	change(&rig, COUNT + 1);
	CU_ASSERT(shows(&rig, "/late/a", COUNT + 1));
	CU_ASSERT_EQUAL(held_count(&rig), COUNT); /* and of nobody else */
	for (unsigned i = 0; i < COUNT; i++) {
		CU_ASSERT(is_state(&slow[i], i));
		end(&rig, &slow[i]);
		hz_server_files_reclaim(&rig.of->server);
		CU_ASSERT_EQUAL(held_count(&rig), COUNT - 1 - i);
	}
	free(slow);
	rig_close(&rig);
}

/* Of what did not change only the heads are kept twice. */
static void held_content_that_is_still_served_counts_for_nothing(void)
{
	struct hz_files_held held;
	struct follow_rig rig;
	struct download slow;
	char path[128];

	rig_open(&rig);
	usleep(150000); /* a file that was read right after it changed is read again */
	put(&rig, "b", 1);
	settle(&rig);
	ask(&rig, &slow, "/www/a");
	stall(&slow);
	put(&rig, "b", 2);
	settle(&rig);
	hz_files_rep_reclaim(&rig.of->server.files.held, &held);
	CU_ASSERT_EQUAL(held_count(&rig), 1);
	CU_ASSERT_EQUAL(held.count, 0);
	change(&rig, 3);
	hz_files_rep_reclaim(&rig.of->server.files.held, &held);
	CU_ASSERT_EQUAL(held.count, 1);
	CU_ASSERT_EQUAL(held.memory_bytes, 10);
	CU_ASSERT(is_state(&slow, 0));
	end(&rig, &slow);
	path_of(&rig, "b", path);
	unlink(path);
	rig_close(&rig);
}

static void changes_wait_while_too_much_is_held(void)
{
	enum { COUNT = HZ_LIMIT_files_held_max };
	struct download *slow = calloc(COUNT, sizeof(*slow));
	struct follow_rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < COUNT; i++) {
		ask(&rig, &slow[i], "/www/a");
		CU_ASSERT_FATAL(is_state(&slow[i], i));
		stall(&slow[i]);
		change(&rig, i + 1);
	}
	change(&rig, COUNT + 1);
	CU_ASSERT(shows(&rig, "/www/a", COUNT));
	CU_ASSERT(rig.of->server.files.is_failing);
	end(&rig, &slow[COUNT / 2]);
	settle(&rig); /* again, though nothing changes any more */
	CU_ASSERT(shows(&rig, "/www/a", COUNT + 1));
	for (unsigned i = 0; i < COUNT; i++) {
		if (i != COUNT / 2)
			end(&rig, &slow[i]);
	}
	free(slow);
	rig_close(&rig);
}

/* A tree that cannot be read changes nothing. */
static void tree_that_is_gone_is_served_as_it_was(void)
{
	struct follow_rig rig;
	char path[128], other[128];

	rig_open(&rig);
	path_of(&rig, "", path);
	snprintf(other, sizeof(other), "%s/other", rig.of->dir);
	CU_ASSERT_EQUAL(rename(path, other), 0);
	settle(&rig);
	CU_ASSERT(rig.of->server.files.is_failing);
	CU_ASSERT(shows(&rig, "/www/a", 0));
	CU_ASSERT_EQUAL(rename(other, path), 0);
	change(&rig, 1);
	CU_ASSERT(shows(&rig, "/www/a", 1));
	rig_close(&rig);
}

HZ_SUITE(files_follow, CASE(change_shows_beside_the_same_snapshot),
         CASE(slow_downloads_hold_up_neither_changes_nor_reloads),
         CASE(held_content_that_is_still_served_counts_for_nothing),
         CASE(changes_wait_while_too_much_is_held), CASE(tree_that_is_gone_is_served_as_it_was));
