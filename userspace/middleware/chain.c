#include "middleware/chain.h"
#include <errno.h>
#include <stddef.h>

int hz_chain_enter(const struct hz_chain *chain, struct hz_mw_worker *worker,
                   struct hz_http_req *req, struct hz_http_resp *resp)
{
	struct hz_mw_call *call = hz_arena_get(req->arena, sizeof(*call));

	if (call == NULL)
		return -ENOMEM;
	/* One by one: for a whole one compilers take `rep stos`, which is slow to start. */
	call->chain = chain;
	call->worker = worker;
	call->req = req;
	call->resp = resp;
	call->entered = 0;
	call->breaker = 0;
	call->is_waiting = false;
	call->is_refused = false;
	call->is_limited = false;
	call->rate_left_ns = 0;
	call->trace = NULL;
	call->subject.data = NULL;
	call->subject.len = 0;
	call->waiting = NULL;
	req->app = call;
	return 0;
}

enum hz_mw_verdict hz_chain_before_run(struct hz_mw_call *call)
{
	const struct hz_chain *chain = call->chain;
	uint32_t left = chain->before & ~(call->entered >> call->is_waiting);

	call->is_waiting = false;
	for (; left != 0; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(left);
		enum hz_mw_verdict verdict = chain->link[i].ops->before(chain->link[i].conf, call);

		if (HZ_LIKELY(verdict == HZ_MW_NEXT))
			continue;
		call->entered = (2u << i) - 1;
		call->is_waiting = verdict == HZ_MW_WAIT;
		return verdict;
	}
	call->entered = UINT32_MAX;
	return HZ_MW_NEXT;
}

static uint32_t last_of(uint32_t links)
{
	return 31 - (uint32_t)__builtin_clz(links);
}

void hz_chain_after_run(struct hz_mw_call *call)
{
	const struct hz_chain *chain = call->chain;
	uint32_t i;

	for (uint32_t left = chain->after & call->entered; left != 0; left ^= 1u << i) {
		i = last_of(left);
		chain->link[i].ops->after(chain->link[i].conf, call);
	}
}

void hz_chain_finish_run(const struct hz_mw_call *call, const struct hz_http_outcome *outcome)
{
	const struct hz_chain *chain = call->chain;
	uint32_t i;

	for (uint32_t left = chain->finish & call->entered; left != 0; left ^= 1u << i) {
		i = last_of(left);
		chain->link[i].ops->finish(chain->link[i].conf, call, outcome);
	}
}

void hz_chain_refused(const struct hz_mw_call *call, const struct hz_http_outcome *outcome)
{
	const struct hz_chain *chain = call->chain;
	uint32_t i;

	for (uint32_t left = chain->refused; left != 0; left ^= 1u << i) {
		i = last_of(left);
		chain->link[i].ops->refused(chain->link[i].conf, call, outcome);
	}
}

void hz_chain_add(struct hz_chain *chain, struct hz_mw mw)
{
	uint32_t bit = 1u << chain->count;

	chain->before |= mw.ops->before != NULL ? bit : 0;
	chain->after |= mw.ops->after != NULL ? bit : 0;
	chain->finish |= mw.ops->finish != NULL ? bit : 0;
	chain->refused |= mw.ops->refused != NULL ? bit : 0;
	chain->link[chain->count++] = mw;
}
_Static_assert(HZ_MW_COUNT < 32, "a bit for each link");

void hz_chain_free(struct hz_chain *chain)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct hz_mw *mw = &chain->link[i];

		if (mw->ops->free != NULL)
			mw->ops->free(mw->conf);
	}
	*chain = (struct hz_chain){ 0 };
}

int hz_chain_build(const struct hz_mw_set *set, struct hz_chain *out, const char **which)
{
	struct hz_mw mw;
	int err = 0;

	*out = (struct hz_chain){ 0 };
#define HZ_MW(name, help)                                                                          \
	if (err == 0 && set->name != NULL) {                                                       \
		*which = #name;                                                                    \
		err = hz_mw_##name##_build(set->name, &mw);                                        \
		if (err == 0)                                                                      \
			hz_chain_add(out, mw);                                                     \
		out->kinds |= 1u << HZ_MW_##name;                                                  \
	}
#include "core/mw.def"
#undef HZ_MW
	if (err != 0)
		hz_chain_free(out);
	return err;
}
