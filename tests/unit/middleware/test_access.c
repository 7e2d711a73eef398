/* Prefix lists against a model that looks at every prefix; and what who is refused gets. */
#include "core/endpoint.h"
#include "mw_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIXES_MAX 80u

static struct hz_mw_prefix prefix(const char *addr, uint8_t bits, bool is_allowed)
{
	struct hz_mw_prefix out = { .bits = bits, .is_allowed = is_allowed };

	if (hz_addr_parse(addr, &out.addr) != 0)
		abort();
	return out;
}

static unsigned status_of(struct mw_rig *rig, const char *addr)
{
	mw_rig_peer(rig, addr);
	return mw_rig_exchange(rig, "");
}

static void access_longest_prefix_wins(void)
{
	const struct hz_mw_prefix list[] = {
		prefix("203.0.113.0", 24, false),        prefix("203.0.113.7", 32, true),
		prefix("2001:db8:bad::", 48, false),     prefix("2001:db8:bad:1::", 64, true),
		prefix("2001:db8:bad:1::5", 128, false),
	};
	const struct hz_mw_access_conf conf = { HZ_ARRAY_LEN(list), list, true };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });

	CU_ASSERT_EQUAL(status_of(rig, "203.0.113.6"), 403);
	CU_ASSERT_EQUAL(status_of(rig, "203.0.113.7"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "203.0.113.8"), 403);
	CU_ASSERT_EQUAL(status_of(rig, "203.0.113.255"), 403);
	CU_ASSERT_EQUAL(status_of(rig, "203.0.114.0"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "203.0.112.255"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8:bad::1"), 403);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8:bad:1::4"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8:bad:1::5"), 403);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8:bad:1::6"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8:bae::"), 200);
	CU_ASSERT_EQUAL(rig->gauges.counters[HZ_COUNTER_access_denied], 5);
	mw_rig_close(rig);
}

static void access_families_are_apart(void)
{
	const struct hz_mw_prefix list[] = { prefix("::", 0, true), prefix("10.0.0.0", 8, true) };
	const struct hz_mw_access_conf conf = { HZ_ARRAY_LEN(list), list, false };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });

	CU_ASSERT_EQUAL(status_of(rig, "2001:db8::1"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "10.1.2.3"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "11.1.2.3"), 403);
	mw_rig_close(rig);
}

static void access_list_of_one_family_says_nothing_good_of_the_other(void)
{
	const struct hz_mw_prefix list[] = { prefix("0.0.0.0", 0, true) };
	const struct hz_mw_access_conf conf = { HZ_ARRAY_LEN(list), list, false };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });

	CU_ASSERT_EQUAL(status_of(rig, "255.255.255.255"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "0.0.0.0"), 200);
	CU_ASSERT_EQUAL(status_of(rig, "2001:db8::1"), 403);
	mw_rig_close(rig);
}

static void access_refused_is_told_so_and_no_more(void)
{
	const struct hz_mw_access_conf conf = { 0, NULL, false };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });

	mw_rig_ask(rig, HZ_HTTP_GET, "");
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_STOP);
	CU_ASSERT_EQUAL(rig->flight.resp.status, 403);
	CU_ASSERT_EQUAL(rig->flight.resp.body.len, strlen("Forbidden"));
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 0);
	mw_rig_close(rig);
}

static void access_takes_every_length_around_one_address(void)
{
	struct hz_mw_prefix list[129];
	const struct hz_mw_access_conf conf = { HZ_ARRAY_LEN(list), list, false };
	struct mw_rig *rig;

	for (unsigned bits = 0; bits <= 128; bits++)
		list[bits] = prefix("::", (uint8_t)bits, bits % 2 == 0);
	rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });
	CU_ASSERT_EQUAL(status_of(rig, "::"), 200);              /* /128 */
	CU_ASSERT_EQUAL(status_of(rig, "::1"), 403);             /* /127 */
	CU_ASSERT_EQUAL(status_of(rig, "::2"), 200);             /* /126 */
	CU_ASSERT_EQUAL(status_of(rig, "8000::"), 200);          /* /0 */
	CU_ASSERT_EQUAL(status_of(rig, "4000::"), 403);          /* /1 */
	CU_ASSERT_EQUAL(status_of(rig, "ffff:ffff::ffff"), 200); /* /0 */
	mw_rig_close(rig);
}

