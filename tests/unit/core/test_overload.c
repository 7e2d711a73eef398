/* The rungs of the ladder: what is shed at which pressure. */
#include "abi/shed_word.h"
#include "core/base.h"
#include "core/overload.h"
#include <hz_test.h>
#include <string.h>

struct ladder {
	struct hz_overload_conf conf;
	struct hz_overload overload;
	uint64_t now_ns;
};

static void ladder_open(struct ladder *ladder)
{
	memset(ladder, 0, sizeof(*ladder));
	ladder->conf = (struct hz_overload_conf){ .mode = HZ_OVERLOAD_ADAPTIVE,
		                                  .start_percent = 85,
		                                  .max_permille = 900 };
	ladder->overload.conf = &ladder->conf;
}

static const struct hz_overload *at_room(struct ladder *ladder, uint32_t percent)
{
	const struct hz_overload_sample sample = { .now_ns = ladder->now_ns += HZ_OVERLOAD_STEP_NS,
		                                   .room_percent = percent };

	hz_overload_step(&ladder->overload, &sample);
	return &ladder->overload;
}

static const struct hz_overload *at_ring(struct ladder *ladder, uint32_t percent)
{
	const struct hz_overload_sample sample = { .now_ns = ladder->now_ns += HZ_OVERLOAD_STEP_NS,
		                                   .ring_percent = percent };

	hz_overload_step(&ladder->overload, &sample);
	return &ladder->overload;
}

static void room_climbs_rung_by_rung(void)
{
	struct ladder ladder;
	const struct hz_overload *o = &ladder.overload;

	ladder_open(&ladder);
	for (uint32_t percent = 0; percent <= 100; percent++) {
		at_room(&ladder, percent);
		CU_ASSERT_EQUAL(o->pressure_percent, percent);
		CU_ASSERT_EQUAL(o->idle_permille > 0, percent > 70);
		CU_ASSERT_EQUAL(o->close_permille > 0, percent >= 80);
		CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_BULK) > 0, percent >= 85);
		CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_BULK) == 900, percent >= 92);
		CU_ASSERT_EQUAL(o->refuse_permille > 0, percent >= 92);
		CU_ASSERT_EQUAL(o->kept_permille, o->refuse_permille);
		CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_CANNED) > 0, percent >= 95);
		CU_ASSERT_EQUAL(o->evicts, percent >= 95);
		CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_SHUT), percent >= 98 ? 1000 : 0);
		CU_ASSERT_EQUAL(o->level_permille == 1000, percent >= 97);
	}
	CU_ASSERT_EQUAL(o->idle_permille, 1000);
	CU_ASSERT_EQUAL(o->close_permille, 1000);
	CU_ASSERT_EQUAL(o->refuse_permille, 1000);
}

static void room_steps_are_shares_not_switches(void)
{
	struct ladder ladder;
	uint64_t word = 0;
	uint32_t idle = 0, close = 0, refuse = 0;

	ladder_open(&ladder);
	for (uint32_t percent = 0; percent <= 97; percent++) {
		const struct hz_overload *o = at_room(&ladder, percent);

		CU_ASSERT_TRUE(o->word >= word);
		CU_ASSERT_TRUE(o->idle_permille >= idle && o->idle_permille <= idle + 34);
		CU_ASSERT_TRUE(o->close_permille >= close && o->close_permille <= close + 77);
		CU_ASSERT_TRUE(o->refuse_permille >= refuse && o->refuse_permille <= refuse + 143);
		word = o->word;
		idle = o->idle_permille;
		close = o->close_permille;
		refuse = o->refuse_permille;
	}
}

