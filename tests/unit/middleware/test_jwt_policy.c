/* Tokens against a policy: the vectors of RFC 7515, what is refused and why, what is revoked. */
#include "core/span_ops.h"
#include "hz_test.h"
#include "jwt_rig.h"
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

static const enum hz_jwt_alg algs[] = { HZ_JWT_HS256, HZ_JWT_RS256, HZ_JWT_ES256 };

static enum hz_jwt_verdict verify_span(const struct hz_jwt_policy *policy, struct hz_span token)
{
	struct hz_jwt_claims claims;
	uint8_t *exact = malloc(token.len + 1);
	enum hz_jwt_verdict verdict;

	memcpy(exact, token.data, token.len);
	exact = realloc(exact, token.len > 0 ? token.len : 1);
	verdict = hz_jwt_policy_verify(policy, (struct hz_span){ exact, token.len }, JWT_NOW,
	                               &claims);
	free(exact);
	return verdict;
}

static enum hz_jwt_verdict verify(const struct hz_jwt_policy *policy, const char *token)
{
	return verify_span(policy, hz_span_text(token));
}

/* Signed well, over these. */
static enum hz_jwt_verdict signed_verdict(const struct hz_jwt_policy *policy, enum hz_jwt_alg alg,
                                          const char *header, const char *claims)
{
	char token[8192];

	jwt_sign(alg, header, claims, token);
	return verify(policy, token);
}

#define RFC_CLAIMS                                                                                 \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"
#define RFC_EXP 1300819380u

