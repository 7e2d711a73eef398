/* A worker's context, its timers, and who blocks it. */
#include "api/api_module.h"
#include "api_rig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int nothing(struct hz_request *req, void *ctx)
{
	(void)ctx;
	return hz_respond(req, 204, NULL, NULL, 0);
}

static void count(struct hz_loop *loop, void *ctx)
{
	(void)loop;
	++*(unsigned *)ctx;
}

static void timers_fire_once_in_time_unless_cancelled(void)
{
	struct api_rig *rig = api_rig_open(nothing, NULL);
	struct hz_loop *loop = &rig->api->loop[0];
	unsigned early = 0, late = 0, never = 0;
	uint64_t id, again;

	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(hz_api_turn_due_ns(rig->api, 0), UINT64_MAX);
	CU_ASSERT_EQUAL(hz_loop_timer(loop, 20 * HZ_NS_PER_MS, count, &late, NULL), 0);
	CU_ASSERT_EQUAL(hz_loop_timer(loop, 10 * HZ_NS_PER_MS, count, &early, NULL), 0);
	CU_ASSERT_EQUAL(hz_loop_timer(loop, 10 * HZ_NS_PER_MS, count, &never, &id), 0);
	CU_ASSERT_EQUAL(hz_loop_timer(loop, 0, NULL, NULL, NULL), -EINVAL);
	CU_ASSERT(hz_api_turn_due_ns(rig->api, 0) <= rig->env.now_ns + 11 * HZ_NS_PER_MS);
	CU_ASSERT(hz_loop_timer_cancel(loop, id));
	CU_ASSERT(!hz_loop_timer_cancel(loop, id));
	CU_ASSERT_EQUAL(hz_loop_timer(loop, 50 * HZ_NS_PER_MS, count, &never, &again), 0);
	CU_ASSERT(!hz_loop_timer_cancel(loop, id)); /* the place is another's now */
	CU_ASSERT(!hz_loop_timer_cancel(loop, UINT64_MAX));
	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(early + late, 0);
	rig->env.now_ns += 11 * HZ_NS_PER_MS;
	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(early, 1);
	CU_ASSERT_EQUAL(late, 0);
	CU_ASSERT(hz_loop_timer_cancel(loop, again));
	rig->env.now_ns += 100 * HZ_NS_PER_MS;
	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(early, 1);
	CU_ASSERT_EQUAL(late, 1);
	CU_ASSERT_EQUAL(never, 0);
	api_rig_close(rig);
}

static void timers_have_a_limit(void)
{
	struct api_rig *rig = api_rig_open(nothing, NULL);
	struct hz_loop *loop = &rig->api->loop[0];
	unsigned fired = 0;

	hz_api_turn(rig->api, 0);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < HZ_LIMIT_loop_timers; i++)
			CU_ASSERT_EQUAL(hz_loop_timer(loop, HZ_NS_PER_MS, count, &fired, NULL), 0);
		CU_ASSERT_EQUAL(hz_loop_timer(loop, 1, count, &fired, NULL), -ENOSPC);
		rig->env.now_ns += 10 * HZ_NS_PER_MS;
		for (unsigned i = 0; i < 100; i++)
			hz_api_turn(rig->api, 0);
	}
	CU_ASSERT_EQUAL(fired, 2 * HZ_LIMIT_loop_timers);
	api_rig_close(rig);
}

/* --- begin and end --------------------------------------------------------------------------------- */

struct lives {
	int result;
	unsigned begins, ends;
	unsigned *ended; /* of all that share it; NULL: alone */
	unsigned ended_at;
};

static int begin(struct hz_loop *loop, void *ctx, void **loop_ctx)
{
	struct lives *lives = ctx;

	(void)loop;
	lives->begins++;
	*loop_ctx = lives;
	return lives->result;
}

static void end(struct hz_loop *loop, void *ctx, void *loop_ctx)
{
	struct lives *lives = ctx;

	CU_ASSERT_PTR_EQUAL(loop_ctx, lives);
	CU_ASSERT_PTR_EQUAL(hz_loop_ctx(loop), lives);
	lives->ends++;
	if (lives->ended != NULL)
		lives->ended_at = ++*lives->ended;
}

