/* What `jwt` keeps on a worker: tokens that were good, and checks that helper threads are at. Used by that worker's
 * thread alone, but for what a check takes with it. */
#ifndef HZ_JWT_WORKER_H
#define HZ_JWT_WORKER_H

#include "middleware/chain.h"
#include "middleware/jwt_cache.h"

struct hz_jwt_worker; /* owned by the caller of open */

/* What a request waits for; in its arena, named by call->waiting. */
struct hz_jwt_wait {
	bool is_asked; /* a check of its own is under way; else it waits for that of the same token */
	bool is_done; /* verdict and claims are set */
	enum hz_jwt_verdict verdict;
	struct hz_jwt_claims claims;
};

/* After http is set in worker; worker outlives it. 0 or -errno. close when no job of it is left; accepts NULL. */
int hz_jwt_worker_open(struct hz_mw_worker *worker, struct hz_jwt_worker **out);
void hz_jwt_worker_close(struct hz_jwt_worker *jwt);

struct hz_jwt_cache *hz_jwt_worker_cache(const struct hz_jwt_worker *jwt);

/* A check of this very tag is under way. */
bool hz_jwt_worker_is_checking(const struct hz_jwt_worker *jwt, uint64_t tag);

/* Has the token of call's request checked; when that is done, wait is filled, if the request is still there, and it is
 * resumed. False: as many as may be are being checked. */
bool hz_jwt_worker_check(struct hz_jwt_worker *jwt, struct hz_jwt_policy *policy, uint64_t tag,
                         struct hz_span token, const struct hz_mw_call *call);

#endif