/* RFC 7515, appendices A.1 to A.3. */
static void vectors_of_rfc_7515_are_good_until_they_expire(void)
{
	static const char hs256_key[] =
		"\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6"
		"\xf0\x54\xc9\x28\xa9\x0f\x84\xb2\xd2\x50\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef"
		"\x96\x8a\xb4\xc3\x77\x62\x3d\x22\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5"
		"\x67\xd0\x80\xa3";
	static const char rsa_key[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
		"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
		"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
		"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
		"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
		"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
		"oQIDAQAB\n-----END PUBLIC KEY-----\n";
	static const char ec_key[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
		"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
		"-----END PUBLIC KEY-----\n";
	static const struct {
		enum hz_jwt_alg alg;
		struct hz_span key;
		const char *token;
	} rows[] = {
		{ HZ_JWT_HS256,
		  { (const uint8_t *)hs256_key, sizeof(hs256_key) - 1 },
		  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_CLAIMS
		  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
		{ HZ_JWT_RS256,
		  { (const uint8_t *)rsa_key, sizeof(rsa_key) - 1 },
		  "eyJhbGciOiJSUzI1NiJ9." RFC_CLAIMS
		  ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
		  "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75"
		  "vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHW"
		  "EsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlV"
		  "mtVrBp0igcN_IoypGlUPQGe77Rw" },
		{ HZ_JWT_ES256,
		  { (const uint8_t *)ec_key, sizeof(ec_key) - 1 },
		  "eyJhbGciOiJFUzI1NiJ9." RFC_CLAIMS
		  ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3"
		  "-Kg6NU1Q" },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_jwt_policy_conf conf = { .alg = rows[i].alg,
			                           .key = rows[i].key,
			                           .issuer = HZ_SPAN_LITERAL("joe") };
		struct hz_jwt_policy *policy;
		struct hz_jwt_claims claims;
		const char *why = "";
		uint32_t line;

		CU_ASSERT_EQUAL_FATAL(hz_jwt_policy_build(&conf, &policy, &why, &line), 0);
		CU_ASSERT_EQUAL(hz_jwt_policy_verify(policy, hz_span_text(rows[i].token),
		                                     RFC_EXP - 1, &claims),
		                HZ_JWT_GOOD);
		CU_ASSERT_EQUAL(claims.expires_s, RFC_EXP);
		CU_ASSERT_EQUAL(
			hz_jwt_policy_verify(policy, hz_span_text(rows[i].token), RFC_EXP, &claims),
			HZ_JWT_EXPIRED);
		/* Each with the key of the others. */
		for (size_t k = 0; k < HZ_ARRAY_LEN(rows); k++) {
			enum hz_jwt_verdict verdict = hz_jwt_policy_verify(
				policy, hz_span_text(rows[k].token), RFC_EXP - 1, &claims);

			CU_ASSERT_EQUAL(verdict, k == i ? HZ_JWT_GOOD : HZ_JWT_HEADER);
		}
		hz_jwt_policy_put(policy);
	}
}

static void token_with_any_byte_changed_is_refused(void)
{
	for (size_t a = 0; a < HZ_ARRAY_LEN(algs); a++) {
		struct hz_jwt_policy *policy = jwt_policy(algs[a]);
		char token[8192];
		size_t bytes =
			jwt_sign(algs[a], jwt_header(algs[a]), "{\"exp\":1800000000}", token);

		CU_ASSERT_EQUAL(verify(policy, token), HZ_JWT_GOOD);
		for (size_t i = 0; i<bytes; i += bytes> 200 ? 3 : 1) {
			char kept = token[i];

			token[i] = kept == 'A' ? 'B' : 'A';
			CU_ASSERT_NOT_EQUAL(verify(policy, token), HZ_JWT_GOOD);
			token[i] = kept;
		}
		for (size_t i = 0; i < bytes; i++)
			CU_ASSERT_NOT_EQUAL(
				verify_span(policy, (struct hz_span){ (uint8_t *)token, i }),
				HZ_JWT_GOOD);
		memcpy(token + bytes, "=", 2);
		CU_ASSERT_NOT_EQUAL(verify(policy, token), HZ_JWT_GOOD);
		memcpy(token + bytes, ".", 2);
		CU_ASSERT_NOT_EQUAL(verify(policy, token), HZ_JWT_GOOD);
		memcpy(token + bytes, "A", 2);
		CU_ASSERT_NOT_EQUAL(verify(policy, token), HZ_JWT_GOOD);
		hz_jwt_policy_put(policy);
	}
}

static void header_that_is_not_exactly_wanted_is_refused(void)
{
	static const struct {
		const char *header;
		enum hz_jwt_verdict verdict;
	} rows[] = {
		{ "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../etc/passwd\"}", HZ_JWT_GOOD },
		{ "{\"typ\":\"at+jwt\",\"alg\":\"\\u0048S256\"}", HZ_JWT_GOOD },
		{ "{\"alg\":\"none\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"None\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"hs256\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256 \"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS384\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"RS256\"}", HZ_JWT_HEADER },
		{ "{\"alg\":null}", HZ_JWT_HEADER },
		{ "{\"alg\":[\"HS256\"]}", HZ_JWT_HEADER },
		{ "{}", HZ_JWT_HEADER },
		{ "{\"Alg\":\"HS256\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", HZ_JWT_MALFORMED },
		{ "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", HZ_JWT_MALFORMED },
		{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"b64\":false}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"enc\":\"A128GCM\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\",\"typ\":1}", HZ_JWT_HEADER },
		{ "{\"alg\":\"HS256\"} ", HZ_JWT_GOOD },
		{ "{\"alg\":\"HS256\"}x", HZ_JWT_MALFORMED },
		{ "[\"HS256\"]", HZ_JWT_MALFORMED },
		{ "{\"alg\":\"HS256\",}", HZ_JWT_MALFORMED },
	};
	struct hz_jwt_policy *policy = jwt_policy(HZ_JWT_HS256);

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		enum hz_jwt_verdict verdict = signed_verdict(policy, HZ_JWT_HS256, rows[i].header,
		                                             "{\"exp\":1800000000,\"sub\":\"x\"}");

		if (verdict != rows[i].verdict)
			fprintf(stderr, "%s: %d\n", rows[i].header, (int)verdict);
		CU_ASSERT_EQUAL(verdict, rows[i].verdict);
	}
	hz_jwt_policy_put(policy);
}

/* The public key of RS256 as a secret of HS256: everybody has it. */
static void public_key_as_secret_is_refused(void)
{
	struct hz_jwt_policy *policy = jwt_policy(HZ_JWT_RS256);
	struct hz_jwt_policy_conf conf = { .alg = HZ_JWT_HS256,
		                           .key = hz_span_text(jwt_keys()->rsa_pem) };
	struct hz_jwt_policy *other;
	const char *why;
	uint32_t line;

	CU_ASSERT_EQUAL(
		signed_verdict(policy, HZ_JWT_HS256, "{\"alg\":\"HS256\"}", "{\"exp\":1800000000}"),
		HZ_JWT_HEADER);
	CU_ASSERT_EQUAL(
		signed_verdict(policy, HZ_JWT_HS256, "{\"alg\":\"RS256\"}", "{\"exp\":1800000000}"),
		HZ_JWT_SIGNATURE);
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &other, &why, &line), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "a PEM key is no secret of HS256: everybody may know it");
	hz_jwt_policy_put(policy);
}

