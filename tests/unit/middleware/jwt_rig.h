/* Keys of tests, and tokens signed with them. */
#ifndef JWT_RIG_H
#define JWT_RIG_H

#include "middleware/jwt_policy.h"
#include <openssl/evp.h>

#define JWT_NOW    1700000000u
#define JWT_SECRET "0123456789abcdef0123456789abcdef"

struct jwt_keys {
	EVP_PKEY *rsa, *ec;
	char rsa_pem[1024], ec_pem[512]; /* the public halves */
};

/* Made once per process: 2048 bits take a moment. */
const struct jwt_keys *jwt_keys(void);

/* A token of alg over this header and these claims, as text in out; its length. */
size_t jwt_sign(enum hz_jwt_alg alg, const char *header, const char *claims, char out[8192]);

/* The header that goes with alg. */
const char *jwt_header(enum hz_jwt_alg alg);

/* The policy of alg's key with nothing asked for; aborts when it cannot be built. */
struct hz_jwt_policy *jwt_policy(enum hz_jwt_alg alg);
struct hz_jwt_policy_conf jwt_policy_conf(enum hz_jwt_alg alg);

size_t jwt_base64url(const void *bytes, size_t count, char *out); /* terminated */

#endif
