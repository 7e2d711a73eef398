/* A signed token (RFC 7519 in the compact form of RFC 7515), apart from its signature: taking it to pieces, and holding
 * header and claims against what is wanted. */
#ifndef HZ_JWT_TOKEN_H
#define HZ_JWT_TOKEN_H

#include "core/limits.h"
#include "core/mw_conf.h"

/* In the order in which they are found. */
enum hz_jwt_verdict {
	HZ_JWT_GOOD,
	HZ_JWT_MALFORMED, /* not three parts of canonical base64url, or not such JSON */
	HZ_JWT_HEADER,    /* another algorithm, or something critical that we do not know */
	HZ_JWT_SIGNATURE,
	HZ_JWT_CLAIMS, /* exp is missing, or a claim is of the wrong kind */
	HZ_JWT_EXPIRED,
	HZ_JWT_EARLY, /* nbf or iat in the future */
	HZ_JWT_ISSUER,
	HZ_JWT_AUDIENCE,
	HZ_JWT_REVOKED,
	HZ_JWT_FAILED, /* could not be checked: no memory */
};

#define HZ_JWT_TOKEN_BYTES_MIN   64u /* no token of ours' algorithms is shorter */
#define HZ_JWT_SUBJECT_BYTES_MAX 96u
#define HZ_JWT_ID_BYTES_MAX      256u

/* Spans into the token. */
struct hz_jwt_parts {
	struct hz_span header, claims, signature; /* encoded */
	struct hz_span input;                     /* what is signed: header, dot, claims */
};

/* What a token is held against. Spans empty: not asked for; but a token with an audience is not for who has none
 * (RFC 7519 4.1.3). */
struct hz_jwt_wanted {
	enum hz_jwt_alg alg;
	struct hz_span issuer, audience;
	uint64_t now_s, leeway_s;
};

/* What is kept of a good one. */
struct hz_jwt_claims {
	uint64_t expires_s; /* the first second in which it is not good any more, leeway included */
	uint32_t subject_bytes, id_bytes;
	uint8_t subject[HZ_JWT_SUBJECT_BYTES_MAX]; /* `sub`, cut at a character */
	uint8_t id[HZ_JWT_ID_BYTES_MAX];           /* `jti` */
};

bool hz_jwt_token_split(struct hz_span token, struct hz_jwt_parts *out);
enum hz_jwt_verdict hz_jwt_token_header(const struct hz_jwt_parts *parts,
                                        const struct hz_jwt_wanted *wanted);
/* Only of a token whose signature is good. */
enum hz_jwt_verdict hz_jwt_token_claims(const struct hz_jwt_parts *parts,
                                        const struct hz_jwt_wanted *wanted,
                                        struct hz_jwt_claims *out);

#endif
