/* `jwt`: a bearer token (RFC 6750) that is good, or 401. Tokens that were checked are remembered, so that all but the
 * first request with one cost a lookup; checking is the helper threads'. */
#include "core/span_ops.h"
#include "middleware/jwt_worker.h"
#include "middleware/refusal.h"
#include <errno.h>

#define SAME_TOKEN_NS HZ_NS_PER_MS /* for a check of the same token that is under way */
#define RETRY_NS      HZ_NS_PER_S

#define CHALLENGE     "WWW-Authenticate: Bearer realm=\"hz\""
#define INVALID(why)                                                                               \
	HZ_SPAN_LITERAL(CHALLENGE ", error=\"invalid_token\", error_description=\"" why "\"\r\n")

static const struct hz_span challenges[] = {
	[HZ_JWT_GOOD] = HZ_SPAN_LITERAL(""),
	[HZ_JWT_MALFORMED] = INVALID("malformed"),
	[HZ_JWT_HEADER] = INVALID("not signed as it has to be"),
	[HZ_JWT_SIGNATURE] = INVALID("wrong signature"),
	[HZ_JWT_CLAIMS] = INVALID("a claim is missing or malformed"),
	[HZ_JWT_EXPIRED] = INVALID("expired"),
	[HZ_JWT_EARLY] = INVALID("not valid yet"),
	[HZ_JWT_ISSUER] = INVALID("of another issuer"),
	[HZ_JWT_AUDIENCE] = INVALID("for another audience"),
	[HZ_JWT_REVOKED] = INVALID("revoked"),
	[HZ_JWT_FAILED] = HZ_SPAN_LITERAL(""),
};

static enum hz_mw_verdict refuse(struct hz_mw_call *call, uint16_t status, struct hz_span challenge)
{
	hz_refusal(call->resp, status);
	call->resp->extra = challenge;
	return HZ_MW_STOP;
}

static enum hz_mw_verdict busy(struct hz_mw_call *call)
{
	hz_slot_count(call->worker->slot, HZ_COUNTER_jwt_busy);
	hz_refusal_for(call->resp, 503, RETRY_NS, call->req->arena);
	return HZ_MW_STOP;
}

static enum hz_mw_verdict judge(struct hz_mw_call *call, enum hz_jwt_verdict verdict)
{
	return verdict == HZ_JWT_FAILED ? busy(call) : refuse(call, 401, challenges[verdict]);
}

/* "Bearer " in any case (RFC 9110 11.1): setting bit 0x20 folds letters, and no other byte of a value becomes one. */
static bool is_bearer(struct hz_span value)
{
	static const uint8_t scheme[8] = "bearer ", fold[8] = "\x20\x20\x20\x20\x20\x20";
	const uint64_t mask = 0x00ffffffffffffff;
	uint64_t begin, want, bits;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the mask is of the first 7");
	if (value.len < sizeof(begin))
		return false;
	memcpy(&begin, value.data, sizeof(begin));
	memcpy(&want, scheme, sizeof(want));
	memcpy(&bits, fold, sizeof(bits));
	return ((begin | bits) & mask) == want;
}

/* 0 and the token; -ENOENT without credentials of ours, -EINVAL with several. */
static int token_find(const struct hz_http_req *req, struct hz_span *token)
{
	struct hz_span value = hz_http_req_field(req, HZ_HTTP_FIELD_AUTHORIZATION);

	if (HZ_UNLIKELY((req->fields_again >> HZ_HTTP_FIELD_AUTHORIZATION & 1) != 0))
		return -EINVAL;
	if (!is_bearer(value))
		return -ENOENT;
	*token = hz_span_trim(hz_span_skip(value, sizeof("bearer ") - 1));
	return 0;
}

/* The subject outlives what the cache does with the next token. Only the log asks for it. */
static void subject_set(struct hz_mw_call *call, struct hz_span subject)
{
	uint8_t *copy = NULL;

	if (subject.len > 0 && (call->chain->kinds & 1u << HZ_MW_log) != 0)
		copy = hz_arena_get(call->req->arena, subject.len);
	if (copy == NULL)
		return;
	memcpy(copy, subject.data, subject.len);
	call->subject = (struct hz_span){ copy, subject.len };
}

/* Not known: asks a helper, or waits a moment for the answer to another request with the same token. */
static enum hz_mw_verdict check_begin(const struct hz_mw_jwt_conf *conf, struct hz_mw_call *call,
                                      uint64_t tag, struct hz_span token)
{
	struct hz_jwt_worker *jwt = call->worker->jwt;
	struct hz_jwt_wait *wait = call->waiting;
	bool is_first = wait == NULL;

	if (is_first)
		wait = hz_arena_get(call->req->arena, sizeof(*wait));
	if (wait == NULL)
		return busy(call);
	*wait = (struct hz_jwt_wait){ .is_asked = false };
	call->waiting = wait;
	if (is_first && hz_jwt_worker_is_checking(jwt, tag)) {
		call->req->wake_ns = call->req->env->now_ns + SAME_TOKEN_NS;
		return HZ_MW_WAIT;
	}
	if (!hz_jwt_worker_check(jwt, conf->policy, tag, token, call)) {
		call->waiting = NULL;
		return busy(call);
	}
	wait->is_asked = true;
	return HZ_MW_WAIT;
}

static enum hz_mw_verdict check_end(struct hz_mw_call *call)
{
	const struct hz_jwt_wait *wait = call->waiting;

	call->waiting = NULL;
	if (wait->verdict != HZ_JWT_GOOD)
		return judge(call, wait->verdict);
	call->subject = (struct hz_span){ wait->claims.subject, wait->claims.subject_bytes };
	return HZ_MW_NEXT;
}

static enum hz_mw_verdict jwt_before(const void *conf, struct hz_mw_call *call)
{
	const struct hz_mw_jwt_conf *jwt = conf;
	const struct hz_jwt_wait *wait = call->waiting;
	const struct hz_jwt_cache *cache = hz_jwt_worker_cache(call->worker->jwt);
	struct hz_span token, subject;
	uint64_t tag;
	int err;

	if (wait != NULL && wait->is_asked)
		return wait->is_done ? check_end(call) : HZ_MW_WAIT;
	err = token_find(call->req, &token);
	if (err == -ENOENT)
		return refuse(call, 401, HZ_SPAN_LITERAL(CHALLENGE "\r\n"));
	if (err != 0)
		return refuse(call, 400,
		              HZ_SPAN_LITERAL(CHALLENGE ", error=\"invalid_request\"\r\n"));
	if (token.len < HZ_JWT_TOKEN_BYTES_MIN || token.len > HZ_LIMIT_jwt_token_bytes_max)
		return judge(call, HZ_JWT_MALFORMED);
	tag = hz_jwt_cache_tag(cache, jwt->policy, token);
	if (!hz_jwt_cache_find(cache, tag, jwt->policy, token, call->req->env->unix_s, &subject))
		return check_begin(jwt, call, tag, token);
	call->waiting = NULL;
	subject_set(call, subject);
	return HZ_MW_NEXT;
}

static const struct hz_mw_ops jwt_ops = {
	.name = "jwt",
	.before = jwt_before,
};

int hz_mw_jwt_build(const struct hz_mw_jwt_conf *conf, struct hz_mw *out)
{
	if (conf->policy == NULL)
		return -EINVAL;
	*out = (struct hz_mw){ .ops = &jwt_ops, .conf = (void *)(uintptr_t)conf };
	return 0;
}
