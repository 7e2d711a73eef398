#include "jwt_rig.h"
#include "core/span_ops.h"
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

static void pem_write(EVP_PKEY *key, char *out, size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int bytes;

	if (bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1)
		abort();
	bytes = BIO_read(bio, out, (int)room - 1);
	if (bytes <= 0)
		abort();
	out[bytes] = '\0';
	BIO_free(bio);
}

static struct jwt_keys keys;

__attribute__((destructor)) static void keys_free(void)
{
	EVP_PKEY_free(keys.rsa);
	EVP_PKEY_free(keys.ec);
}

const struct jwt_keys *jwt_keys(void)
{
	if (keys.rsa != NULL)
		return &keys;
	keys.rsa = EVP_RSA_gen(2048);
	keys.ec = EVP_EC_gen("P-256");
	if (keys.rsa == NULL || keys.ec == NULL)
		abort();
	pem_write(keys.rsa, keys.rsa_pem, sizeof(keys.rsa_pem));
	pem_write(keys.ec, keys.ec_pem, sizeof(keys.ec_pem));
	return &keys;
}

size_t jwt_base64url(const void *bytes, size_t count, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = bytes;
	uint32_t bits = 0;
	unsigned have = 0;
	char *at = out;

	for (size_t i = 0; i < count; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; have -= 6)
			*at++ = digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*at++ = digits[bits << (6 - have) & 63];
	*at = '\0';
	return (size_t)(at - out);
}

/* DER, and for ECDSA the two numbers of 32 bytes that are in it. */
static size_t sign(EVP_PKEY *key, bool is_ec, const char *text, size_t bytes, uint8_t *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t der[512];
	size_t len = sizeof(der);

	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, der, &len, (const uint8_t *)text, bytes) != 1)
		abort();
	EVP_MD_CTX_free(md);
	if (is_ec) {
		const uint8_t *p = der;
		ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);

		BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32);
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32);
		ECDSA_SIG_free(sig);
		return 64;
	}
	memcpy(out, der, len);
	return len;
}

size_t jwt_sign(enum hz_jwt_alg alg, const char *header, const char *claims, char out[8192])
{
	size_t at = jwt_base64url(header, strlen(header), out);
	uint8_t signature[512];
	unsigned mac_bytes = 0;
	size_t bytes;

	out[at++] = '.';
	at += jwt_base64url(claims, strlen(claims), out + at);
	if (alg == HZ_JWT_HS256) {
		HMAC(EVP_sha256(), JWT_SECRET, sizeof(JWT_SECRET) - 1, (uint8_t *)out, at,
		     signature, &mac_bytes);
		bytes = mac_bytes;
	} else {
		bytes = sign(alg == HZ_JWT_ES256 ? jwt_keys()->ec : jwt_keys()->rsa,
		             alg == HZ_JWT_ES256, out, at, signature);
	}
	out[at++] = '.';
	return at + jwt_base64url(signature, bytes, out + at);
}

const char *jwt_header(enum hz_jwt_alg alg)
{
	static const char *const headers[] = { [HZ_JWT_HS256] = "{\"alg\":\"HS256\"}",
		                               [HZ_JWT_RS256] = "{\"alg\":\"RS256\"}",
		                               [HZ_JWT_ES256] = "{\"alg\":\"ES256\"}" };

	return headers[alg];
}

struct hz_jwt_policy_conf jwt_policy_conf(enum hz_jwt_alg alg)
{
	const char *key = alg == HZ_JWT_HS256   ? JWT_SECRET
	                  : alg == HZ_JWT_RS256 ? jwt_keys()->rsa_pem
	                                        : jwt_keys()->ec_pem;

	return (struct hz_jwt_policy_conf){ .alg = alg, .key = hz_span_text(key) };
}

struct hz_jwt_policy *jwt_policy(enum hz_jwt_alg alg)
{
	struct hz_jwt_policy_conf conf = jwt_policy_conf(alg);
	struct hz_jwt_policy *policy;
	const char *why;
	uint32_t line;

	if (hz_jwt_policy_build(&conf, &policy, &why, &line) != 0)
		abort();
	return policy;
}
