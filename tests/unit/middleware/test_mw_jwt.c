/* `jwt` on a worker with real helper threads: who waits, who is remembered, who is refused. */
#include "core/span_ops.h"
#include "http/field.h"
#include "http/h1_worker.h"
#include "hz_test.h"
#include "jwt_rig.h"
#include "middleware/jwt_worker.h"
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FLIGHTS 600u

struct rig {
	struct hz_http_worker http;
	struct hz_stream stream;
	struct hz_env env;
	struct hz_worker gauges;
	struct hz_slot slot;
	struct hz_mw_worker worker;
	struct hz_mw_jwt_conf conf;
	struct hz_chain chain;
	unsigned woken;
	sem_t gate; /* helpers stand before it until they are let through */
	char token[8192];
	char field[8300];
};

static void wake(struct hz_stream *stream)
{
	HZ_CONTAINER_OF(stream, struct rig, stream)->woken++;
}

static const struct hz_stream_ops stream_ops = { .wake = wake };

static void no_ring(void *ctx, uint32_t worker)
{
	(void)ctx;
	(void)worker;
}

static struct rig *rig_open(enum hz_jwt_alg alg)
{
	const struct hz_jobs_conf jobs = { .thread_count = 2,
		                           .worker_count = 1,
		                           .per_worker_max = HZ_LIMIT_jobs_per_worker_max,
		                           .ring = no_ring };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct hz_mw mw;

	if (rig == NULL || hz_jobs_open(&jobs, &rig->worker.jobs) != 0 ||
	    hz_pool_open(&rig->http.flights, sizeof(struct hz_h1_flight), FLIGHTS, 0) != 0)
		abort();
	rig->http.ticket = calloc(FLIGHTS, sizeof(*rig->http.ticket));
	rig->stream.ops = &stream_ops;
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	rig->env.unix_s = JWT_NOW;
	rig->slot.worker = &rig->gauges;
	rig->worker.env = &rig->env;
	rig->worker.http = &rig->http;
	rig->worker.slot = &rig->slot;
	if (hz_jwt_worker_open(&rig->worker, &rig->worker.jwt) != 0)
		abort();
	rig->conf = (struct hz_mw_jwt_conf){ .alg = alg, .policy = jwt_policy(alg) };
	CU_ASSERT_EQUAL_FATAL(hz_mw_jwt_build(&rig->conf, &mw), 0);
	hz_chain_add(&rig->chain, mw);
	rig->chain.kinds = 1u << HZ_MW_log; /* which asks for the subject */
	return rig;
}

static void rig_close(struct rig *rig)
{
	hz_jobs_close(rig->worker.jobs);
	hz_jwt_worker_close(rig->worker.jwt);
	hz_jwt_policy_put(rig->conf.policy);
	hz_pool_close(&rig->http.flights);
	free(rig->http.ticket);
	free(rig);
}

static void token_set(struct rig *rig, const char *claims)
{
	jwt_sign(rig->conf.alg, jwt_header(rig->conf.alg), claims, rig->token);
	snprintf(rig->field, sizeof(rig->field), "Bearer %s", rig->token);
}

static void field_add(struct hz_http_req *req, const char *authorization)
{
	req->header[req->header_count] = (struct hz_http_header){ HZ_SPAN_LITERAL("Authorization"),
		                                                  hz_span_text(authorization) };
	hz_http_field_note(req, req->header_count++);
}

/* A request with this field; NULL: without. */
static struct hz_h1_flight *ask(struct rig *rig, const char *authorization)
{
	struct hz_h1_flight *flight = hz_pool_get(&rig->http.flights);

	memset(flight, 0, offsetof(struct hz_h1_flight, head_copy));
	hz_arena_init(&flight->arena, flight->arena_memory, sizeof(flight->arena_memory));
	flight->http = &rig->http;
	flight->stream = &rig->stream;
	flight->req.arena = &flight->arena;
	flight->req.env = &rig->env;
	if (authorization != NULL)
		field_add(&flight->req, authorization);
	CU_ASSERT_EQUAL_FATAL(
		hz_chain_enter(&rig->chain, &rig->worker, &flight->req, &flight->resp), 0);
	return flight;
}

