/* Tokens that were good when they were checked, and are until they expire: a table of fixed size, of one worker. What
 * is found is the very token, byte for byte, under the very policy. */
#ifndef HZ_JWT_CACHE_H
#define HZ_JWT_CACHE_H

#include "middleware/jwt_policy.h"

struct hz_jwt_cache; /* owned by the caller of open */

/* 0, -ENOMEM, or -errno without random numbers. Memory is touched as entries come. */
int hz_jwt_cache_open(struct hz_jwt_cache **out);
void hz_jwt_cache_close(struct hz_jwt_cache *cache); /* accepts NULL */

/* Hash of token and policy, which nobody outside can predict. token has HZ_JWT_TOKEN_BYTES_MIN at least. */
uint64_t hz_jwt_cache_tag(const struct hz_jwt_cache *cache, const struct hz_jwt_policy *policy,
                          struct hz_span token);

/* True: it is good at now_s. *subject points into the cache, until the next put. */
bool hz_jwt_cache_find(const struct hz_jwt_cache *cache, uint64_t tag,
                       const struct hz_jwt_policy *policy, struct hz_span token, uint64_t now_s,
                       struct hz_span *subject);

/* Takes the place of the entry of its set that expires first. Too long a token is not kept. */
void hz_jwt_cache_put(struct hz_jwt_cache *cache, uint64_t tag, const struct hz_jwt_policy *policy,
                      struct hz_span token, const struct hz_jwt_claims *claims);

#endif
