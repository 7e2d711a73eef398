/* `breaker`: while the handler fails or is late, 503 at once instead of asking it; after a while some requests go
 * through as probes. Each worker decides for itself, by what it has seen: nothing is shared. */
#include "middleware/breaker_state.h"
#include "middleware/chain.h"
#include "middleware/refusal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct breaker {
	struct hz_breaker_state state[HZ_WORKERS_MAX]; /* each written by its worker alone */
	const struct hz_mw_breaker_conf *conf;
};

static struct hz_breaker_state *state_of(const struct breaker *breaker,
                                         const struct hz_mw_call *call)
{
	uint32_t worker = call->req->env->worker_index;

	return &((struct breaker *)(uintptr_t)breaker)->state[worker];
}

static enum hz_mw_verdict breaker_before(const void *conf, struct hz_mw_call *call)
{
	const struct breaker *breaker = conf;
	uint64_t wait_ns = hz_breaker_enter(state_of(breaker, call), breaker->conf,
	                                    call->req->env->now_ns, &call->breaker);

	if (HZ_LIKELY(wait_ns == 0))
		return HZ_MW_NEXT;
	hz_slot_count(call->worker->slot, HZ_COUNTER_breaker_refused);
	hz_refusal_for(call->resp, 503, wait_ns, call->req->arena);
	return HZ_MW_STOP;
}

/* The time of a request with a body is its client's as well: such a request is never late. */
static bool is_late(const struct breaker *breaker, const struct hz_mw_call *call,
                    const struct hz_http_outcome *outcome)
{
	const struct hz_http_req *req = call->req;

	return breaker->conf->late_ns != 0 && req->content_length == 0 && !req->is_chunked &&
	       outcome->answered_ns - outcome->arrived_ns > breaker->conf->late_ns;
}

static void breaker_finish(const void *conf, const struct hz_mw_call *call,
                           const struct hz_http_outcome *outcome)
{
	const struct breaker *breaker = conf;
	enum hz_breaker_result result = HZ_BREAKER_GOOD;

	if (call->breaker == 0)
		return;
	if (outcome->status == 0)
		result = HZ_BREAKER_NONE; /* its client went away */
	else if (outcome->status >= 500 || is_late(breaker, call, outcome))
		result = HZ_BREAKER_FAILURE;
	if (hz_breaker_leave(state_of(breaker, call), breaker->conf, outcome->now_ns, call->breaker,
	                     result))
		hz_slot_count(call->worker->slot, HZ_COUNTER_breaker_opened);
}

static const struct hz_mw_ops breaker_ops = {
	.name = "breaker",
	.before = breaker_before,
	.finish = breaker_finish,
	.free = free,
};

int hz_mw_breaker_build(const struct hz_mw_breaker_conf *conf, struct hz_mw *out)
{
	struct breaker *breaker = aligned_alloc(_Alignof(struct breaker), sizeof(*breaker));

	if (breaker == NULL)
		return -ENOMEM;
	memset(breaker, 0, sizeof(*breaker));
	breaker->conf = conf;
	*out = (struct hz_mw){ .ops = &breaker_ops, .conf = breaker };
	return 0;
}