static enum hz_mw_verdict before(struct hz_h1_flight *flight)
{
	return hz_chain_before(hz_chain_call(&flight->req));
}

/* As http does when a request is over. */
static void end(struct rig *rig, struct hz_h1_flight *flight)
{
	if (flight->has_ticket)
		rig->http.ticket[hz_pool_index(&rig->http.flights, flight)] = 0;
	hz_pool_put(&rig->http.flights, flight);
}

/* Turns until so many requests were woken, for two seconds at most. */
static bool wait_woken(struct rig *rig, unsigned count)
{
	for (unsigned i = 0; i < 2000 && rig->woken < count; i++) {
		if (hz_jobs_turn(rig->worker.jobs, 0) == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return rig->woken == count;
}

/* Through the helpers, if need be. */
static enum hz_mw_verdict run(struct rig *rig, struct hz_h1_flight *flight)
{
	enum hz_mw_verdict verdict = before(flight);

	rig->woken = 0;
	if (verdict == HZ_MW_WAIT && wait_woken(rig, 1))
		verdict = before(flight);
	return verdict;
}

static bool challenge_has(const struct hz_h1_flight *flight, const char *text)
{
	struct hz_span extra = flight->resp.extra;

	return memmem(extra.data, extra.len, text, strlen(text)) != NULL;
}

static void request_without_a_token_is_challenged(void)
{
	static const char *const fields[] = { NULL, "", "Basic dXNlcjpwYXNz", "Bearer", "Bearerx" };
	struct rig *rig = rig_open(HZ_JWT_HS256);

	for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++) {
		struct hz_h1_flight *flight = ask(rig, fields[i]);

		CU_ASSERT_EQUAL(before(flight), HZ_MW_STOP);
		CU_ASSERT_EQUAL(flight->resp.status, 401);
		CU_ASSERT(hz_span_equals(flight->resp.extra,
		                         HZ_SPAN_LITERAL("WWW-Authenticate: Bearer "
		                                         "realm=\"hz\"\r\n")));
		end(rig, flight);
	}
	rig_close(rig);
}

static void two_tokens_are_a_bad_request(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1800000000}");
	flight = ask(rig, rig->field);
	field_add(&flight->req, rig->field);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_STOP);
	CU_ASSERT_EQUAL(flight->resp.status, 400);
	CU_ASSERT(challenge_has(flight, "error=\"invalid_request\""));
	end(rig, flight);
	rig_close(rig);
}

static void good_token_waits_once_and_is_remembered(void)
{
	for (unsigned alg = HZ_JWT_HS256; alg <= HZ_JWT_ES256; alg++) {
		struct rig *rig = rig_open((enum hz_jwt_alg)alg);
		struct hz_h1_flight *flight;

		token_set(rig, "{\"exp\":1800000000,\"sub\":\"alice\"}");
		flight = ask(rig, rig->field);
		CU_ASSERT_EQUAL(before(flight), HZ_MW_WAIT);
		CU_ASSERT(wait_woken(rig, 1));
		CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
		CU_ASSERT(hz_span_equals(hz_chain_call(&flight->req)->subject,
		                         HZ_SPAN_LITERAL("alice")));
		end(rig, flight);
		memcpy(rig->field, "bEARER", 6); /* RFC 9110 11.1: schemes have no case */
		flight = ask(rig, rig->field);
		CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
		CU_ASSERT(hz_span_equals(hz_chain_call(&flight->req)->subject,
		                         HZ_SPAN_LITERAL("alice")));
		end(rig, flight);
		rig_close(rig);
	}
}

static void waiting_request_that_is_called_for_nothing_waits_on(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1800000000}");
	flight = ask(rig, rig->field);
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(before(flight), HZ_MW_WAIT);
	CU_ASSERT_FALSE(wait_woken(rig, 2)); /* one check, not five */
	CU_ASSERT_EQUAL(rig->woken, 1);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
	end(rig, flight);
	rig_close(rig);
}

