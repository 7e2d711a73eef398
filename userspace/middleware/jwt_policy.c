#include "middleware/jwt_policy.h"
#include "core/base.h"
#include "core/span_ops.h"
#include "middleware/base64url.h"
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define SECRET_BYTES_MIN    32u /* RFC 7518 3.2 */
#define SECRET_BYTES_MAX    1024u
#define RSA_BITS_MIN        2048 /* RFC 7518 3.3 */
#define RSA_BITS_MAX        8192
#define ES256_NUMBER_BYTES  32u
#define SIGNATURE_BYTES_MAX (RSA_BITS_MAX / 8)

struct digest {
	uint8_t byte[SHA256_DIGEST_LENGTH];
};

/* What jwt_policy.h shows, and what it does not. */
struct policy {
	struct hz_jwt_policy shown; /* first */
	uint32_t refs;              /* atomic */
	uint32_t secret_bytes;      /* HS256 */
	uint8_t secret[SECRET_BYTES_MAX];
	EVP_PKEY *key;          /* else; owned */
	struct digest *revoked; /* sorted; owned */
	uint32_t revoked_count;
	uint8_t *text; /* of issuer and audience; owned */
};

static struct policy *policy_of(const struct hz_jwt_policy *shown)
{
	return HZ_CONTAINER_OF((struct hz_jwt_policy *)(uintptr_t)shown, struct policy, shown);
}

/* --- keys -------------------------------------------------------------------------------------------- */

static int secret_take(struct policy *policy, struct hz_span key, const char **why)
{
	if (key.len > 0 && key.data[key.len - 1] == '\n')
		key.len--; /* as editors and `openssl rand -base64` leave it */
	if (key.len > 0 && key.data[key.len - 1] == '\r')
		key.len--;
	if (memmem(key.data, key.len, "-----BEGIN", 10) != NULL) {
		*why = "a PEM key is no secret of HS256: everybody may know it";
		return -EINVAL;
	}
	if (key.len < SECRET_BYTES_MIN || key.len > SECRET_BYTES_MAX) {
		*why = "a secret of HS256 has 32 to 1024 bytes (openssl rand -base64 32)";
		return -EINVAL;
	}
	memcpy(policy->secret, key.data, key.len);
	policy->secret_bytes = (uint32_t)key.len;
	return 0;
}

static bool is_p256(const EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       OBJ_txt2nid(group) == NID_X9_62_prime256v1;
}

static bool is_rsa(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= RSA_BITS_MIN &&
	       bits <= RSA_BITS_MAX;
}

static int public_key_take(struct policy *policy, struct hz_span key, const char **why)
{
	bool is_es256 = policy->shown.wanted.alg == HZ_JWT_ES256;
	BIO *bio;

	*why = "not a public key in PEM (openssl pkey -pubout)";
	if (key.len == 0 || key.len > INT32_MAX ||
	    memmem(key.data, key.len, "PRIVATE KEY", 11) != NULL)
		return -EINVAL;
	bio = BIO_new_mem_buf(key.data, (int)key.len);
	if (bio == NULL)
		return -ENOMEM;
	policy->key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (policy->key == NULL)
		return -EINVAL;
	if (is_es256 ? is_p256(policy->key) : is_rsa(policy->key))
		return 0;
	*why = is_es256 ? "ES256 needs a key on P-256"
	                : "RS256 needs an RSA key of 2048 to 8192 bits";
	return -EINVAL;
}

/* --- what is revoked --------------------------------------------------------------------------------- */

/* The name keeps an id apart from a token with the same bytes. */
static struct digest id_digest(struct hz_span id)
{
	uint8_t text[4 + HZ_JWT_ID_BYTES_MAX] = "jti ";
	struct digest digest;

	memcpy(text + 4, id.data, id.len);
	SHA256(text, 4 + id.len, digest.byte);
	return digest;
}

/* Of what is signed: whoever has an ECDSA signature can make another one of it. */
static struct digest input_digest(struct hz_span input)
{
	struct digest digest;

	SHA256(input.data, input.len, digest.byte);
	return digest;
}