static void worker_begins_once_and_ends_if_it_could(void)
{
	for (int result = 0; result >= -EIO; result -= EIO) {
		struct lives lives = { .result = result };
		struct hz_env env = { .now_ns = HZ_NS_PER_S };
		const struct hz_api_owner program = { .begin = begin, .end = end, .ctx = &lives };
		const char *whose = "nobody";
		struct hz_api *api;

		CU_ASSERT_EQUAL_FATAL(hz_api_open(&program, &api), 0);
		hz_api_seat(api, 3, &env, NULL);
		for (int i = 0; i < 3; i++)
			hz_api_turn(api, 3);
		CU_ASSERT_EQUAL(hz_api_failed(api, &whose), result);
		CU_ASSERT_STRING_EQUAL(whose, result == 0 ? "nobody" : "");
		hz_api_end(api, 3);
		hz_api_end(api, 4); /* never began */
		CU_ASSERT_EQUAL(lives.begins, 1);
		CU_ASSERT_EQUAL(lives.ends, result == 0);
		hz_api_close(api);
	}
}

/* Three owners on one worker. The last one's begin fails if result says so: those before it end, in reverse. */
static void owners_have_a_context_each_and_end_in_reverse(void)
{
	for (int result = 0; result >= -EIO; result -= EIO) {
		unsigned ended = 0;
		struct lives lives[3] = { { .ended = &ended },
			                  { .result = 0 },
			                  { .result = result, .ended = &ended } };
		const struct hz_api_owner owners[3] = {
			{ NULL, begin, end, &lives[0] },
			{ "a", NULL, NULL, NULL },
			{ "b", begin, end, &lives[2] },
		};
		struct hz_env env = { .now_ns = HZ_NS_PER_S };
		const char *whose = "nobody";
		struct hz_api *api;

		CU_ASSERT_EQUAL_FATAL(hz_api_open(&owners[0], &api), 0);
		CU_ASSERT_EQUAL(hz_api_owner_add(api, &owners[1]), 1);
		CU_ASSERT_EQUAL(hz_api_owner_add(api, &owners[2]), 2);
		hz_api_seat(api, 0, &env, NULL);
		hz_api_turn(api, 0);
		CU_ASSERT_EQUAL(hz_api_failed(api, &whose), result);
		CU_ASSERT_STRING_EQUAL(whose, result == 0 ? "nobody" : "b");
		hz_api_end(api, 0);
		CU_ASSERT_EQUAL(lives[0].begins + lives[2].begins, 2);
		CU_ASSERT_EQUAL(lives[0].ends, 1);
		CU_ASSERT_EQUAL(lives[2].ends, result == 0);
		CU_ASSERT_EQUAL(lives[0].ended_at, result == 0 ? 2 : 1);
		hz_api_close(api);
	}
}

static void context_seen(struct hz_loop *loop, void *ctx)
{
	CU_ASSERT_STRING_EQUAL(loop->running, loop->owner == 0 ? "a timer" : "a timer of b");
	*(void **)ctx = hz_loop_ctx(loop);
}

static int timer_begin(struct hz_loop *loop, void *ctx, void **loop_ctx)
{
	*loop_ctx = ctx;
	return hz_loop_timer(loop, HZ_NS_PER_MS, context_seen, ctx, NULL);
}

static void timer_runs_in_the_context_of_who_armed_it(void)
{
	void *seen[2] = { NULL, NULL };
	const struct hz_api_owner owners[2] = {
		{ NULL, timer_begin, NULL, &seen[0] },
		{ "b", timer_begin, NULL, &seen[1] },
	};
	struct hz_env env = { .now_ns = HZ_NS_PER_S };
	struct hz_api *api;

	CU_ASSERT_EQUAL_FATAL(hz_api_open(&owners[0], &api), 0);
	CU_ASSERT_EQUAL(hz_api_owner_add(api, &owners[1]), 1);
	hz_api_seat(api, 0, &env, NULL);
	hz_api_turn(api, 0);
	env.now_ns += 3 * HZ_NS_PER_MS;
	CU_ASSERT_EQUAL(hz_api_turn(api, 0), 2);
	CU_ASSERT_PTR_EQUAL(seen[0], &seen[0]);
	CU_ASSERT_PTR_EQUAL(seen[1], &seen[1]);
	hz_api_end(api, 0);
	hz_api_close(api);
}

