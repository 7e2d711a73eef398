#include "middleware/chain.h"
#include <errno.h>
#include <stddef.h>

int hz_chain_enter(const struct hz_chain *chain, struct hz_mw_worker *worker,
                   struct hz_http_req *req, struct hz_http_resp *resp)
{
	struct hz_mw_call *call = hz_arena_get(req->arena, sizeof(*call));

	if (call == NULL)
		return -ENOMEM;
	*call = (struct hz_mw_call){ .chain = chain, .worker = worker, .req = req, .resp = resp };
	req->app = call;
	return 0;
}

enum hz_mw_verdict hz_chain_before(struct hz_mw_call *call)
{
	if (call->is_waiting)
		call->entered--;
	call->is_waiting = false;
	while (call->entered < call->chain->count) {
		const struct hz_mw *mw = &call->chain->link[call->entered++];
		enum hz_mw_verdict verdict = HZ_MW_NEXT;

		if (mw->ops->before != NULL)
			verdict = mw->ops->before(mw->conf, call);
		if (verdict == HZ_MW_WAIT)
			call->is_waiting = true;
		if (verdict != HZ_MW_NEXT)
			return verdict;
	}
	return HZ_MW_NEXT;
}

void hz_chain_after(struct hz_mw_call *call)
{
	for (uint32_t i = call->entered; i-- > 0;) {
		const struct hz_mw *mw = &call->chain->link[i];

		if (mw->ops->after != NULL)
			mw->ops->after(mw->conf, call);
	}
}

void hz_chain_finish(const struct hz_mw_call *call, const struct hz_http_outcome *outcome)
{
	for (uint32_t i = call->entered; i-- > 0;) {
		const struct hz_mw *mw = &call->chain->link[i];

		if (mw->ops->finish != NULL)
			mw->ops->finish(mw->conf, call, outcome);
	}
}

void hz_chain_refused(const struct hz_mw_call *call, const struct hz_http_outcome *outcome)
{
	for (uint32_t i = call->chain->count; i-- > 0;) {
		const struct hz_mw *mw = &call->chain->link[i];

		if (mw->ops->refused != NULL)
			mw->ops->refused(mw->conf, call, outcome);
	}
}

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
	int err = 0;

	*out = (struct hz_chain){ 0 };
#define HZ_MW(name, help)                                                                          \
	if (err == 0 && set->name != NULL) {                                                       \
		*which = #name;                                                                    \
		err = hz_mw_##name##_build(set->name, &out->link[out->count]);                     \
		out->count += err == 0;                                                            \
		out->kinds |= 1u << HZ_MW_##name;                                                  \
	}
#include "core/mw.def"
#undef HZ_MW
	if (err != 0)
		hz_chain_free(out);
	return err;
}