static void refused_token_says_why_and_is_not_remembered(void)
{
	static const struct {
		const char *claims, *why;
	} rows[] = {
		{ "{\"exp\":1600000000}", "expired" },
		{ "{\"exp\":1800000000,\"nbf\":1750000000}", "not valid yet" },
		{ "{\"exp\":1800000000,\"aud\":\"x\"}", "for another audience" },
		{ "{\"sub\":\"nobody in particular\"}", "a claim is missing" },
	};
	struct rig *rig = rig_open(HZ_JWT_HS256);

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		token_set(rig, rows[i].claims);
		for (unsigned again = 0; again < 2; again++) {
			struct hz_h1_flight *flight = ask(rig, rig->field);

			CU_ASSERT_EQUAL(before(flight), HZ_MW_WAIT);
			rig->woken = 0;
			CU_ASSERT(wait_woken(rig, 1));
			CU_ASSERT_EQUAL(before(flight), HZ_MW_STOP);
			CU_ASSERT_EQUAL(flight->resp.status, 401);
			CU_ASSERT(challenge_has(flight, "error=\"invalid_token\""));
			CU_ASSERT(challenge_has(flight, rows[i].why));
			end(rig, flight);
		}
	}
	rig_close(rig);
}

static void token_too_long_or_too_short_is_refused_at_once(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;
	char long_text[7 + HZ_LIMIT_jwt_token_bytes_max + 2] = "Bearer ";

	memset(long_text + 7, 'A', HZ_LIMIT_jwt_token_bytes_max + 1);
	flight = ask(rig, long_text);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_STOP);
	CU_ASSERT_EQUAL(flight->resp.status, 401);
	end(rig, flight);
	long_text[7 + HZ_LIMIT_jwt_token_bytes_max] = '\0'; /* as long as may be: looked at */
	flight = ask(rig, long_text);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_STOP);
	end(rig, flight);
	flight = ask(rig, "Bearer a.b.c");
	CU_ASSERT_EQUAL(before(flight), HZ_MW_STOP);
	CU_ASSERT(challenge_has(flight, "malformed"));
	end(rig, flight);
	rig_close(rig);
}

static void remembered_token_expires(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1700000010}");
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_NEXT);
	end(rig, flight);
	rig->env.unix_s = 1700000009;
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
	end(rig, flight);
	rig->env.unix_s = 1700000010;
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_STOP);
	CU_ASSERT(challenge_has(flight, "expired"));
	end(rig, flight);
	rig_close(rig);
}

/* A reload that revokes it: what the cache knows is of the policy before. */
static void remembered_token_is_checked_anew_under_another_policy(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_jwt_policy_conf conf = jwt_policy_conf(HZ_JWT_HS256);
	struct hz_jwt_policy *before_reload = rig->conf.policy;
	struct hz_h1_flight *flight;
	const char *why;
	uint32_t line;

	token_set(rig, "{\"exp\":1800000000,\"jti\":\"7\"}");
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_NEXT);
	end(rig, flight);
	conf.revoked = HZ_SPAN_LITERAL("jti 7\n");
	CU_ASSERT_EQUAL(hz_jwt_policy_build(&conf, &rig->conf.policy, &why, &line), 0);
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_STOP);
	CU_ASSERT(challenge_has(flight, "revoked"));
	end(rig, flight);
	hz_jwt_policy_put(rig->conf.policy);
	rig->conf.policy = before_reload; /* the same key and rules as before: known again */
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
	end(rig, flight);
	rig_close(rig);
}

/* Same signature, other claims: what is compared is the token, not a part of it. */
static void forged_token_with_a_remembered_signature_is_refused(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1800000000,\"sub\":\"alice\"}");
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_NEXT);
	end(rig, flight);
	rig->field[40] = rig->field[40] == 'A' ? 'B' : 'A';
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(run(rig, flight), HZ_MW_STOP);
	CU_ASSERT_EQUAL(flight->resp.status, 401);
	end(rig, flight);
	rig_close(rig);
}

static void request_that_is_gone_when_its_check_ends_is_left_alone(void)
{
	struct rig *rig = rig_open(HZ_JWT_HS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1800000000}");
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_WAIT);
	end(rig, flight);
	CU_ASSERT_FALSE(wait_woken(rig, 1));
	flight = ask(rig, rig->field); /* it was remembered all the same */
	CU_ASSERT_EQUAL(before(flight), HZ_MW_NEXT);
	end(rig, flight);
	rig_close(rig);
}

