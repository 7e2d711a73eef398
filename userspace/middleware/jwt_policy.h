/* What a route asks of a token: one key with one algorithm, issuer, audience, and what is revoked. Built when a site is
 * loaded; shared by the site and by the checks that are under way on helper threads. */
#ifndef HZ_JWT_POLICY_H
#define HZ_JWT_POLICY_H

#include "middleware/jwt_token.h"

struct hz_jwt_policy {
	struct hz_jwt_wanted wanted; /* without the time */
	uint64_t fingerprint[2]; /* of all that follows from key and rules: others have others */
};

struct hz_jwt_policy_conf {
	enum hz_jwt_alg alg;
	struct hz_span key; /* HS256: the secret, of 32 bytes at least; else a PEM public key */
	struct hz_span issuer, audience;
	uint32_t leeway_s;
	/* Lines `jti ID` or `sha256 HEX` (of the token up to its second dot), blank ones, and such as begin with '#'. */
	struct hz_span revoked;
};

/* 0 with one reference, -ENOMEM, or -EINVAL with why (a constant), and *line of the revoked list or 0. */
int hz_jwt_policy_build(const struct hz_jwt_policy_conf *conf, struct hz_jwt_policy **out,
                        const char **why, uint32_t *line);

/* Any thread. put accepts NULL; the last one frees, so it is not for workers. */
struct hz_jwt_policy *hz_jwt_policy_get(struct hz_jwt_policy *policy);
void hz_jwt_policy_put(struct hz_jwt_policy *policy);

/* Checks all of it at that time. On a helper thread: it takes 5 us (HS256) to 100 us, and allocates. out is written for
 * HZ_JWT_GOOD. */
enum hz_jwt_verdict hz_jwt_policy_verify(const struct hz_jwt_policy *policy, struct hz_span token,
                                         uint64_t now_s, struct hz_jwt_claims *out);

#endif