static void owners_have_a_limit(void)
{
	const struct hz_api_owner owner = {
		.name = "a module whose name is longer than what is kept"
	};
	struct hz_api *api;

	CU_ASSERT_EQUAL_FATAL(hz_api_open(&owner, &api), 0);
	for (int i = 1; i <= HZ_LIMIT_modules_max; i++)
		CU_ASSERT_EQUAL(hz_api_owner_add(api, &owner), i);
	CU_ASSERT_EQUAL(hz_api_owner_add(api, &owner), -E2BIG);
	CU_ASSERT_EQUAL(strlen(api->owner[3].name), HZ_API_NAME_MAX - 1);
	hz_api_close(api);
}

/* --- stalls: the clock stands still but for what a handler adds -------------------------------------- */

static int slow(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	CU_ASSERT_STRING_EQUAL(rig->api->loop[0].running, "rig");
	rig->env.now_ns += rig->bytes;
	return hz_respond(req, 204, NULL, NULL, 0);
}

static void call_that_takes_too_long_is_counted_and_named(void)
{
	struct api_rig *rig = api_rig_open(slow, NULL);
	struct hz_loop *loop = &rig->api->loop[0];

	rig->bytes = 100 * HZ_NS_PER_MS;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->worker.counters[HZ_COUNTER_handler_stalled], 0);
	CU_ASSERT_PTR_NULL(loop->running);
	rig->bytes++;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->worker.counters[HZ_COUNTER_handler_stalled], 1);
	CU_ASSERT(loop->stall.is_full);
	CU_ASSERT_STRING_EQUAL(loop->stall.name, "rig");
	CU_ASSERT_EQUAL(loop->stall.took_ns, rig->bytes);
	hz_api_watch(rig->api, rig->env.now_ns);
	CU_ASSERT(!loop->stall.is_full);
	api_rig_feed(rig, GET_X);
	hz_api_watch(rig->api, rig->env.now_ns); /* a line per second */
	CU_ASSERT(loop->stall.is_full);
	hz_api_watch(rig->api, rig->env.now_ns + HZ_NS_PER_S);
	CU_ASSERT(!loop->stall.is_full);
	api_rig_close(rig);
}

/* --- modules: what is not loaded -------------------------------------------------------------------- */

static void module_that_others_could_have_written_is_refused(void)
{
	struct hz_api_modules *modules = hz_api_modules_open(NULL);
	char dir[] = "/tmp/hz-module-XXXXXX", file[64], link[64];
	struct hz_err err = { 0 };
	FILE *stream;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/m.so", dir);
	snprintf(link, sizeof(link), "%s/link.so", dir);
	CU_ASSERT_EQUAL(hz_api_modules_load(modules, file, &err), -ENOENT);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	stream = fopen(file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	fputs("no shared object\n", stream);
	fclose(stream);
	CU_ASSERT_EQUAL(symlink(file, link), 0);
	CU_ASSERT_EQUAL(hz_api_modules_load(modules, link, &err), -ELOOP);
	CU_ASSERT_EQUAL(hz_api_modules_load(modules, dir, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "not a regular file"));
	chmod(file, 0664);
	CU_ASSERT_EQUAL(hz_api_modules_load(modules, file, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "may write it"));
	chmod(file, 0755);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(file, 65534, 65534), 0);
		CU_ASSERT_EQUAL(hz_api_modules_load(modules, file, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "another user"));
		CU_ASSERT_EQUAL(chown(file, 0, 0), 0);
	}
	CU_ASSERT_EQUAL(hz_api_modules_load(modules, file, &err), -EINVAL);
	CU_ASSERT_PTR_NULL(hz_api_modules_find(modules, file));
	unlink(link);
	unlink(file);
	rmdir(dir);
	hz_api_modules_close(modules);
}

HZ_SUITE(api_loop, CASE(timers_fire_once_in_time_unless_cancelled), CASE(timers_have_a_limit),
         CASE(worker_begins_once_and_ends_if_it_could),
         CASE(owners_have_a_context_each_and_end_in_reverse),
         CASE(timer_runs_in_the_context_of_who_armed_it), CASE(owners_have_a_limit),
         CASE(call_that_takes_too_long_is_counted_and_named),
         CASE(module_that_others_could_have_written_is_refused));