static bool digest_read(struct hz_span hex, struct digest *out)
{
	if (hex.len != 2 * sizeof(out->byte))
		return false;
	for (size_t i = 0; i < sizeof(out->byte); i++) {
		int high = hz_hex_digit(hex.data[2 * i]), low = hz_hex_digit(hex.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->byte[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool revoked_line(struct policy *policy, struct hz_span line)
{
	const struct hz_span id = HZ_SPAN_LITERAL("jti "), sha256 = HZ_SPAN_LITERAL("sha256 ");
	struct digest *to = &policy->revoked[policy->revoked_count];

	line = hz_span_trim(line);
	if (line.len == 0 || line.data[0] == '#')
		return true;
	if (hz_span_starts_with(line, id)) {
		line = hz_span_trim(hz_span_skip(line, id.len));
		if (line.len == 0 || line.len > HZ_JWT_ID_BYTES_MAX)
			return false;
		*to = id_digest(line);
	} else if (!hz_span_starts_with(line, sha256) ||
	           !digest_read(hz_span_trim(hz_span_skip(line, sha256.len)), to)) {
		return false;
	}
	policy->revoked_count++;
	return true;
}

static int digest_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static int revoked_take(struct policy *policy, struct hz_span text, const char **why,
                        uint32_t *line_number)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	*why = "more lines than the list of what is revoked may have";
	if (lines > HZ_LIMIT_jwt_revoked_max)
		return -EINVAL;
	policy->revoked = calloc(lines, sizeof(*policy->revoked));
	if (policy->revoked == NULL)
		return -ENOMEM;
	*why = "neither 'jti ID' nor 'sha256 HEX' of a token";
	for (*line_number = 1; text.len > 0; ++*line_number) {
		struct hz_span line = hz_span_first(text, hz_span_find(text, '\n'));

		text = hz_span_skip(text, line.len + 1);
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		if (!revoked_line(policy, line))
			return -EINVAL;
	}
	*line_number = 0;
	qsort(policy->revoked, policy->revoked_count, sizeof(*policy->revoked), digest_compare);
	return 0;
}

static bool is_revoked(const struct policy *policy, const struct digest *digest)
{
	return policy->revoked_count > 0 && bsearch(digest, policy->revoked, policy->revoked_count,
	                                            sizeof(*digest), digest_compare) != NULL;
}

/* --- building ---------------------------------------------------------------------------------------- */

static bool hash_span(EVP_MD_CTX *md, struct hz_span span)
{
	uint64_t bytes = span.len; /* first, so that two texts do not look like one */

	return EVP_DigestUpdate(md, &bytes, sizeof(bytes)) == 1 &&
	       EVP_DigestUpdate(md, span.data, span.len) == 1;
}

/* Whoever has another key, rule or list does not find what a cache has kept for this one. */
static int fingerprint_set(struct policy *policy, const struct hz_jwt_policy_conf *conf)
{
	const uint32_t numbers[2] = { (uint32_t)conf->alg, conf->leeway_s };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct digest digest;
	bool is_good =
		md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(md, numbers, sizeof(numbers)) == 1 && hash_span(md, conf->key) &&
		hash_span(md, conf->issuer) && hash_span(md, conf->audience) &&
		hash_span(md,
	                  (struct hz_span){ (const uint8_t *)policy->revoked,
	                                    policy->revoked_count * sizeof(*policy->revoked) }) &&
		EVP_DigestFinal_ex(md, digest.byte, NULL) == 1;

	EVP_MD_CTX_free(md);
	if (!is_good)
		return -ENOMEM;
	memcpy(policy->shown.fingerprint, digest.byte, sizeof(policy->shown.fingerprint));
	return 0;
}

static int texts_copy(struct policy *policy, const struct hz_jwt_policy_conf *conf)
{
	size_t bytes = conf->issuer.len + conf->audience.len;

	policy->text = malloc(bytes + 1);
	if (policy->text == NULL)
		return -ENOMEM;
	if (conf->issuer.len > 0)
		memcpy(policy->text, conf->issuer.data, conf->issuer.len);
	if (conf->audience.len > 0)
		memcpy(policy->text + conf->issuer.len, conf->audience.data, conf->audience.len);
	policy->shown.wanted = (struct hz_jwt_wanted){
		.alg = conf->alg,
		.issuer = { policy->text, conf->issuer.len },
		.audience = { policy->text + conf->issuer.len, conf->audience.len },
		.leeway_s = conf->leeway_s,
	};
	return 0;
}

static void policy_free(struct policy *policy)
{
	OPENSSL_cleanse(policy->secret, sizeof(policy->secret));
	EVP_PKEY_free(policy->key);
	free(policy->revoked);
	free(policy->text);
	free(policy);
}

int hz_jwt_policy_build(const struct hz_jwt_policy_conf *conf, struct hz_jwt_policy **out,
                        const char **why, uint32_t *line)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	int err;

	*line = 0;
	*why = "no memory";
	if (policy == NULL)
		return -ENOMEM;
	policy->refs = 1;
	err = texts_copy(policy, conf);
	if (err == 0)
		err = conf->alg == HZ_JWT_HS256 ? secret_take(policy, conf->key, why)
		                                : public_key_take(policy, conf->key, why);
	if (err == 0)
		err = revoked_take(policy, conf->revoked, why, line);
	if (err == 0)
		err = fingerprint_set(policy, conf);
	if (err != 0) {
		policy_free(policy);
		return err;
	}
	*out = &policy->shown;
	return 0;
}

struct hz_jwt_policy *hz_jwt_policy_get(struct hz_jwt_policy *shown)
{
	__atomic_fetch_add(&policy_of(shown)->refs, 1, __ATOMIC_RELAXED);
	return shown;
}

void hz_jwt_policy_put(struct hz_jwt_policy *shown)
{
	if (shown != NULL && __atomic_sub_fetch(&policy_of(shown)->refs, 1, __ATOMIC_ACQ_REL) == 0)
		policy_free(policy_of(shown));
}

/* --- verifying --------------------------------------------------------------------------------------- */

static enum hz_jwt_verdict hs256_verify(const struct policy *policy, struct hz_span input,
                                        struct hz_span signature)
{
	uint8_t mac[SHA256_DIGEST_LENGTH];
	unsigned bytes = 0;

	if (HMAC(EVP_sha256(), policy->secret, (int)policy->secret_bytes, input.data, input.len,
	         mac, &bytes) == NULL)
		return HZ_JWT_FAILED;
	return signature.len == sizeof(mac) && CRYPTO_memcmp(mac, signature.data, sizeof(mac)) == 0
	               ? HZ_JWT_GOOD
	               : HZ_JWT_SIGNATURE;
}

static enum hz_jwt_verdict digest_verify(const struct policy *policy, struct hz_span input,
                                         const uint8_t *signature, size_t bytes)
{
	enum hz_jwt_verdict verdict = HZ_JWT_FAILED;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md != NULL && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, policy->key) == 1)
		verdict = EVP_DigestVerify(md, signature, bytes, input.data, input.len) == 1
		                  ? HZ_JWT_GOOD
		                  : HZ_JWT_SIGNATURE;
	EVP_MD_CTX_free(md);
	return verdict;
}

