/* What stands between a route and its handler: a flat array of functions over constant configurations, built at load.
 * A request goes through `before` in order until one answers itself (STOP); then through `after` of those it had
 * reached, backwards, with the answer in hand; and when the answer is over through `finish` of the same, backwards.
 * Nothing is allocated but from the request's arena; a route without middleware costs one branch. */
#ifndef HZ_CHAIN_H
#define HZ_CHAIN_H

#include "core/jobs.h"
#include "core/mw_conf.h"
#include "http/http_wait.h"

enum hz_mw_verdict {
	HZ_MW_NEXT,
	HZ_MW_STOP, /* call->resp is filled */
	HZ_MW_WAIT, /* `before` is called again when the request is resumed (http/http_wait.h); resp is untouched */
};

/* What middleware keeps on one worker, across snapshots: tables and caches of fixed size, each NULL where the site
 * needs none at start. Owned by the server; used by that worker's thread alone unless its header says otherwise. */
struct hz_mw_worker {
	struct hz_env *env;
	struct hz_http_worker *http;
	struct hz_jobs *jobs; /* of all workers; jobs of this one name env->worker_index */
	const struct hz_slot *slot;
	struct hz_rate_table *rate; /* one for all workers: rate_table.h */
	struct hz_jwt_worker *jwt;  /* jwt_worker.h */
};

/* W3C trace context of a request. */
struct hz_mw_trace {
	struct hz_span request_id;
	struct hz_span trace_id;  /* 32 hexadecimal digits */
	struct hz_span span_id;   /* 16: ours */
	struct hz_span parent_id; /* 16: the caller's; empty: the trace begins here */
	struct hz_span state;     /* tracestate that goes on with it */
	struct hz_span lines;     /* all of it, as fields of the answer */
	bool is_sampled;
};

/* A request on its way through a chain; req->app points to it. In the request's arena. Spans in it point into the
 * arena or the snapshot, never into the head, which may move. */
struct hz_mw_call {
	const struct hz_chain *chain;
	struct hz_mw_worker *worker;
	struct hz_http_req *req;
	struct hz_http_resp *resp;
	uint32_t entered; /* bit per link whose `before` was called, or would have been */
	bool is_waiting;  /* the last of them said WAIT */
	bool is_refused; /* the answer is http's own: late, without memory, for a body it does not take */
	const struct hz_mw_trace *trace; /* of `trace`, in the arena; NULL: there is none */
	bool is_limited;                 /* `rate` refused it */
	uint64_t rate_left_ns;           /* else what it left of the client's bucket */
	uint32_t
		breaker; /* of `breaker`: in which of its phases this request counts; 0: in none, or not any more */
	uint64_t breaker_began_ns; /* and when it was let through */
	struct hz_span subject;    /* of `jwt`: whose token it is; empty: nobody's */
	void *waiting; /* of the link that said WAIT: its own, in the arena; NULL when it is called first */
};

struct hz_mw_ops {
	const char *name;
	enum hz_mw_verdict (*before)(const void *conf, struct hz_mw_call *call); /* NULL: NEXT */
	void (*after)(const void *conf, struct hz_mw_call *call);                /* NULL: nothing */
	void (*finish)(const void *conf, const struct hz_mw_call *call,
	               const struct hz_http_outcome *outcome); /* NULL: nothing */
	/* Instead of all of these, when the request never came to a chain: a head that was refused. */
	void (*refused)(const void *conf, const struct hz_mw_call *call,
	                const struct hz_http_outcome *outcome); /* NULL: nothing */
	void (*free)(void *conf);
};

/* One of them with its configuration, which it owns. */
struct hz_mw {
	const struct hz_mw_ops *ops;
	void *conf;
};

struct hz_chain {
	uint32_t count;
	uint32_t kinds; /* bit per enum hz_mw_kind that is in it */
	/* Bit per link that has such a function: the others cost nothing. */
	uint32_t before, after, finish, refused;
	struct hz_span route; /* name of the route; empty: of answers without one */
	struct hz_mw link[HZ_MW_COUNT];
};

/* Makes it the last link of the chain, which has room for it; the chain owns it from now on. */
void hz_chain_add(struct hz_chain *chain, struct hz_mw mw);

/* First call for a request: 0, or -ENOMEM without room in the arena. */
int hz_chain_enter(const struct hz_chain *chain, struct hz_mw_worker *worker,
                   struct hz_http_req *req, struct hz_http_resp *resp);

/* The links not passed yet; again after WAIT. */
enum hz_mw_verdict hz_chain_before_run(struct hz_mw_call *call);
static inline enum hz_mw_verdict hz_chain_before(struct hz_mw_call *call)
{
	if ((call->chain->before & ~(call->entered >> call->is_waiting)) != 0)
		return hz_chain_before_run(call);
	call->entered = UINT32_MAX;
	return HZ_MW_NEXT;
}

/* An answer exists. */
void hz_chain_after_run(struct hz_mw_call *call);
static inline void hz_chain_after(struct hz_mw_call *call)
{
	if ((call->chain->after & call->entered) != 0)
		hz_chain_after_run(call);
}

void hz_chain_finish_run(const struct hz_mw_call *call, const struct hz_http_outcome *outcome);
static inline void hz_chain_finish(const struct hz_mw_call *call,
                                   const struct hz_http_outcome *outcome)
{
	if ((call->chain->finish & call->entered) != 0)
		hz_chain_finish_run(call, outcome);
}

/* The one call for a request that entered no chain: call->entered is 0. */
void hz_chain_refused(const struct hz_mw_call *call, const struct hz_http_outcome *outcome);
void hz_chain_free(struct hz_chain *chain); /* accepts a zeroed one */

static inline struct hz_mw_call *hz_chain_call(const struct hz_http_req *req)
{
	return req->app;
}

/* Builders, one per line of mw.def: 0 with *out filled, -EINVAL or -ENOMEM. conf outlives the chain. */
#define HZ_MW(name, help)                                                                          \
	int hz_mw_##name##_build(const struct hz_mw_##name##_conf *conf, struct hz_mw *out);
#include "core/mw.def"
#undef HZ_MW

/* The chain of a route by what is configured for it. 0 or -errno, and *which says whose builder failed. */
int hz_chain_build(const struct hz_mw_set *set, struct hz_chain *out, const char **which);

#endif
