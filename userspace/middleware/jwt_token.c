#include "middleware/jwt_token.h"
#include "core/base.h"
#include "core/span_ops.h"
#include "middleware/base64url.h"
#include "middleware/json_flat.h"
#include <errno.h>

#define PART_BYTES_MAX HZ_BASE64URL_BYTES(HZ_LIMIT_jwt_token_bytes_max)
#define TEXT_BYTES_MAX 512u /* of a claim that is compared */
#define DATE_DIGITS    12u  /* to the year 33658 */

static const struct hz_span alg_names[] = {
	[HZ_JWT_HS256] = HZ_SPAN_LITERAL("HS256"),
	[HZ_JWT_RS256] = HZ_SPAN_LITERAL("RS256"),
	[HZ_JWT_ES256] = HZ_SPAN_LITERAL("ES256"),
};

bool hz_jwt_token_split(struct hz_span token, struct hz_jwt_parts *out)
{
	size_t first = hz_span_find(token, '.');
	struct hz_span rest = hz_span_skip(token, first + 1);
	size_t second = hz_span_find(rest, '.');

	if (token.len < HZ_JWT_TOKEN_BYTES_MIN || token.len > HZ_LIMIT_jwt_token_bytes_max ||
	    second == rest.len)
		return false;
	out->header = hz_span_first(token, first);
	out->claims = hz_span_first(rest, second);
	out->signature = hz_span_skip(rest, second + 1);
	out->input = hz_span_first(token, first + 1 + second);
	return true; /* a third dot is not base64url */
}

/* A part's JSON object. */
static int object_read(struct hz_span part, hz_json_member_fn member, void *ctx)
{
	uint8_t json[PART_BYTES_MAX];

	if (hz_base64url_decode(part, json) != 0)
		return -EINVAL;
	return hz_json_flat_object((struct hz_span){ json, HZ_BASE64URL_BYTES(part.len) }, member,
	                           ctx);
}

static bool text_is(const struct hz_json_value *value, struct hz_span want)
{
	uint8_t text[TEXT_BYTES_MAX];
	ssize_t bytes = -EINVAL;

	if (value->kind == HZ_JSON_STRING)
		bytes = hz_json_flat_text(value->raw, text, sizeof(text));
	return bytes >= 0 && hz_span_equals((struct hz_span){ text, (size_t)bytes }, want);
}

static bool name_is(struct hz_span name, const char *want)
{
	return hz_span_equals(name, hz_span_text(want));
}

/* --- header ------------------------------------------------------------------------------------------ */

struct header {
	const struct hz_jwt_wanted *wanted;
	bool has_alg;
};

static bool type_is_good(const struct hz_json_value *value)
{
	uint8_t text[16];
	ssize_t bytes = -EINVAL;
	struct hz_span type;

	if (value->kind == HZ_JSON_STRING)
		bytes = hz_json_flat_text(value->raw, text, sizeof(text));
	type = (struct hz_span){ text, bytes > 0 ? (size_t)bytes : 0 };
	return hz_span_equals_nocase(type, HZ_SPAN_LITERAL("jwt")) ||
	       hz_span_equals_nocase(type, HZ_SPAN_LITERAL("at+jwt"));
}

/* The key is the site's: kid, jwk, jku, x5u and x5c say nothing to us, and nothing is looked up by them. */
static int header_member(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	struct header *header = ctx;

	if (name_is(name, "alg")) {
		header->has_alg = true;
		return text_is(value, alg_names[header->wanted->alg]) ? 0 : -EPERM;
	}
	if (name_is(name, "typ"))
		return type_is_good(value) ? 0 : -EPERM;
	/* We know no extension that could be critical (RFC 7515 4.1.11), nor another encoding of the claims. */
	if (name_is(name, "crit") || name_is(name, "b64") || name_is(name, "zip") ||
	    name_is(name, "enc"))
		return -EPERM;
	return 0;
}

enum hz_jwt_verdict hz_jwt_token_header(const struct hz_jwt_parts *parts,
                                        const struct hz_jwt_wanted *wanted)
{
	struct header header = { .wanted = wanted };
	int err = object_read(parts->header, header_member, &header);

	if (err == -EPERM || (err == 0 && !header.has_alg))
		return HZ_JWT_HEADER;
	return err == 0 ? HZ_JWT_GOOD : HZ_JWT_MALFORMED;
}

/* --- claims ------------------------------------------------------------------------------------------ */

struct claims {
	const struct hz_jwt_wanted *wanted;
	struct hz_jwt_claims *out;
	uint64_t exp_s, nbf_s, iat_s;
	bool has_exp, has_nbf, has_iat;
	bool has_audience, is_issuer, is_audience;
};

