/* `timeout`: how long a route's answer may take to begin; http answers 503 then. */
#include "middleware/chain.h"

static enum hz_mw_verdict timeout_before(const void *conf, struct hz_mw_call *call)
{
	const struct hz_mw_timeout_conf *timeout = conf;
	uint64_t by_ns = call->req->env->now_ns + timeout->ns;

	if (by_ns < call->req->answer_by_ns)
		call->req->answer_by_ns = by_ns;
	return HZ_MW_NEXT;
}

static const struct hz_mw_ops timeout_ops = {
	.name = "timeout",
	.before = timeout_before,
};

int hz_mw_timeout_build(const struct hz_mw_timeout_conf *conf, struct hz_mw *out)
{
	*out = (struct hz_mw){ .ops = &timeout_ops, .conf = (void *)(uintptr_t)conf };
	return 0;
}
