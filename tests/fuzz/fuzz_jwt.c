/* Tokens apart from their signature. The first byte says what the rest is: a token; a header or claims, encoded here; or
 * a text for base64url. What the strict reader of JSON takes, jansson takes, with the same members; what jansson takes
 * and is within bounds, the reader takes. A token with another algorithm is never good. */
#include "core/base.h"
#include "core/span_ops.h"
#include "fuzz_target.h"
#include "middleware/base64url.h"
#include "middleware/json_flat.h"
#include "middleware/jwt_token.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static size_t encode(const uint8_t *bytes, size_t count, uint8_t *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 6; have -= 6)
			out[at++] = (uint8_t)digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out[at++] = (uint8_t)digits[bits << (6 - have) & 63];
	return at;
}

/* What decodes, encodes to the same text: there is one form. */
static void base64url_check(struct hz_span text)
{
	uint8_t *out = malloc(HZ_BASE64URL_BYTES(text.len) + 1);
	uint8_t *again = malloc(text.len + 4);

	if (out == NULL || again == NULL)
		abort();
	if (hz_base64url_decode(text, out) == 0)
		FUZZ_HOLDS(encode(out, HZ_BASE64URL_BYTES(text.len), again) == text.len &&
		           memcmp(again, text.data, text.len) == 0);
	free(out);
	free(again);
}

struct members {
	json_t *root; /* NULL: count only */
	size_t count;
};

static int member_check(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	struct members *members = ctx;
	uint8_t text[1 << 15];
	const json_t *want;
	ssize_t bytes;

	members->count++;
	if (members->root == NULL)
		return 0;
	want = json_object_getn(members->root, (const char *)name.data, name.len);
	FUZZ_HOLDS(want != NULL);
	switch (value->kind) {
	case HZ_JSON_STRING:
		FUZZ_HOLDS(json_is_string(want));
		bytes = hz_json_flat_text(value->raw, text, sizeof(text));
		FUZZ_HOLDS(bytes == (ssize_t)json_string_length(want) &&
		           memcmp(text, json_string_value(want), (size_t)bytes) == 0);
		break;
	case HZ_JSON_NUMBER:
		FUZZ_HOLDS(json_is_number(want));
		break;
	case HZ_JSON_OBJECT:
		FUZZ_HOLDS(json_is_object(want));
		break;
	case HZ_JSON_ARRAY:
		FUZZ_HOLDS(json_is_array(want));
		members->count--; /* what is in it comes in a call of its own */
		{
			struct members items = { NULL, 0 };
			int err = hz_json_flat_array(value->raw, member_check, &items);

			FUZZ_HOLDS(err == -E2BIG ||
			           (err == 0 && items.count == json_array_size(want)));
		}
		members->count++;
		break;
	case HZ_JSON_WORD:
		FUZZ_HOLDS(json_is_boolean(want) || json_is_null(want));
		break;
	}
	return 0;
}

static unsigned depth_of(const json_t *value)
{
	unsigned deepest = 0;
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_array(value)) {
		json_array_foreach (value, i, item)
			deepest = HZ_MAX(deepest, depth_of(item));
		return deepest + 1;
	}
	if (!json_is_object(value))
		return 0;
	json_object_foreach ((json_t *)(uintptr_t)value, key, item)
		deepest = HZ_MAX(deepest, depth_of(item));
	return deepest + 1;
}

static bool has_long_name(json_t *root)
{
	const char *key;
	json_t *item;
	size_t bytes;

	json_object_keylen_foreach(root, key, bytes, item)
	{
		if (bytes > HZ_JSON_NAME_BYTES)
			return true;
	}
	return false;
}

static void json_check(struct hz_span text)
{
	struct members members = { NULL, 0 };
	int status = hz_json_flat_object(text, member_check, &members);
	json_error_t error;

	/* Nested names may come twice here, as nobody reads them; there the last one counts. */
	members.root = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, &error);
	if (status == 0 && members.root == NULL) {
		/* It has no room for such numbers, and its names end with a zero. */
		FUZZ_HOLDS(json_error_code(&error) == json_error_numeric_overflow ||
		           json_error_code(&error) == json_error_null_byte_in_key);
		return;
	}
	if (status == 0) {
		FUZZ_HOLDS(members.count == json_object_size(members.root));
		members.count = 0;
		FUZZ_HOLDS(hz_json_flat_object(text, member_check, &members) == 0);
	}
	json_decref(members.root);
	/* jansson passes over a zero byte behind a number, which RFC 8259 does not. */
	if (status == 0 || memchr(text.data, '\0', text.len) != NULL)
		return;
	members.root = json_loadb((const char *)text.data, text.len,
	                          JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (members.root != NULL && json_is_object(members.root))
		FUZZ_HOLDS(status == -E2BIG &&
		           (depth_of(members.root) > HZ_JSON_DEPTH_MAX ||
		            json_object_size(members.root) > HZ_JSON_MEMBERS_MAX ||
		            has_long_name(members.root)));
	json_decref(members.root);
}

static void parts_check(const struct hz_jwt_parts *parts)
{
	static const struct hz_span names[] = { [HZ_JWT_HS256] = HZ_SPAN_LITERAL("HS256"),
		                                [HZ_JWT_RS256] = HZ_SPAN_LITERAL("RS256"),
		                                [HZ_JWT_ES256] = HZ_SPAN_LITERAL("ES256") };
	struct hz_jwt_claims claims;
	unsigned good = 0;

	for (unsigned alg = 0; alg < HZ_ARRAY_LEN(names); alg++) {
		struct hz_jwt_wanted wanted = { .alg = (enum hz_jwt_alg)alg,
			                        .issuer = HZ_SPAN_LITERAL("us"),
			                        .now_s = 1700000000,
			                        .leeway_s = 10 };

		good += hz_jwt_token_header(parts, &wanted) == HZ_JWT_GOOD;
		if (hz_jwt_token_claims(parts, &wanted, &claims) != HZ_JWT_GOOD)
			continue;
		FUZZ_HOLDS(claims.expires_s > wanted.now_s);
		FUZZ_HOLDS(claims.subject_bytes <= sizeof(claims.subject));
		FUZZ_HOLDS(claims.id_bytes <= sizeof(claims.id));
	}
	FUZZ_HOLDS(good <= 1); /* one algorithm at most */
}

int fuzz_jwt_run(const uint8_t *data, size_t size)
{
	uint8_t *room = malloc(HZ_LIMIT_jwt_token_bytes_max * 2);
	struct hz_span rest = { data + 1, size - 1 };
	struct hz_jwt_parts parts;

	if (room == NULL)
		abort();
	if (size < 1 || size > HZ_LIMIT_jwt_token_bytes_max / 4 * 3 - 64) {
		free(room);
		return 0;
	}
	switch (data[0] & 3) {
	case 0:
		if (hz_jwt_token_split(rest, &parts))
			parts_check(&parts);
		break;
	case 1:
		base64url_check(rest);
		break;
	default:
		json_check(rest);
		parts.header = (struct hz_span){ room, encode(rest.data, rest.len, room) };
		parts.claims = parts.header;
		parts.signature = parts.input = (struct hz_span){ NULL, 0 };
		parts_check(&parts);
		break;
	}
	free(room);
	return 0;
}

FUZZ_ENTRY(fuzz_jwt_run)