/* The site goes while a helper is at it: the policy stays until then. */
static void policy_outlives_its_site_for_a_check(void)
{
	struct rig *rig = rig_open(HZ_JWT_RS256);
	struct hz_h1_flight *flight;

	token_set(rig, "{\"exp\":1800000000}");
	flight = ask(rig, rig->field);
	CU_ASSERT_EQUAL(before(flight), HZ_MW_WAIT);
	end(rig, flight);
	hz_jwt_policy_put(rig->conf.policy);
	rig->conf.policy = NULL;
	CU_ASSERT_FALSE(wait_woken(rig, 1));
	rig_close(rig);
}

static void token_that_many_bring_at_once_is_checked_once(void)
{
	struct hz_h1_flight *flight[100];
	struct rig *rig = rig_open(HZ_JWT_ES256);

	token_set(rig, "{\"exp\":1800000000}");
	for (unsigned i = 0; i < 100; i++) {
		flight[i] = ask(rig, rig->field);
		CU_ASSERT_EQUAL(before(flight[i]), HZ_MW_WAIT);
		CU_ASSERT_EQUAL(flight[i]->req.wake_ns != 0, i > 0);
	}
	CU_ASSERT(wait_woken(rig, 1));
	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(before(flight[i]), HZ_MW_NEXT);
		end(rig, flight[i]);
	}
	CU_ASSERT_EQUAL(rig->woken, 1);
	rig_close(rig);
}

struct standing {
	struct hz_job job;
	struct rig *rig;
};

static void hold(struct hz_job *job)
{
	while (sem_wait(&HZ_CONTAINER_OF(job, struct standing, job)->rig->gate) != 0)
		;
}

static void nothing(struct hz_job *job)
{
	(void)job;
}

/* Both helpers stand; as many tokens as may be wait; the next one is 503 and counted; then all are served. */
static void tokens_beyond_the_limit_are_told_to_come_later(void)
{
	struct standing standing[2];
	struct rig *rig = rig_open(HZ_JWT_HS256);
	static struct hz_h1_flight *flight[HZ_LIMIT_jwt_checks_max + 3];
	static char fields[HZ_LIMIT_jwt_checks_max + 3][256];
	char token[8192];

	sem_init(&rig->gate, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		standing[i].job = (struct hz_job){ .run = hold, .done = nothing };
		standing[i].rig = rig;
		CU_ASSERT(hz_jobs_post(rig->worker.jobs, &standing[i].job));
	}
	for (unsigned i = 0; i < HZ_LIMIT_jwt_checks_max + 3; i++) {
		char claims[64];

		snprintf(claims, sizeof(claims), "{\"exp\":1800000000,\"n\":%u}", i);
		jwt_sign(HZ_JWT_HS256, jwt_header(HZ_JWT_HS256), claims, token);
		snprintf(fields[i], sizeof(fields[i]), "Bearer %.240s", token);
		flight[i] = ask(rig, fields[i]);
		CU_ASSERT_EQUAL(before(flight[i]),
		                i < HZ_LIMIT_jwt_checks_max ? HZ_MW_WAIT : HZ_MW_STOP);
	}
	CU_ASSERT_EQUAL(flight[HZ_LIMIT_jwt_checks_max]->resp.status, 503);
	CU_ASSERT(challenge_has(flight[HZ_LIMIT_jwt_checks_max], "Retry-After: 1\r\n"));
	CU_ASSERT_EQUAL(rig->gauges.counters[HZ_COUNTER_jwt_busy], 3);
	sem_post(&rig->gate);
	sem_post(&rig->gate);
	CU_ASSERT(wait_woken(rig, HZ_LIMIT_jwt_checks_max));
	for (unsigned i = 0; i < HZ_LIMIT_jwt_checks_max + 3; i++) {
		if (i < HZ_LIMIT_jwt_checks_max)
			CU_ASSERT_EQUAL(before(flight[i]), HZ_MW_NEXT);
		end(rig, flight[i]);
	}
	sem_destroy(&rig->gate);
	rig_close(rig);
}

