#include "middleware/jwt_worker.h"
#include "core/pool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One token on its way to a helper and back. */
struct check {
	struct hz_job job;
	struct hz_jwt_worker *jwt;
	struct hz_jwt_policy
		*policy; /* a reference until run or drop; then only its address is compared */
	uint64_t ticket, tag, now_s;
	enum hz_jwt_verdict verdict;
	uint32_t token_bytes;
	uint64_t fingerprint[2];
	struct hz_jwt_claims claims;
	uint8_t token[HZ_LIMIT_jwt_token_bytes_max];
};

struct hz_jwt_worker {
	struct hz_mw_worker *worker;
	struct hz_jwt_cache *cache;
	struct hz_pool checks;
	uint64_t tag[HZ_LIMIT_jwt_checks_max]; /* of those under way; 0: free */
};

int hz_jwt_worker_open(struct hz_mw_worker *worker, struct hz_jwt_worker **out)
{
	struct hz_jwt_worker *jwt = calloc(1, sizeof(*jwt));
	int err;

	if (jwt == NULL)
		return -ENOMEM;
	jwt->worker = worker;
	err = hz_pool_open(&jwt->checks, sizeof(struct check), HZ_LIMIT_jwt_checks_max, 0);
	if (err == 0)
		err = hz_jwt_cache_open(&jwt->cache);
	if (err != 0) {
		hz_jwt_worker_close(jwt);
		return err;
	}
	*out = jwt;
	return 0;
}

void hz_jwt_worker_close(struct hz_jwt_worker *jwt)
{
	if (jwt == NULL)
		return;
	hz_jwt_cache_close(jwt->cache);
	hz_pool_close(&jwt->checks);
	free(jwt);
}

struct hz_jwt_cache *hz_jwt_worker_cache(const struct hz_jwt_worker *jwt)
{
	return jwt->cache;
}

bool hz_jwt_worker_is_checking(const struct hz_jwt_worker *jwt, uint64_t tag)
{
	for (uint32_t i = 0; i < jwt->checks.touched; i++) {
		if (jwt->tag[i] == tag)
			return true;
	}
	return false;
}

/* The reference is put here, where freeing may be slow, not on the worker. */
static void check_run(struct hz_job *job)
{
	struct check *check = HZ_CONTAINER_OF(job, struct check, job);
	const struct hz_span token = { check->token, check->token_bytes };

	check->verdict = hz_jwt_policy_verify(check->policy, token, check->now_s, &check->claims);
	hz_jwt_policy_put(check->policy);
	check->policy = NULL;
}

static void check_drop(struct hz_job *job)
{
	hz_jwt_policy_put(HZ_CONTAINER_OF(job, struct check, job)->policy);
}

static void request_tell(const struct check *check)
{
	struct hz_http_req *req = hz_http_waiting(check->jwt->worker->http, check->ticket);
	struct hz_jwt_wait *wait;

	if (req == NULL)
		return;
	wait = hz_chain_call(req)->waiting;
	if (wait == NULL) /* it has its answer: it took too long */
		return;
	wait->is_done = true;
	wait->verdict = check->verdict;
	if (check->verdict == HZ_JWT_GOOD)
		wait->claims = check->claims;
	hz_http_resume(req);
}

static void check_done(struct hz_job *job)
{
	struct check *check = HZ_CONTAINER_OF(job, struct check, job);
	struct hz_jwt_worker *jwt = check->jwt;
	/* The cache asks a policy for its fingerprint only; the policy itself may be gone. */
	const struct hz_jwt_policy known = {
		.fingerprint = { check->fingerprint[0], check->fingerprint[1] },
	};

	if (check->verdict == HZ_JWT_GOOD)
		hz_jwt_cache_put(jwt->cache, check->tag, &known,
		                 (struct hz_span){ check->token, check->token_bytes },
		                 &check->claims);
	request_tell(check);
	jwt->tag[hz_pool_index(&jwt->checks, check)] = 0;
	hz_pool_put(&jwt->checks, check);
}

bool hz_jwt_worker_check(struct hz_jwt_worker *jwt, struct hz_jwt_policy *policy, uint64_t tag,
                         struct hz_span token, const struct hz_mw_call *call)
{
	struct check *check = hz_pool_get(&jwt->checks);

	if (check == NULL)
		return false;
	check->job = (struct hz_job){
		.worker = jwt->worker->env->worker_index,
		.run = check_run,
		.done = check_done,
		.drop = check_drop,
	};
	check->jwt = jwt;
	check->policy = hz_jwt_policy_get(policy);
	memcpy(check->fingerprint, policy->fingerprint, sizeof(check->fingerprint));
	check->ticket = hz_http_ticket(call->req);
	check->tag = tag;
	check->now_s = jwt->worker->env->unix_s;
	check->token_bytes = (uint32_t)token.len;
	memcpy(check->token, token.data, token.len);
	if (!hz_jobs_post(jwt->worker->jobs, &check->job)) {
		hz_jwt_policy_put(check->policy); /* never the last: the site holds one */
		hz_pool_put(&jwt->checks, check);
		return false;
	}
	jwt->tag[hz_pool_index(&jwt->checks, check)] = tag;
	return true;
}