struct claims_row {
	const char *claims;
	enum hz_jwt_verdict verdict;
};

static void claims_expect(const struct hz_jwt_policy_conf *more, const struct claims_row *rows,
                          size_t count)
{
	struct hz_jwt_policy_conf conf = *more;
	struct hz_jwt_policy *policy;
	const char *why;
	uint32_t line;

	conf.alg = HZ_JWT_HS256;
	conf.key = HZ_SPAN_LITERAL(JWT_SECRET);
	CU_ASSERT_EQUAL_FATAL(hz_jwt_policy_build(&conf, &policy, &why, &line), 0);
	for (size_t i = 0; i < count; i++) {
		enum hz_jwt_verdict verdict =
			signed_verdict(policy, HZ_JWT_HS256, "{\"alg\":\"HS256\"}", rows[i].claims);

		if (verdict != rows[i].verdict)
			fprintf(stderr, "%s: %d\n", rows[i].claims, (int)verdict);
		CU_ASSERT_EQUAL(verdict, rows[i].verdict);
	}
	hz_jwt_policy_put(policy);
}

/* It is 1700000000. */
static void times_of_a_token_hold_to_the_second(void)
{
	static const struct claims_row rows[] = {
		{ "{\"exp\":1700000001}", HZ_JWT_GOOD },
		{ "{\"exp\":1700000000}", HZ_JWT_EXPIRED },
		{ "{\"exp\":1700000000.999}", HZ_JWT_EXPIRED },
		{ "{\"exp\":1700000001.0}", HZ_JWT_GOOD },
		{ "{\"exp\":0}", HZ_JWT_EXPIRED },
		{ "{\"exp\":999999999999}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"nbf\":1700000000}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"nbf\":1700000001}", HZ_JWT_EARLY },
		{ "{\"exp\":1800000000,\"iat\":1700000000}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"iat\":1700000001}", HZ_JWT_EARLY },
		{ "{}", HZ_JWT_CLAIMS },
		{ "{\"sub\":\"no exp at all, so it is long enough\"}", HZ_JWT_CLAIMS },
		{ "{\"exp\":\"1800000000\"}", HZ_JWT_CLAIMS },
		{ "{\"exp\":null}", HZ_JWT_CLAIMS },
		{ "{\"exp\":-1}", HZ_JWT_CLAIMS },
		{ "{\"exp\":18e8}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1.8E9}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000000}", HZ_JWT_CLAIMS },
		{ "{\"exp\":18446744073709551617}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"nbf\":\"x\"}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"iat\":true}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"exp\":1800000000}", HZ_JWT_MALFORMED },
		{ "{\"exp\":1800000000", HZ_JWT_MALFORMED },
	};
	static const struct claims_row late[] = {
		{ "{\"exp\":1699999971}", HZ_JWT_GOOD },
		{ "{\"exp\":1699999970}", HZ_JWT_EXPIRED },
		{ "{\"exp\":1800000000,\"nbf\":1700000030}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"nbf\":1700000031}", HZ_JWT_EARLY },
	};
	const struct hz_jwt_policy_conf none = { .leeway_s = 0 }, leeway = { .leeway_s = 30 };

	claims_expect(&none, rows, HZ_ARRAY_LEN(rows));
	claims_expect(&leeway, late, HZ_ARRAY_LEN(late));
}

