/* `rate`: whose bucket it is, and what the answers say. */
#include "mw_rig.h"
#include <string.h>

static const struct hz_mw_rate_conf per_client = {
	.per = HZ_RATE_CLIENT, .scope = HZ_SPAN_LITERAL("user"), .per_hour = 2 * 3600, .burst = 3
};
static const struct hz_mw_rate_conf per_route = {
	.per = HZ_RATE_ROUTE, .scope = HZ_SPAN_LITERAL("r"), .per_hour = 90 * 60, .burst = 2
};
static const struct hz_mw_rate_conf per_key = { .per = HZ_RATE_HEADER,
	                                        .header = HZ_SPAN_LITERAL("x-api-key"),
	                                        .scope = HZ_SPAN_LITERAL("k"),
	                                        .per_hour = 7,
	                                        .burst = 1,
	                                        .is_announced = true };

static unsigned status_from(struct mw_rig *rig, const char *addr)
{
	mw_rig_peer(rig, addr);
	return mw_rig_exchange(rig, "");
}

static void rate_of_a_client_is_its_own(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_client });

	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(status_from(rig, "192.0.2.1"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.1"), 429);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.2"), 200);
	rig->env.now_ns += HZ_NS_PER_S / 2;
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.1"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.1"), 429);
	CU_ASSERT_EQUAL(rig->gauges.counters[HZ_COUNTER_rate_limited], 2);
	mw_rig_close(rig);
}

static void rate_of_an_ipv6_client_is_that_of_its_64(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_client });

	CU_ASSERT_EQUAL(status_from(rig, "2001:db8::1"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "2001:db8::2"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "2001:db8:0:0:ffff::3"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "2001:db8::4"), 429);
	CU_ASSERT_EQUAL(status_from(rig, "2001:db8:0:1::1"), 200);
	mw_rig_close(rig);
}

static void rate_of_a_route_is_everybodys(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_route });

	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.1"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.2"), 200);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.3"), 429);
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit-Policy"), "\"r\";q=90;w=60;hz-burst=2");
	mw_rig_close(rig);
}

static void rate_of_a_field_is_that_of_its_value_or_else_of_the_client(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_key });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "X-API-Key: a\n"), 200);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 429);
	mw_rig_peer(rig, "192.0.2.9");
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 429);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: b\n"), 200);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key:\n"), 200);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key:\n"), 429);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-other: c\n"), 429);
	CU_ASSERT_EQUAL(status_from(rig, "192.0.2.10"), 200);
	mw_rig_close(rig);
}

/* The chain as a reload makes it, with the limit called scope. */
static void rig_reload(struct mw_rig *rig, struct hz_mw_rate_conf *conf, struct hz_span scope)
{
	const struct hz_mw_set set = { .rate = conf };
	const char *which;

	hz_chain_free(&rig->chain);
	conf->scope = scope;
	CU_ASSERT_EQUAL_FATAL(hz_chain_build(&set, &rig->chain, &which), 0);
}

static void rate_limits_of_two_scopes_do_not_meet(void)
{
	struct hz_mw_rate_conf confs[] = { per_client, per_key };

	for (size_t i = 0; i < HZ_ARRAY_LEN(confs); i++) {
		struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &confs[i] });

		while (mw_rig_exchange(rig, "x-api-key: a\n") == 200)
			;
		rig_reload(rig, &confs[i], confs[i].scope);
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 429);
		rig_reload(rig, &confs[i], HZ_SPAN_LITERAL("other"));
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 200);
		mw_rig_close(rig);
	}
}

static void rate_refusal_says_when_to_come_again(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_key });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 200);
	rig->env.now_ns += 100 * HZ_NS_PER_S + 1;
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 429);
	CU_ASSERT_EQUAL(rig->flight.resp.body.len, strlen("Too Many Requests"));
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "Retry-After"),
	                       "415"); /* 3600/7 - 100, rounded up */
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit"), "\"k\";r=0;t=415");
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit-Policy"),
	                       "\"k\";q=7;w=3600;hz-burst=1");
	rig->env.now_ns += 415 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "x-api-key: a\n"), 200);
	mw_rig_close(rig);
}

static void rate_announced_is_on_every_answer(void)
{
	struct hz_mw_rate_conf conf = per_client;
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &conf });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 0);
	mw_rig_close(rig);
	conf.is_announced = true;
	rig = mw_rig_with(&(struct hz_mw_set){ .rate = &conf });
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit"), "\"user\";r=2");
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit"), "\"user\";r=1");
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit-Policy"),
	                       "\"user\";q=2;w=1;hz-burst=3");
	CU_ASSERT_PTR_NULL(mw_rig_field(rig, "Retry-After"));
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 429);
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 1); /* once, with the time */
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "RateLimit"), "\"user\";r=0;t=1");
	mw_rig_close(rig);
}

static void rate_refusal_without_room_is_still_a_refusal(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .rate = &per_key });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	mw_rig_ask(rig, HZ_HTTP_GET, "");
	rig->flight.arena.size = sizeof(struct hz_mw_call);
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_STOP);
	CU_ASSERT_EQUAL(rig->flight.resp.status, 429);
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 0);
	mw_rig_close(rig);
}

HZ_SUITE(rate, CASE(rate_of_a_client_is_its_own), CASE(rate_of_an_ipv6_client_is_that_of_its_64),
         CASE(rate_of_a_route_is_everybodys),
         CASE(rate_of_a_field_is_that_of_its_value_or_else_of_the_client),
         CASE(rate_limits_of_two_scopes_do_not_meet), CASE(rate_refusal_says_when_to_come_again),
         CASE(rate_announced_is_on_every_answer),
         CASE(rate_refusal_without_room_is_still_a_refusal));
