/* A worker as handlers see it: its context and its timers. */
#include "api/api_priv.h"
#include <errno.h>
#include <stdlib.h>

#define TIMERS_PER_TURN 64u

static int owner_begin(struct hz_loop *loop, uint32_t owner)
{
	const struct hz_api_owner *conf = &loop->api->owner[owner].conf;
	const char *name = loop->api->owner[owner].called;
	uint64_t since_ns = hz_api_stall_enter(loop, owner, name);
	int err = 0;

	if (conf->begin != NULL)
		err = conf->begin(loop, conf->ctx, &loop->ctx[owner]);
	hz_api_stall_leave(loop, name, since_ns);
	if (err < 0)
		return err;
	loop->begun_count++;
	return 0;
}

static int loop_open(struct hz_loop *loop)
{
	int err = hz_pool_open(&loop->tickets, sizeof(struct hz_ticket),
	                       HZ_LIMIT_tickets_per_worker, 0);

	hz_wheel_init(&loop->wheel, loop->env->now_ns);
	loop->timers = calloc(HZ_LIMIT_loop_timers, sizeof(*loop->timers));
	if (err == 0 && loop->timers == NULL)
		err = -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < loop->api->owner_count; i++)
		err = owner_begin(loop, i);
	return err;
}

/* Of several workers the first tells. */
static void failure_tell(struct hz_loop *loop, int err)
{
	struct hz_api *api = loop->api;
	uint32_t nobody = API_OWNERS_MAX;

	if (__atomic_compare_exchange_n(&api->failer, &nobody, loop->owner, false, __ATOMIC_RELAXED,
	                                __ATOMIC_RELAXED))
		__atomic_store_n(&api->failed, err, __ATOMIC_RELEASE);
}

bool hz_api_loop_begin(struct hz_loop *loop)
{
	int err;

	if (HZ_LIKELY(loop->is_begun))
		return !loop->is_failed;
	loop->is_begun = true;
	err = loop_open(loop);
	if (err == 0)
		return true;
	loop->is_failed = true;
	failure_tell(loop, err);
	return false;
}

unsigned hz_loop_index(const struct hz_loop *loop)
{
	return (unsigned)(loop - loop->api->loop);
}

void *hz_loop_ctx(const struct hz_loop *loop)
{
	return loop->ctx[loop->owner];
}

uint64_t hz_loop_now_ns(const struct hz_loop *loop)
{
	return loop->env->now_ns;
}

/* --- timers ---------------------------------------------------------------------------------------- */

int hz_loop_timer(struct hz_loop *loop, uint64_t after_ns, hz_timer_fn *fn, void *ctx, uint64_t *id)
{
	uint64_t now_ns = loop->env->now_ns;
	struct api_timer *timer = loop->timer_free;

	if (fn == NULL)
		return -EINVAL;
	if (timer == NULL && loop->timers_used < HZ_LIMIT_loop_timers)
		timer = &loop->timers[loop->timers_used++];
	else if (timer == NULL)
		return -ENOSPC;
	else
		loop->timer_free = timer->free_next;
	timer->number++;
	timer->owner = loop->owner;
	timer->fn = fn;
	timer->ctx = ctx;
	hz_wheel_arm(&loop->wheel, &timer->timer,
	             after_ns < UINT64_MAX - now_ns ? now_ns + after_ns : UINT64_MAX);
	if (id != NULL)
		*id = (uint64_t)timer->number << 32 | (uint32_t)(timer - loop->timers);
	return 0;
}

static void timer_free(struct hz_loop *loop, struct api_timer *timer)
{
	timer->fn = NULL;
	timer->free_next = loop->timer_free;
	loop->timer_free = timer;
}

bool hz_loop_timer_cancel(struct hz_loop *loop, uint64_t id)
{
	uint32_t index = (uint32_t)id;
	struct api_timer *timer;

	if (index >= loop->timers_used)
		return false;
	timer = &loop->timers[index];
	if (timer->fn == NULL || timer->number != (uint32_t)(id >> 32))
		return false;
	hz_wheel_cancel(&loop->wheel, &timer->timer);
	timer_free(loop, timer);
	return true;
}

static void timer_fire(void *ctx, struct hz_timer *fired)
{
	struct api_timer *timer = HZ_CONTAINER_OF(fired, struct api_timer, timer);
	struct hz_loop *loop = ctx;
	hz_timer_fn *fn = timer->fn;
	void *fn_ctx = timer->ctx;
	const char *name = loop->api->owner[timer->owner].timer;
	uint64_t since_ns;

	since_ns = hz_api_stall_enter(loop, timer->owner, name);
	timer_free(loop, timer); /* fn may take it again */
	fn(loop, fn_ctx);
	hz_api_stall_leave(loop, name, since_ns);
}

unsigned hz_api_loop_timers(struct hz_loop *loop)
{
	return hz_wheel_advance(&loop->wheel, loop->env->now_ns, TIMERS_PER_TURN, timer_fire, loop);
}
