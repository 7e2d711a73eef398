/* What pages of other origins are told, and what nobody is. */
#include "core/span_ops.h"
#include "mw_rig.h"
#include <string.h>

#define ASKS "Access-Control-Request-Method: PUT\n"

static const struct hz_span origins[] = {
	HZ_SPAN_LITERAL("https://app.example.org"),
	HZ_SPAN_LITERAL("https://app.example.org:8443"),
};

static const struct hz_mw_cors_conf listed = {
	.origin_count = 2,
	.origin = origins,
	.has_credentials = true,
	.methods = HZ_SPAN_LITERAL("GET, PUT"),
	.headers = HZ_SPAN_LITERAL("X-Token"),
	.expose = HZ_SPAN_LITERAL("X-Page"),
	.max_age_s = 600,
};

static const struct hz_mw_cors_conf any = { .is_any = true };

static bool field_is(struct mw_rig *rig, const char *name, const char *want)
{
	const char *have = mw_rig_field(rig, name);

	return want == NULL ? have == NULL : have != NULL && strcmp(have, want) == 0;
}

static void cors_listed_origin_may_read(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &listed });

	for (size_t i = 0; i < HZ_ARRAY_LEN(origins); i++) {
		char fields[64] = "Origin: ";

		strncat(fields, (const char *)origins[i].data, origins[i].len);
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, fields), 200);
		CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Origin", fields + 8));
		CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Credentials", "true"));
		CU_ASSERT_TRUE(field_is(rig, "Access-Control-Expose-Headers", "X-Page"));
		CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Methods", NULL));
		CU_ASSERT_TRUE(field_is(rig, "Access-Control-Max-Age", NULL));
		CU_ASSERT_TRUE(field_is(rig, "Vary", "Origin"));
	}
	mw_rig_close(rig);
}

static void cors_stranger_is_told_nothing_but_vary(void)
{
	static const char *const fields[] = {
		"",
		"Origin: null\n",
		"Origin: https://evil.example.org\n",
		"Origin: https://app.example.org.evil.org\n",
		"Origin: https://app.example.or\n",
		"Origin: https://APP.example.org\n",
		"Origin: http://app.example.org\n",
		"Origin: https://app.example.org:844\n",
		"Origin: *\n",
		"Origin:\n",
		"Origin: https://app.example.org\nOrigin: https://app.example.org\n",
		"Origin: https://app.example.org, https://evil.example.org\n",
	};
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &listed });

	for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++) {
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, fields[i]), 200);
		CU_ASSERT_EQUAL(rig->flight.resp.field_count, 1);
		CU_ASSERT_TRUE(hz_span_equals(rig->flight.resp.field[0],
		                              HZ_SPAN_LITERAL("Vary: Origin\r\n")));
	}
	mw_rig_close(rig);
}

static void cors_preflight_is_answered_without_the_handler(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &listed });

	mw_rig_ask(rig, HZ_HTTP_OPTIONS, "origin: https://app.example.org\n" ASKS);
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_STOP);
	CU_ASSERT_EQUAL(rig->flight.resp.status, 204);
	CU_ASSERT_EQUAL(rig->flight.resp.body_kind, HZ_BODY_NONE);
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Origin", "https://app.example.org"));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Methods", "GET, PUT"));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Headers", "X-Token"));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Credentials", "true"));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Max-Age", "600"));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Expose-Headers", NULL));
	CU_ASSERT_TRUE(field_is(rig, "Vary", "Origin"));
	mw_rig_close(rig);
}

static void cors_preflight_of_a_stranger_allows_nothing(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &listed });

	mw_rig_ask(rig, HZ_HTTP_OPTIONS, "Origin: https://evil.example.org\n" ASKS);
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_STOP);
	CU_ASSERT_EQUAL(rig->flight.resp.status, 204);
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 1);
	CU_ASSERT_TRUE(
		hz_span_equals(rig->flight.resp.field[0], HZ_SPAN_LITERAL("Vary: Origin\r\n")));
	mw_rig_close(rig);
}

static void cors_options_that_are_no_preflight_pass(void)
{
	static const char *const fields[] = { "", ASKS, "Origin: https://app.example.org\n" };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &listed });

	for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++) {
		mw_rig_ask(rig, HZ_HTTP_OPTIONS, fields[i]);
		CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	}
	mw_rig_ask(rig, HZ_HTTP_GET, "Origin: https://app.example.org\n" ASKS);
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	mw_rig_close(rig);
}

static void cors_any_origin_is_a_star_and_varies_nothing(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .cors = &any });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "Origin: https://anybody.example\n"), 200);
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Origin", "*"));
	CU_ASSERT_TRUE(field_is(rig, "Vary", NULL));
	CU_ASSERT_TRUE(field_is(rig, "Access-Control-Allow-Credentials", NULL));
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 0);
	mw_rig_close(rig);
}

HZ_SUITE(cors, CASE(cors_listed_origin_may_read), CASE(cors_stranger_is_told_nothing_but_vary),
         CASE(cors_preflight_is_answered_without_the_handler),
         CASE(cors_preflight_of_a_stranger_allows_nothing),
         CASE(cors_options_that_are_no_preflight_pass),
         CASE(cors_any_origin_is_a_star_and_varies_nothing));
