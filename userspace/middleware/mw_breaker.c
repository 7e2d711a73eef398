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

	call->breaker_began_ns = call->req->env->now_ns;
	if (HZ_LIKELY(wait_ns == 0))
		return HZ_MW_NEXT;
	hz_slot_count(call->worker->slot, HZ_COUNTER_breaker_refused);
	hz_refusal_for(call->resp, 503, wait_ns, call->req->arena);
	return HZ_MW_STOP;
}

/* The time of a request with a body is its client's as well: such a request is never late. */
static bool is_late(const struct breaker *breaker, const struct hz_mw_call *call)
{
	const struct hz_http_req *req = call->req;

	return breaker->conf->late_ns != 0 && req->content_length == 0 && !req->is_chunked &&
	       hz_env_clock_ns(req->env) > call->breaker_began_ns + breaker->conf->late_ns;
}

static void judge(const struct breaker *breaker, const struct hz_mw_call *call,
                  enum hz_breaker_result result)
{
	if (hz_breaker_leave(state_of(breaker, call), breaker->conf, call->req->env->now_ns,
	                     call->breaker, result))
		hz_slot_count(call->worker->slot, HZ_COUNTER_breaker_opened);
}

/* The handler has answered. How long its client takes to read that says nothing of it. */
static void breaker_after(const void *conf, struct hz_mw_call *call)
{
	const struct breaker *breaker = conf;
	bool is_failure = hz_http_resp_status(call->resp) >= 500 || is_late(breaker, call);

	if (call->is_refused) /* that is for `finish` */
		return;
	if (call->breaker != 0)
		judge(breaker, call, is_failure ? HZ_BREAKER_FAILURE : HZ_BREAKER_GOOD);
	call->breaker = 0;
}

/* Only of who has no answer of the handler's: its client went away, its body was refused, there was no memory for it;
 * or the handler did not answer in time. */
static void breaker_finish(const void *conf, const struct hz_mw_call *call,
                           const struct hz_http_outcome *outcome)
{
	bool is_overdue = outcome->status == 503 && outcome->answered_ns >= call->req->answer_by_ns;

	if (call->breaker != 0)
		judge(conf, call, is_overdue ? HZ_BREAKER_FAILURE : HZ_BREAKER_NONE);
}

static const struct hz_mw_ops breaker_ops = {
	.name = "breaker",
	.before = breaker_before,
	.after = breaker_after,
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