static void issuer_and_audience_are_asked_for(void)
{
	static const struct claims_row rows[] = {
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":\"api\"}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":[\"x\",\"api\"]}", HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"iss\":\"\\u0075s\",\"aud\":[\"\\u0061pi\"]}",
		  HZ_JWT_GOOD },
		{ "{\"exp\":1800000000,\"iss\":\"us\"}", HZ_JWT_AUDIENCE },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":[]}", HZ_JWT_AUDIENCE },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":\"apix\"}", HZ_JWT_AUDIENCE },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":\"ap\"}", HZ_JWT_AUDIENCE },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":[[\"api\"]]}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":{\"api\":1}}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"iss\":\"us\",\"aud\":[1,\"api\"]}", HZ_JWT_CLAIMS },
		{ "{\"exp\":1800000000,\"aud\":\"api\"}", HZ_JWT_ISSUER },
		{ "{\"exp\":1800000000,\"iss\":\"US\",\"aud\":\"api\"}", HZ_JWT_ISSUER },
		{ "{\"exp\":1800000000,\"iss\":[\"us\"],\"aud\":\"api\"}", HZ_JWT_CLAIMS },
	};
	static const struct claims_row unasked[] = {
		{ "{\"exp\":1800000000,\"iss\":\"anybody\"}", HZ_JWT_GOOD },
		/* RFC 7519 4.1.3: who does not know itself to be meant refuses. */
		{ "{\"exp\":1800000000,\"aud\":\"api\"}", HZ_JWT_AUDIENCE },
		{ "{\"exp\":1800000000,\"aud\":\"\"}", HZ_JWT_AUDIENCE },
	};
	const struct hz_jwt_policy_conf none = { .leeway_s = 0 };
	const struct hz_jwt_policy_conf both = { .issuer = HZ_SPAN_LITERAL("us"),
		                                 .audience = HZ_SPAN_LITERAL("api") };

	claims_expect(&both, rows, HZ_ARRAY_LEN(rows));
	claims_expect(&none, unasked, HZ_ARRAY_LEN(unasked));
}

static void subject_is_kept_and_cut_at_a_character(void)
{
	struct hz_jwt_policy *policy = jwt_policy(HZ_JWT_HS256);
	struct hz_jwt_claims claims;
	char text[512], token[8192];
	size_t bytes;

	bytes = jwt_sign(HZ_JWT_HS256, jwt_header(HZ_JWT_HS256),
	                 "{\"exp\":1800000000,\"sub\":\"al\\u0069ce\"}", token);
	CU_ASSERT_EQUAL(hz_jwt_policy_verify(policy, (struct hz_span){ (uint8_t *)token, bytes },
	                                     JWT_NOW, &claims),
	                HZ_JWT_GOOD);
	CU_ASSERT(claims.subject_bytes == 5 && memcmp(claims.subject, "alice", 5) == 0);
	snprintf(text, sizeof(text), "{\"exp\":1800000000,\"sub\":\"%095d\xc3\xa9\"}", 0);
	bytes = jwt_sign(HZ_JWT_HS256, jwt_header(HZ_JWT_HS256), text, token);
	CU_ASSERT_EQUAL(hz_jwt_policy_verify(policy, (struct hz_span){ (uint8_t *)token, bytes },
	                                     JWT_NOW, &claims),
	                HZ_JWT_GOOD);
	CU_ASSERT_EQUAL(claims.subject_bytes, 95);
	hz_jwt_policy_put(policy);
}