/* NumericDate: seconds, perhaps with a fraction, which is dropped. No sign, no exponent. */
static int date_read(const struct hz_json_value *value, uint64_t *out, bool *has)
{
	struct hz_span whole = hz_span_first(value->raw, hz_span_find(value->raw, '.'));

	if (value->kind != HZ_JSON_NUMBER || whole.len > DATE_DIGITS ||
	    hz_span_u64(whole, out) != 0 || memchr(value->raw.data, 'e', value->raw.len) != NULL ||
	    memchr(value->raw.data, 'E', value->raw.len) != NULL)
		return -EPERM;
	*has = true;
	return 0;
}

static int audience_item(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	struct claims *claims = ctx;

	(void)name;
	if (value->kind != HZ_JSON_STRING)
		return -EPERM;
	claims->is_audience |=
		claims->wanted->audience.len > 0 && text_is(value, claims->wanted->audience);
	return 0;
}

static int audience_read(struct claims *claims, const struct hz_json_value *value)
{
	claims->has_audience = true;
	if (value->kind == HZ_JSON_ARRAY)
		return hz_json_flat_array(value->raw, audience_item, claims);
	return audience_item(claims, (struct hz_span){ NULL, 0 }, value);
}

static int text_read(const struct hz_json_value *value, uint8_t *out, size_t room, uint32_t *bytes)
{
	ssize_t got;

	if (value->kind != HZ_JSON_STRING)
		return -EPERM;
	got = hz_json_flat_text(value->raw, out, room);
	*bytes = got > 0 ? (uint32_t)got : 0;
	return got < 0 ? -EPERM : 0;
}

/* For the log alone, so it may be cut. */
static int subject_read(struct claims *claims, const struct hz_json_value *value)
{
	struct hz_jwt_claims *out = claims->out;
	uint8_t text[TEXT_BYTES_MAX];
	uint32_t bytes;
	int err = text_read(value, text, sizeof(text), &bytes);

	if (err != 0)
		return err;
	out->subject_bytes = HZ_MIN(bytes, HZ_JWT_SUBJECT_BYTES_MAX);
	while (out->subject_bytes < bytes && out->subject_bytes > 0 &&
	       (text[out->subject_bytes] & 0xc0) == 0x80)
		out->subject_bytes--;
	memcpy(out->subject, text, out->subject_bytes);
	return 0;
}

static int claims_member(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	struct claims *claims = ctx;

	if (name_is(name, "exp"))
		return date_read(value, &claims->exp_s, &claims->has_exp);
	if (name_is(name, "nbf"))
		return date_read(value, &claims->nbf_s, &claims->has_nbf);
	if (name_is(name, "iat"))
		return date_read(value, &claims->iat_s, &claims->has_iat);
	if (name_is(name, "iss")) {
		claims->is_issuer = text_is(value, claims->wanted->issuer);
		return value->kind == HZ_JSON_STRING ? 0 : -EPERM;
	}
	if (name_is(name, "aud"))
		return audience_read(claims, value);
	if (name_is(name, "sub"))
		return subject_read(claims, value);
	if (name_is(name, "jti"))
		return text_read(value, claims->out->id, sizeof(claims->out->id),
		                 &claims->out->id_bytes);
	return 0;
}

static enum hz_jwt_verdict claims_judge(const struct claims *claims)
{
	const struct hz_jwt_wanted *wanted = claims->wanted;
	uint64_t latest_s = wanted->now_s + wanted->leeway_s;

	if (!claims->has_exp)
		return HZ_JWT_CLAIMS;
	if (wanted->now_s >= claims->exp_s + wanted->leeway_s) /* RFC 7519 4.1.4: on or after */
		return HZ_JWT_EXPIRED;
	if ((claims->has_nbf && claims->nbf_s > latest_s) ||
	    (claims->has_iat && claims->iat_s > latest_s))
		return HZ_JWT_EARLY;
	if (wanted->issuer.len > 0 && !claims->is_issuer)
		return HZ_JWT_ISSUER;
	if (claims->is_audience != (wanted->audience.len > 0) ||
	    (claims->has_audience && !claims->is_audience))
		return HZ_JWT_AUDIENCE;
	return HZ_JWT_GOOD;
}

enum hz_jwt_verdict hz_jwt_token_claims(const struct hz_jwt_parts *parts,
                                        const struct hz_jwt_wanted *wanted,
                                        struct hz_jwt_claims *out)
{
	struct claims claims = { .wanted = wanted, .out = out };
	int err;

	out->subject_bytes = out->id_bytes = 0;
	err = object_read(parts->claims, claims_member, &claims);
	if (err == -EPERM)
		return HZ_JWT_CLAIMS;
	if (err != 0)
		return HZ_JWT_MALFORMED;
	out->expires_s = claims.exp_s + wanted->leeway_s;
	return claims_judge(&claims);
}