static void rung_is_left_five_points_below(void)
{
	struct ladder ladder;
	uint64_t word;

	ladder_open(&ladder);
	word = at_room(&ladder, 88)->word;
	CU_ASSERT_NOT_EQUAL(word, 0);
	CU_ASSERT_EQUAL(at_room(&ladder, 84)->word, word);
	CU_ASSERT_EQUAL(at_room(&ladder, 83)->word, word);
	CU_ASSERT_EQUAL(at_room(&ladder, 88)->word, word);
	CU_ASSERT_TRUE(at_room(&ladder, 80)->word < word);
	CU_ASSERT_NOT_EQUAL(ladder.overload.word, 0);
	CU_ASSERT_EQUAL(at_room(&ladder, 79)->word, 0);
	CU_ASSERT_EQUAL(at_room(&ladder, 0)->pressure_percent, 5);
	CU_ASSERT_EQUAL(ladder.overload.idle_permille, 0);
}

static void full_ring_refuses_but_closes_nothing(void)
{
	struct ladder ladder;
	const struct hz_overload *o;

	ladder_open(&ladder);
	o = at_ring(&ladder, 100);
	CU_ASSERT_EQUAL(o->pressure_percent, 100);
	CU_ASSERT_EQUAL(o->level_permille, 1000);
	CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_SHUT), 1000);
	CU_ASSERT_EQUAL(o->refuse_permille, 1000);
	CU_ASSERT_EQUAL(o->kept_permille, 0);
	CU_ASSERT_EQUAL(o->close_permille, 0);
	CU_ASSERT_EQUAL(o->idle_permille, 0);
	CU_ASSERT_FALSE(o->evicts);
}

static void start_percent_moves_the_first_refusal(void)
{
	static const uint32_t starts[] = { 50, 85, 91 };
	struct ladder ladder;

	for (unsigned i = 0; i < HZ_ARRAY_LEN(starts); i++) {
		ladder_open(&ladder);
		ladder.conf.start_percent = starts[i];
		CU_ASSERT_EQUAL(hz_shed_field(at_room(&ladder, starts[i] - 1)->word, HZ_SHED_BULK),
		                0);
		CU_ASSERT_TRUE(hz_shed_field(at_room(&ladder, starts[i])->word, HZ_SHED_BULK) > 0);
		CU_ASSERT_EQUAL(hz_shed_field(at_room(&ladder, 100)->word, HZ_SHED_BULK), 900);
	}
}

/* Whatever the setting says, requests of flows that came in do not get 503 before flows are refused. */
static void start_percent_beyond_the_ladder_is_its_last_rung(void)
{
	struct ladder ladder;

	for (uint32_t percent = 50; percent <= 100; percent++) {
		const struct hz_overload *o = &ladder.overload;

		ladder_open(&ladder);
		ladder.conf.start_percent = 99;
		at_room(&ladder, percent);
		if (o->refuse_permille != 0)
			CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_BULK), 900);
	}
}

static void gold_is_refused_a_third_as_often(void)
{
	struct ladder ladder;

	ladder_open(&ladder);
	ladder.conf.is_mixed = 1;
	for (uint32_t percent = 85; percent <= 97; percent++) {
		uint64_t word = at_room(&ladder, percent)->word;

		CU_ASSERT_EQUAL(hz_shed_field(word, HZ_SHED_GOLD),
		                hz_shed_field(word, HZ_SHED_BULK) / 3);
	}
}

/* When all of bulk is refused that may be, the queue takes gold as well before it turns to requests. */
static void gold_follows_when_bulk_is_spent(void)
{
	struct ladder ladder;
	const struct hz_overload *o = &ladder.overload;
	bool was_spent = false;

	ladder_open(&ladder);
	ladder.conf.is_mixed = 1;
	for (unsigned i = 0; i < 400; i++) {
		const struct hz_overload_sample sample = { .now_ns = (i + 1) * HZ_OVERLOAD_STEP_NS,
			                                   .queue_ns = 10 * HZ_OVERLOAD_TARGET_NS };
		uint32_t gold, bulk;

		hz_overload_step(&ladder.overload, &sample);
		gold = hz_shed_field(o->word, HZ_SHED_GOLD);
		bulk = hz_shed_field(o->word, HZ_SHED_BULK);
		CU_ASSERT_TRUE(gold <= bulk);
		if (bulk < 900)
			CU_ASSERT_EQUAL(gold, bulk / 3);
		was_spent = was_spent || (bulk == 900 && gold > 300 && gold < 900);
		if (gold < 900)
			CU_ASSERT_EQUAL(o->refuse_permille, 0);
	}
	CU_ASSERT_TRUE(was_spent);
	CU_ASSERT_EQUAL(hz_shed_field(o->word, HZ_SHED_GOLD), 900);
	CU_ASSERT_TRUE(o->refuse_permille > 0);
}