/* Whoever has an ECDSA signature (r, s) can make (r, n - s) of it: the same token, other bytes. */
static size_t other_signature(char *token)
{
	static const char order[] =
		"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
	char *dot = strrchr(token, '.');
	uint8_t bytes[66];
	BIGNUM *n = NULL, *s;
	size_t at;

	EVP_DecodeBlock(bytes, (const uint8_t *)"", 0);
	for (char *p = dot + 1; *p != '\0'; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	memcpy(dot + 87, "==", 3);
	EVP_DecodeBlock(bytes, (const uint8_t *)dot + 1, 88);
	BN_hex2bn(&n, order);
	s = BN_bin2bn(bytes + 32, 32, NULL);
	BN_sub(s, n, s);
	BN_bn2binpad(s, bytes + 32, 32);
	BN_free(n);
	BN_free(s);
	at = (size_t)(dot + 1 - token);
	return at + jwt_base64url(bytes, 64, dot + 1);
}

static void revoked_token_is_refused_by_id_and_by_digest(void)
{
	struct hz_jwt_policy_conf conf = jwt_policy_conf(HZ_JWT_ES256);
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char token[8192], list[256];
	struct hz_jwt_policy *policy;
	const char *why;
	uint32_t line;
	size_t at = 0;

	jwt_sign(HZ_JWT_ES256, jwt_header(HZ_JWT_ES256), "{\"exp\":1800000000,\"sub\":\"y\"}",
	         token);
	SHA256((uint8_t *)token, (size_t)(strrchr(token, '.') - token), digest);
	at = (size_t)snprintf(list, sizeof(list), "# gone\n\n  jti id-7 \r\njti \"q\"\nsha256 ");
	for (size_t i = 0; i < sizeof(digest); i++)
		at += (size_t)snprintf(list + at, 3, "%02X", digest[i]);
	conf.revoked = (struct hz_span){ (uint8_t *)list, at };
	CU_ASSERT_EQUAL_FATAL(hz_jwt_policy_build(&conf, &policy, &why, &line), 0);
	CU_ASSERT_EQUAL(verify(policy, token), HZ_JWT_REVOKED);
	other_signature(token);
	CU_ASSERT_EQUAL(verify(policy, token), HZ_JWT_REVOKED);
	CU_ASSERT_EQUAL(signed_verdict(policy, HZ_JWT_ES256, jwt_header(HZ_JWT_ES256),
	                               "{\"exp\":1800000000,\"jti\":\"id-\\u0037\"}"),
	                HZ_JWT_REVOKED);
	CU_ASSERT_EQUAL(signed_verdict(policy, HZ_JWT_ES256, jwt_header(HZ_JWT_ES256),
	                               "{\"exp\":1800000000,\"jti\":\"\\\"q\\\"\"}"),
	                HZ_JWT_REVOKED);
	CU_ASSERT_EQUAL(signed_verdict(policy, HZ_JWT_ES256, jwt_header(HZ_JWT_ES256),
	                               "{\"exp\":1800000000,\"jti\":\"id-8\"}"),
	                HZ_JWT_GOOD);
	CU_ASSERT_EQUAL(signed_verdict(policy, HZ_JWT_ES256, jwt_header(HZ_JWT_ES256),
	                               "{\"exp\":1800000000,\"jti\":7}"),
	                HZ_JWT_CLAIMS);
	hz_jwt_policy_put(policy);
}

static void other_signature_of_the_same_token_is_good_unless_revoked(void)
{
	struct hz_jwt_policy *policy = jwt_policy(HZ_JWT_ES256);
	char token[8192], before[8192];
	size_t bytes = jwt_sign(HZ_JWT_ES256, jwt_header(HZ_JWT_ES256),
	                        "{\"exp\":1800000000,\"sub\":\"z\"}", token);

	memcpy(before, token, bytes + 1);
	CU_ASSERT_EQUAL(other_signature(token), bytes);
	CU_ASSERT_NOT_EQUAL(strcmp(before, token), 0);
	CU_ASSERT_EQUAL(verify(policy, token), HZ_JWT_GOOD); /* which the test above relies on */
	hz_jwt_policy_put(policy);
}

static void bad_list_of_revoked_is_refused_with_its_line(void)
{
	static const struct {
		const char *text;
		uint32_t line;
	} rows[] = {
		{ "jti a\njti\n", 2 },
		{ "jti a\njti \n", 2 },
		{ "token x\n", 1 },
		{ "\n\nsha256 00\n", 3 },
		{ "sha256 zz00000000000000000000000000000000000000000000000000000000000000\n", 1 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_jwt_policy_conf conf = jwt_policy_conf(HZ_JWT_HS256);
		struct hz_jwt_policy *policy;
		const char *why;
		uint32_t line = 0;

		conf.revoked = hz_span_text(rows[i].text);
		CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
		CU_ASSERT_EQUAL(line, rows[i].line);
	}
}

static void key_of_another_kind_is_refused(void)
{
	struct hz_jwt_policy_conf conf;
	struct hz_jwt_policy *policy;
	const char *why;
	uint32_t line;

	conf = jwt_policy_conf(HZ_JWT_RS256);
	conf.alg = HZ_JWT_ES256;
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "ES256 needs a key on P-256");
	conf = jwt_policy_conf(HZ_JWT_ES256);
	conf.alg = HZ_JWT_RS256;
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	conf.key = HZ_SPAN_LITERAL("-----BEGIN PRIVATE KEY-----\n");
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	conf.key.len = 0;
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	conf = jwt_policy_conf(HZ_JWT_HS256);
	conf.key.len = 31;
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	conf.key = HZ_SPAN_LITERAL("0123456789abcdef0123456789abcde\n"); /* 31 and LF */
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), -EINVAL);
	conf.key = HZ_SPAN_LITERAL(JWT_SECRET "\n");
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &policy, &why, &line), 0);
	CU_ASSERT_EQUAL(signed_verdict(policy, HZ_JWT_HS256, jwt_header(HZ_JWT_HS256),
	                               "{\"exp\":1800000000}"),
	                HZ_JWT_GOOD);
	hz_jwt_policy_put(policy);
}