/* --- against a model ------------------------------------------------------------------------------------------ */

/* Few distinct bytes, so that prefixes lie one in another. */
static struct hz_addr random_addr(struct hz_rng *rng, bool is_v4)
{
	struct hz_addr addr;

	if (hz_addr_parse(is_v4 ? "0.0.0.0" : "::", &addr) != 0)
		abort();
	for (unsigned i = is_v4 ? 12 : 0; i < 16; i++) {
		uint64_t choice = hz_rng_below(rng, 4);

		addr.byte[i] = choice == 0 ? 0 : choice == 1 ? 0xff : choice == 2 ? 0x80 : 1;
	}
	return addr;
}

static void cut(struct hz_addr *addr, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		addr->byte[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

static bool model(const struct hz_mw_access_conf *conf, const struct hz_addr *addr)
{
	bool is_allowed = conf->allows_rest;
	int longest = -1;

	for (uint32_t i = 0; i < conf->count; i++) {
		const struct hz_mw_prefix *p = &conf->prefix[i];

		if (hz_addr_is_within(addr, &p->addr, p->bits) && (int)p->bits > longest) {
			longest = p->bits;
			is_allowed = p->is_allowed;
		}
	}
	return is_allowed;
}

static bool has(const struct hz_mw_prefix *list, uint32_t count, const struct hz_mw_prefix *p)
{
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].bits == p->bits && memcmp(&list[i].addr, &p->addr, 16) == 0)
			return true;
	}
	return false;
}

static void access_agrees_with_a_model(void)
{
	struct hz_rng rng;
	unsigned refused = 0;

	hz_rng_seed(&rng, 20);
	for (unsigned run = 0; run < 300; run++) {
		struct hz_mw_prefix list[PREFIXES_MAX];
		struct hz_mw_access_conf conf = { .prefix = list,
			                          .allows_rest = hz_rng_below(&rng, 2) };
		struct mw_rig *rig;

		for (uint64_t i = hz_rng_below(&rng, PREFIXES_MAX); i > 0; i--) {
			bool is_v4 = hz_rng_below(&rng, 2);
			struct hz_mw_prefix p = {
				.addr = random_addr(&rng, is_v4),
				.bits = (uint8_t)hz_rng_below(&rng, is_v4 ? 33 : 129),
				.is_allowed = hz_rng_below(&rng, 2),
			};

			cut(&p.addr, p.bits + (is_v4 ? 96u : 0));
			if (!is_v4 && hz_addr_is_v4(&p.addr))
				continue;
			if (!has(list, conf.count, &p))
				list[conf.count++] = p;
		}
		rig = mw_rig_with(&(struct hz_mw_set){ .access = &conf });
		for (unsigned i = 0; i < 200; i++) {
			struct hz_addr addr = random_addr(&rng, hz_rng_below(&rng, 2));

			memcpy(rig->peer, addr.byte, 16);
			CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), model(&conf, &addr) ? 200 : 403);
			refused += rig->flight.resp.status == 403;
		}
		mw_rig_close(rig);
	}
	CU_ASSERT(refused > 10000 && refused < 50000);
}

HZ_SUITE(access, CASE(access_longest_prefix_wins), CASE(access_families_are_apart),
         CASE(access_list_of_one_family_says_nothing_good_of_the_other),
         CASE(access_refused_is_told_so_and_no_more),
         CASE(access_takes_every_length_around_one_address), CASE(access_agrees_with_a_model));