static void off_and_fixed_climb_no_ladder(void)
{
	static const uint32_t modes[] = { HZ_OVERLOAD_OFF, HZ_OVERLOAD_FIXED };
	struct ladder ladder;

	for (unsigned i = 0; i < HZ_ARRAY_LEN(modes); i++) {
		const struct hz_overload *o = &ladder.overload;

		ladder_open(&ladder);
		at_room(&ladder, 96);
		CU_ASSERT_NOT_EQUAL(o->word, 0);
		ladder.conf.mode = modes[i];
		at_room(&ladder, 100);
		CU_ASSERT_EQUAL(o->word, 0);
		CU_ASSERT_EQUAL(o->level_permille, 0);
		CU_ASSERT_EQUAL(o->idle_permille + o->close_permille + o->refuse_permille +
		                        o->kept_permille,
		                0);
		CU_ASSERT_FALSE(o->evicts);
		CU_ASSERT_EQUAL(o->pressure_percent, 100); /* is still told */
	}
}

static void max_permille_zero_refuses_no_flow_by_share(void)
{
	struct ladder ladder;

	ladder_open(&ladder);
	ladder.conf.max_permille = 0;
	CU_ASSERT_EQUAL(at_room(&ladder, 94)->word, 0);
	CU_ASSERT_TRUE(ladder.overload.refuse_permille > 0);
	CU_ASSERT_EQUAL(at_room(&ladder, 98)->level_permille, 1000);
}

static void fixed_refuses_what_is_set_by_class(void)
{
	struct ladder ladder;
	uint64_t word;

	ladder_open(&ladder);
	ladder.conf.mode = HZ_OVERLOAD_FIXED;
	ladder.conf.fixed_permille = 600;
	word = at_room(&ladder, 100)->word;
	CU_ASSERT_EQUAL(word, hz_shed_word(600, 600, 0, 0));
	CU_ASSERT_EQUAL(ladder.overload.level_permille, 600);
	ladder.conf.is_mixed = 1;
	CU_ASSERT_EQUAL(at_room(&ladder, 0)->word, hz_shed_word(200, 600, 0, 0));
}

static void no_settings_shed_nothing(void)
{
	struct hz_overload o = { 0 };
	const struct hz_overload_sample sample = { .now_ns = 1, .room_percent = 100 };

	hz_overload_step(&o, &sample);
	CU_ASSERT_EQUAL(o.word, 0);
	CU_ASSERT_EQUAL(o.pressure_percent, 100);
}

HZ_SUITE(overload, CASE(room_climbs_rung_by_rung), CASE(room_steps_are_shares_not_switches),
         CASE(rung_is_left_five_points_below), CASE(full_ring_refuses_but_closes_nothing),
         CASE(start_percent_moves_the_first_refusal),
         CASE(start_percent_beyond_the_ladder_is_its_last_rung),
         CASE(gold_is_refused_a_third_as_often), CASE(gold_follows_when_bulk_is_spent),
         CASE(off_and_fixed_climb_no_ladder), CASE(max_permille_zero_refuses_no_flow_by_share),
         CASE(fixed_refuses_what_is_set_by_class), CASE(no_settings_shed_nothing));