static void fingerprint_tells_every_difference(void)
{
	struct hz_jwt_policy_conf conf[] = {
		jwt_policy_conf(HZ_JWT_HS256), jwt_policy_conf(HZ_JWT_HS256),
		jwt_policy_conf(HZ_JWT_HS256), jwt_policy_conf(HZ_JWT_HS256),
		jwt_policy_conf(HZ_JWT_HS256), jwt_policy_conf(HZ_JWT_HS256),
	};
	struct hz_jwt_policy *policy[HZ_ARRAY_LEN(conf)], *same;
	const char *why;
	uint32_t line;

	conf[1].key = HZ_SPAN_LITERAL("another secret that is long enough...");
	conf[2].issuer = HZ_SPAN_LITERAL("x");
	conf[3].audience = HZ_SPAN_LITERAL("x");
	conf[4].leeway_s = 1;
	conf[5].revoked = HZ_SPAN_LITERAL("jti x");
	for (size_t i = 0; i < HZ_ARRAY_LEN(conf); i++) {
		CU_ASSERT_EQUAL_FATAL(hz_jwt_policy_build(&conf[i], &policy[i], &why, &line), 0);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(policy[i]->fingerprint[0], policy[k]->fingerprint[0]);
	}
	same = jwt_policy(HZ_JWT_HS256);
	CU_ASSERT_EQUAL(same->fingerprint[0], policy[0]->fingerprint[0]);
	CU_ASSERT_EQUAL(same->fingerprint[1], policy[0]->fingerprint[1]);
	hz_jwt_policy_put(same);
	for (size_t i = 0; i < HZ_ARRAY_LEN(conf); i++)
		hz_jwt_policy_put(policy[i]);
}

HZ_SUITE(jwt_policy, CASE(vectors_of_rfc_7515_are_good_until_they_expire),
         CASE(token_with_any_byte_changed_is_refused),
         CASE(header_that_is_not_exactly_wanted_is_refused), CASE(public_key_as_secret_is_refused),
         CASE(times_of_a_token_hold_to_the_second), CASE(issuer_and_audience_are_asked_for),
         CASE(subject_is_kept_and_cut_at_a_character),
         CASE(revoked_token_is_refused_by_id_and_by_digest),
         CASE(other_signature_of_the_same_token_is_good_unless_revoked),
         CASE(bad_list_of_revoked_is_refused_with_its_line), CASE(key_of_another_kind_is_refused),
         CASE(fingerprint_tells_every_difference));
