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
}

static void worker_begins_once_and_ends_if_it_could(void)
{
	for (int result = 0; result >= -EIO; result -= EIO) {
		struct lives lives = { .result = result };
		struct hz_env env = { .now_ns = HZ_NS_PER_S };
		const struct hz_api_conf conf = { begin, end, &lives };
		struct hz_api *api;

		CU_ASSERT_EQUAL_FATAL(hz_api_open(&conf, &api), 0);
		hz_api_seat(api, 3, &env, NULL);
		for (int i = 0; i < 3; i++)
			hz_api_turn(api, 3);
		CU_ASSERT_EQUAL(hz_api_failed(api), result);
		hz_api_end(api, 3);
		hz_api_end(api, 4); /* never began */
		CU_ASSERT_EQUAL(lives.begins, 1);
		CU_ASSERT_EQUAL(lives.ends, result == 0);
		hz_api_close(api);
	}
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
         CASE(call_that_takes_too_long_is_counted_and_named),
         CASE(module_that_others_could_have_written_is_refused));
