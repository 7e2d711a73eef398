/* Who blocks a worker. The worker says whose code it is in; housekeeping looks from outside, so that even a call that
 * never returns is named. */
#include "api/api_priv.h"
#include "core/clock.h"
#include "core/log.h"
#include <stdio.h>

uint64_t hz_api_stall_enter(struct hz_loop *loop, uint32_t owner, const char *name)
{
	uint64_t now_ns = hz_env_clock_ns(loop->env);

	loop->owner = owner;
	__atomic_store_n(&loop->running_since_ns, now_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->running, name, __ATOMIC_RELEASE);
	return now_ns;
}

void hz_api_stall_leave(struct hz_loop *loop, const char *name, uint64_t since_ns)
{
	uint64_t now_ns = hz_env_clock_ns(loop->env);

	__atomic_store_n(&loop->running, NULL, __ATOMIC_RELEASE);
	if (HZ_LIKELY(now_ns <= since_ns || now_ns - since_ns <= loop->api->run.stall_ns))
		return;
	hz_slot_count(loop->slot, HZ_COUNTER_handler_stalled);
	if (__atomic_load_n(&loop->stall.is_full, __ATOMIC_ACQUIRE))
		return;
	loop->stall.took_ns = now_ns - since_ns;
	snprintf(loop->stall.name, sizeof(loop->stall.name), "%s", name);
	__atomic_store_n(&loop->stall.is_full, true, __ATOMIC_RELEASE);
}

/* A name seen in running lives for as long as this thread does not free a snapshot: it was of a pinned one. */
static void loop_watch(struct hz_loop *loop, uint32_t worker, uint64_t now_ns)
{
	const uint64_t stall_ns = loop->api->run.stall_ns;
	const char *running = __atomic_load_n(&loop->running, __ATOMIC_ACQUIRE);
	uint64_t since_ns = __atomic_load_n(&loop->running_since_ns, __ATOMIC_RELAXED);

	if (now_ns - loop->told_ns < HZ_NS_PER_S)
		return;
	if (running != NULL && now_ns > since_ns && now_ns - since_ns > stall_ns) {
		hz_log(HZ_LOG_WARN, "worker %u: '%s' blocks it, for %llu ms now", worker, running,
		       (unsigned long long)((now_ns - since_ns) / HZ_NS_PER_MS));
	} else if (__atomic_load_n(&loop->stall.is_full, __ATOMIC_ACQUIRE)) {
		hz_log(HZ_LOG_WARN, "worker %u: '%s' blocked it for %llu ms", worker,
		       loop->stall.name, (unsigned long long)(loop->stall.took_ns / HZ_NS_PER_MS));
		__atomic_store_n(&loop->stall.is_full, false, __ATOMIC_RELEASE);
	} else {
		return;
	}
	loop->told_ns = now_ns;
}

bool hz_api_running(const struct hz_api *api, uint64_t longer_ns, uint32_t *worker,
                    char name[HZ_API_NAME_MAX + 16])
{
	const uint64_t now_ns = hz_clock_monotonic_ns();

	for (uint32_t i = 0; api != NULL && i < HZ_WORKERS_MAX; i++) {
		const struct hz_loop *loop = &api->loop[i];
		const char *running = __atomic_load_n(&loop->running, __ATOMIC_ACQUIRE);
		uint64_t since_ns = __atomic_load_n(&loop->running_since_ns, __ATOMIC_RELAXED);

		if (running == NULL || now_ns < since_ns || now_ns - since_ns < longer_ns)
			continue;
		snprintf(name, HZ_API_NAME_MAX + 16, "%s", running);
		*worker = i;
		return true;
	}
	return false;
}

void hz_api_watch(struct hz_api *api, uint64_t now_ns)
{
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		loop_watch(&api->loop[i], i, now_ns);
}