/* More tokens than there is room for: each answer is right, whatever is forgotten. */
static void full_cache_forgets_and_never_errs(void)
{
	const unsigned count = 3 * HZ_LIMIT_jwt_cache_tokens;
	struct hz_jwt_claims claims = { .expires_s = 1800000000, .subject_bytes = 4 };
	struct hz_jwt_policy *policy = jwt_policy(HZ_JWT_HS256);
	struct hz_jwt_cache *cache;
	unsigned known = 0;

	CU_ASSERT_EQUAL_FATAL(hz_jwt_cache_open(&cache), 0);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < count; i++) {
			uint8_t text[80];
			struct hz_span token = { text, sizeof(text) }, subject;
			uint64_t tag;
			bool is_known;

			memset(text, 'x', sizeof(text));
			memcpy(text + (i & 1 ? 10 : 70), &i,
			       4); /* in the hashed part, or before it */
			memcpy(text + 72, &i, 4);
			tag = hz_jwt_cache_tag(cache, policy, token);
			is_known = hz_jwt_cache_find(cache, tag, policy, token, JWT_NOW, &subject);
			CU_ASSERT(pass == 1 || !is_known);
			if (is_known)
				CU_ASSERT_EQUAL(memcmp(subject.data, &i, 4), 0);
			known += is_known;
			memcpy(claims.subject, &i, 4);
			if (pass == 0)
				hz_jwt_cache_put(cache, tag, policy, token, &claims);
		}
	}
	CU_ASSERT(known > HZ_LIMIT_jwt_cache_tokens / 2 && known <= HZ_LIMIT_jwt_cache_tokens);
	hz_jwt_cache_close(cache);
	hz_jwt_policy_put(policy);
}

/* With the tag of another token, as if hashes met: every byte, the length and the policy are compared. */
static void cache_finds_the_very_token_whatever_the_tag(void)
{
	const struct hz_jwt_policy policy = { .fingerprint = { 1, 2 } };
	const struct hz_jwt_policy others[2] = { { .fingerprint = { 3, 2 } },
		                                 { .fingerprint = { 1, 3 } } };
	const struct hz_jwt_claims claims = { .expires_s = JWT_NOW + 1 };
	const uint64_t tag = 77;
	struct hz_jwt_cache *cache;
	struct hz_span subject;
	uint8_t text[100];

	CU_ASSERT_EQUAL_FATAL(hz_jwt_cache_open(&cache), 0);
	memset(text, 'a', sizeof(text));
	for (size_t len = HZ_JWT_TOKEN_BYTES_MIN; len < sizeof(text); len++) {
		const struct hz_span token = { text, len };

		hz_jwt_cache_put(cache, tag, &policy, token, &claims);
		CU_ASSERT(hz_jwt_cache_find(cache, tag, &policy, token, JWT_NOW, &subject));
		CU_ASSERT_FALSE(
			hz_jwt_cache_find(cache, tag, &policy, token, JWT_NOW + 1, &subject));
		for (unsigned i = 0; i < 2; i++)
			CU_ASSERT_FALSE(hz_jwt_cache_find(cache, tag, &others[i], token, JWT_NOW,
			                                  &subject));
		for (size_t at = 0; at < len; at++) {
			text[at] = 'b';
			CU_ASSERT_FALSE(
				hz_jwt_cache_find(cache, tag, &policy, token, JWT_NOW, &subject));
			text[at] = 'a';
		}
		CU_ASSERT_FALSE(hz_jwt_cache_find(
			cache, tag, &policy, (struct hz_span){ text, len - 1 }, JWT_NOW, &subject));
	}
	hz_jwt_cache_close(cache);
}

HZ_SUITE(mw_jwt, CASE(request_without_a_token_is_challenged), CASE(two_tokens_are_a_bad_request),
         CASE(good_token_waits_once_and_is_remembered),
         CASE(waiting_request_that_is_called_for_nothing_waits_on),
         CASE(refused_token_says_why_and_is_not_remembered),
         CASE(token_too_long_or_too_short_is_refused_at_once), CASE(remembered_token_expires),
         CASE(remembered_token_is_checked_anew_under_another_policy),
         CASE(forged_token_with_a_remembered_signature_is_refused),
         CASE(request_that_is_gone_when_its_check_ends_is_left_alone),
         CASE(policy_outlives_its_site_for_a_check),
         CASE(token_that_many_bring_at_once_is_checked_once),
         CASE(tokens_beyond_the_limit_are_told_to_come_later),
         CASE(full_cache_forgets_and_never_errs),
         CASE(cache_finds_the_very_token_whatever_the_tag));
