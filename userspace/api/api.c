#include "api/api_priv.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t hz_api_version(void)
{
	return HZ_API_VERSION;
}

int hz_api_owner_add(struct hz_api *api, const struct hz_api_owner *owner)
{
	struct api_owner *own = &api->owner[api->owner_count];

	if (api->owner_count == API_OWNERS_MAX)
		return -E2BIG;
	own->conf = *owner;
	if (owner->name != NULL)
		snprintf(own->name, sizeof(own->name), "%s", owner->name);
	snprintf(own->called, sizeof(own->called), "%s",
	         owner->name != NULL ? own->name : "the program");
	snprintf(own->timer, sizeof(own->timer), owner->name != NULL ? "a timer of %s" : "a timer",
	         own->name);
	return (int)api->owner_count++;
}

int hz_api_open(const struct hz_api_owner *program, struct hz_api **out)
{
	struct hz_api *api = aligned_alloc(_Alignof(struct hz_api), sizeof(*api));

	if (api == NULL)
		return -ENOMEM;
	memset(api, 0, sizeof(*api));
	(void)hz_api_owner_add(api, program);
	api->is_closed = true;
	api->failer = API_OWNERS_MAX;
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		api->loop[i].api = api;
	*out = api;
	return 0;
}

/* What came after the worker's last turn: its requests are over. */
static void loop_close(struct hz_loop *loop)
{
	if (!loop->is_begun)
		return;
	hz_api_ticket_turn(loop);
	free(loop->timers);
	hz_pool_close(&loop->tickets);
}

void hz_api_close(struct hz_api *api)
{
	if (api == NULL)
		return;
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		loop_close(&api->loop[i]);
	free(api);
}

void hz_api_start(struct hz_api *api, const struct hz_api_run *run)
{
	api->run = *run;
	__atomic_store_n(&api->is_closed, false, __ATOMIC_SEQ_CST);
}

void hz_api_seat(struct hz_api *api, uint32_t worker, struct hz_env *env,
                 const struct hz_slot *slot)
{
	api->loop[worker].env = env;
	api->loop[worker].slot = slot;
}

/* Either a ringer sees is_closed, or we see the ringer. */
void hz_api_stop(struct hz_api *api)
{
	if (api == NULL)
		return;
	__atomic_store_n(&api->is_closed, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&api->ringers, __ATOMIC_SEQ_CST) != 0)
		sched_yield();
}

void hz_api_loop_ring(struct hz_loop *loop)
{
	struct hz_api *api = loop->api;

	__atomic_fetch_add(&api->ringers, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&api->is_closed, __ATOMIC_SEQ_CST))
		api->run.ring(api->run.ring_ctx, (uint32_t)(loop - api->loop));
	__atomic_fetch_sub(&api->ringers, 1, __ATOMIC_SEQ_CST);
}

unsigned hz_api_turn(struct hz_api *api, uint32_t worker)
{
	struct hz_loop *loop = &api->loop[worker];

	if (HZ_UNLIKELY(!hz_api_loop_begin(loop)))
		return 0;
	return hz_api_ticket_turn(loop) + hz_api_loop_timers(loop);
}

uint64_t hz_api_turn_due_ns(const struct hz_api *api, uint32_t worker)
{
	const struct hz_loop *loop = &api->loop[worker];

	return loop->is_begun ? hz_wheel_next_ns(&loop->wheel) : UINT64_MAX;
}

void hz_api_end(struct hz_api *api, uint32_t worker)
{
	struct hz_loop *loop = &api->loop[worker];

	while (loop->begun_count > 0) {
		const uint32_t owner = --loop->begun_count;
		const struct hz_api_owner *conf = &api->owner[owner].conf;
		const char *name = api->owner[owner].called;
		uint64_t since_ns = hz_api_stall_enter(loop, owner, name);

		if (conf->end != NULL)
			conf->end(loop, conf->ctx, loop->ctx[owner]);
		hz_api_stall_leave(loop, name, since_ns);
	}
}

uint32_t hz_api_tickets(const struct hz_api *api, uint32_t worker)
{
	return api != NULL ? hz_pool_in_use(&api->loop[worker].tickets) : 0;
}

int hz_api_failed(const struct hz_api *api, const char **whose)
{
	int failed = __atomic_load_n(&api->failed, __ATOMIC_ACQUIRE);

	if (failed != 0)
		*whose = api->owner[api->failer].name;
	return failed;
}

int hz_api_struct_copy(void *to, size_t to_size, const void *from)
{
	const uint8_t *bytes = from;
	size_t size;

	if (from == NULL)
		return -EINVAL;
	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	for (size_t i = to_size; i < size; i++)
		if (bytes[i] != 0)
			return -E2BIG;
	memset(to, 0, to_size);
	memcpy(to, from, HZ_MIN(size, to_size));
	return 0;
}