/* RFC 7518 3.4 has the two numbers as they are, OpenSSL wants them in DER. */
static enum hz_jwt_verdict es256_verify(const struct policy *policy, struct hz_span input,
                                        struct hz_span signature)
{
	enum hz_jwt_verdict verdict = HZ_JWT_FAILED;
	ECDSA_SIG *numbers;
	uint8_t *der = NULL;
	BIGNUM *r, *s;
	int bytes;

	if (signature.len != 2 * ES256_NUMBER_BYTES)
		return HZ_JWT_SIGNATURE;
	numbers = ECDSA_SIG_new();
	r = BN_bin2bn(signature.data, ES256_NUMBER_BYTES, NULL);
	s = BN_bin2bn(signature.data + ES256_NUMBER_BYTES, ES256_NUMBER_BYTES, NULL);
	if (numbers == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(numbers, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(numbers);
		return HZ_JWT_FAILED;
	}
	bytes = i2d_ECDSA_SIG(numbers, &der);
	if (bytes > 0)
		verdict = digest_verify(policy, input, der, (size_t)bytes);
	OPENSSL_free(der);
	ECDSA_SIG_free(numbers);
	return verdict;
}

static enum hz_jwt_verdict signature_verify(const struct policy *policy,
                                            const struct hz_jwt_parts *parts)
{
	uint8_t bytes[SIGNATURE_BYTES_MAX];
	struct hz_span signature = { bytes, HZ_BASE64URL_BYTES(parts->signature.len) };

	if (signature.len > sizeof(bytes))
		return HZ_JWT_SIGNATURE;
	if (hz_base64url_decode(parts->signature, bytes) != 0)
		return HZ_JWT_MALFORMED;
	switch (policy->shown.wanted.alg) {
	case HZ_JWT_HS256:
		return hs256_verify(policy, parts->input, signature);
	case HZ_JWT_ES256:
		return es256_verify(policy, parts->input, signature);
	case HZ_JWT_RS256:
		if (signature.len != (size_t)EVP_PKEY_get_size(policy->key))
			return HZ_JWT_SIGNATURE;
		return digest_verify(policy, parts->input, signature.data, signature.len);
	}
	return HZ_JWT_FAILED;
}

enum hz_jwt_verdict hz_jwt_policy_verify(const struct hz_jwt_policy *shown, struct hz_span token,
                                         uint64_t now_s, struct hz_jwt_claims *out)
{
	const struct policy *policy = policy_of(shown);
	struct hz_jwt_wanted wanted = shown->wanted;
	enum hz_jwt_verdict verdict;
	struct hz_jwt_parts parts;
	struct digest digest;

	wanted.now_s = now_s;
	if (!hz_jwt_token_split(token, &parts))
		return HZ_JWT_MALFORMED;
	verdict = hz_jwt_token_header(&parts, &wanted);
	if (verdict == HZ_JWT_GOOD)
		verdict = signature_verify(policy, &parts);
	if (verdict == HZ_JWT_GOOD)
		verdict = hz_jwt_token_claims(&parts, &wanted, out);
	if (verdict != HZ_JWT_GOOD || policy->revoked_count == 0)
		return verdict;
	digest = input_digest(parts.input);
	if (is_revoked(policy, &digest))
		return HZ_JWT_REVOKED;
	digest = id_digest((struct hz_span){ out->id, out->id_bytes });
	return out->id_bytes > 0 && is_revoked(policy, &digest) ? HZ_JWT_REVOKED : HZ_JWT_GOOD;
}
