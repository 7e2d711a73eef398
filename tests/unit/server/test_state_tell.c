/* Changes of state: each told once, levels not too often, and none lost while there is no room for it. */
#include "core/base.h"
#include "hz_test.h"
#include "server/state_tell.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MS         HZ_NS_PER_MS
#define START_NS   (100 * HZ_NS_PER_S)
#define TIMEOUT_NS (500 * MS)
#define SENT_MAX   256

struct sink {
	int status;     /* of the next ones */
	uint32_t ended; /* that were offered for the last time */
	uint32_t count;
	struct hz_event_state sent[SENT_MAX];
};

struct world {
	struct sink sink;
	struct hz_state_tell tell;
	struct hz_state_facts facts;
	struct hz_beat beat[2];
};

static int sink_take(void *ctx, const struct hz_event_state *record, bool is_kept)
{
	struct sink *sink = ctx;

	sink->ended += !is_kept;
	if (sink->status == 0 && sink->count < SENT_MAX)
		sink->sent[sink->count++] = *record;
	return sink->status;
}

static void world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->facts = (struct hz_state_facts){
		.now_ns = START_NS,
		.daemon = HZ_STATE_READY,
		.generation = 1,
		.beat_timeout_ns = TIMEOUT_NS,
		.worker_count = 2,
		.beat = world->beat,
	};
	for (int i = 0; i < 2; i++)
		world->beat[i] = (struct hz_beat){ .state = HZ_STATE_READY, .beat_ns = START_NS };
	hz_state_tell_open(&world->tell, HZ_STATE_READY, 1, sink_take, &world->sink);
}

/* A look so much later, with all workers turning but those in still (bits). */
static void look(struct world *world, uint64_t later_ns, uint32_t still)
{
	world->facts.now_ns += later_ns;
	for (uint32_t i = 0; i < 2; i++)
		if (!(still >> i & 1))
			world->beat[i].beat_ns = world->facts.now_ns;
	hz_state_tell_look(&world->tell, &world->facts);
}

static bool is_last(const struct world *world, enum hz_state_what what, uint64_t before,
                    uint64_t now)
{
	const struct hz_event_state *last;

	if (world->sink.count == 0)
		return false;
	last = &world->sink.sent[world->sink.count - 1];
	return last->header.kind == HZ_EVENT_STATE && last->header.bytes == sizeof(*last) &&
	       last->what == what && last->before == before && last->now == now;
}

static void start_names_its_process_and_is_told_once(void)
{
	struct world world;

	world_open(&world);
	world.tell.daemon = HZ_STATE_DOWN;
	look(&world, 0, 0);
	CU_ASSERT_EQUAL(world.sink.count, 1);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_DAEMON, HZ_STATE_DOWN, HZ_STATE_READY));
	CU_ASSERT_EQUAL(strncmp(world.sink.sent[0].name, "process ", 8), 0);
	CU_ASSERT_EQUAL(world.sink.sent[0].header.time_ns, START_NS);
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 1);
	world.facts.daemon = HZ_STATE_DRAINING;
	look(&world, 50 * MS, 0);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_DAEMON, HZ_STATE_READY, HZ_STATE_DRAINING));
	CU_ASSERT_EQUAL(world.sink.sent[1].name[0], '\0');
}

static void reload_tells_both_generations(void)
{
	struct world world;

	world_open(&world);
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 0);
	world.facts.generation = 3;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 1);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SITE, 1, 3));
}

static void worker_that_stands_still_is_told_and_so_is_its_return(void)
{
	struct world world;

	world_open(&world);
	look(&world, TIMEOUT_NS, 2); /* not longer than it may */
	CU_ASSERT_EQUAL(world.sink.count, 0);
	look(&world, 1, 2);
	CU_ASSERT_EQUAL(world.sink.count, 1);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_WORKER, HZ_STATE_READY, HZ_STATE_DOWN));
	CU_ASSERT_EQUAL(world.sink.sent[0].header.worker, 1);
	look(&world, 10 * HZ_NS_PER_S, 2);
	CU_ASSERT_EQUAL(world.sink.count, 1);
	world.beat[1].state = HZ_STATE_DRAINING;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 2);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_WORKER, HZ_STATE_DOWN, HZ_STATE_DRAINING));
	CU_ASSERT_EQUAL(world.sink.sent[1].header.worker, 1);
}

static void worker_that_beats_ahead_of_the_look_or_never_began_is_no_news(void)
{
	struct world world;

	world_open(&world);
	world.beat[0].beat_ns = START_NS + 3600 * HZ_NS_PER_S;
	world.beat[1] = (struct hz_beat){ .state = HZ_STATE_NONE };
	world.facts.now_ns += 10 * HZ_NS_PER_S;
	hz_state_tell_look(&world.tell, &world.facts);
	CU_ASSERT_EQUAL(world.sink.count, 0);
	world.facts.worker_count = 0; /* while it ends they have stopped, and that is no stall */
	world.facts.now_ns += 7200 * HZ_NS_PER_S;
	hz_state_tell_look(&world.tell, &world.facts);
	CU_ASSERT_EQUAL(world.sink.count, 0);
}

static void shedding_that_begins_and_ends_is_told_at_once(void)
{
	struct world world;

	world_open(&world);
	world.facts.shed_permille = 500;
	look(&world, 50 * MS, 0);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SHED, 0, 500));
	world.facts.shed_permille = 0;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 2);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SHED, 500, 0));
}

static void level_that_jumps_is_told_once_per_second(void)
{
	struct world world;

	world_open(&world);
	for (uint32_t i = 0; i < 100; i++) { /* 5 s: on, then another level with each look */
		world.facts.shed_permille = 100 + i;
		look(&world, 50 * MS, 0);
	}
	CU_ASSERT_EQUAL(world.sink.count, 5);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SHED, 160, 180));
}

static void level_that_comes_and_goes_gives_at_most_two_records_per_second(void)
{
	struct world world;

	world_open(&world);
	for (uint32_t i = 0; i < 100; i++) { /* 5 s */
		world.facts.shed_permille = i % 2 == 0 ? 500 : 0;
		look(&world, 50 * MS, 0);
	}
	CU_ASSERT(world.sink.count >= 9 && world.sink.count <= 10);
	look(&world, 2 * HZ_NS_PER_S, 0);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SHED, 500, 0));
}

static void change_waits_for_room_and_keeps_its_time_and_order(void)
{
	struct world world;

	world_open(&world);
	world.sink.status = -EAGAIN;
	world.facts.generation = 2;
	look(&world, 50 * MS, 0);
	world.facts.generation = 3;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 0);
	world.sink.status = 0;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 2);
	CU_ASSERT_EQUAL(world.sink.sent[0].now, 2);
	CU_ASSERT_EQUAL(world.sink.sent[0].header.time_ns, START_NS + 50 * MS);
	CU_ASSERT_EQUAL(world.sink.sent[1].now, 3);
	CU_ASSERT_EQUAL(world.tell.lost, 0);
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 2);
}

static void changes_beyond_the_room_for_them_are_counted_oldest_first(void)
{
	const uint32_t all = HZ_LIMIT_state_records_kept + 7;
	struct world world;

	world_open(&world);
	world.sink.status = -EAGAIN;
	for (uint32_t i = 0; i < all; i++) {
		world.facts.generation = 2 + i;
		look(&world, 50 * MS, 0);
	}
	CU_ASSERT_EQUAL(world.tell.lost, 7);
	CU_ASSERT_EQUAL(world.sink.ended, 7);
	world.sink.status = 0;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, HZ_LIMIT_state_records_kept);
	CU_ASSERT_EQUAL(world.sink.sent[0].now, 2 + 7);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SITE, all, all + 1));
}

static void record_that_is_refused_for_good_is_lost_and_not_sent_again(void)
{
	struct world world;

	world_open(&world);
	world.sink.status = -EPERM;
	world.facts.generation = 2;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.tell.lost, 1);
	world.sink.status = 0;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 0);
	world.tell.send = NULL; /* nobody listens: not lost */
	world.facts.generation = 3;
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.tell.lost, 1);
}

static void program_that_is_gone_is_told_with_the_next_look(void)
{
	struct world world;

	world_open(&world);
	hz_state_tell_program(&world.tell, START_NS + 7, "eth1", 643, 0);
	CU_ASSERT_EQUAL(world.sink.count, 0);
	look(&world, 50 * MS, 0);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_XDP, 643, 0));
	CU_ASSERT_STRING_EQUAL(world.sink.sent[0].name, "eth1");
	CU_ASSERT_EQUAL(world.sink.sent[0].header.time_ns, START_NS + 7);
	look(&world, 50 * MS, 0);
	CU_ASSERT_EQUAL(world.sink.count, 1);
}

static void changes_without_room_at_the_end_are_offered_once_more_and_counted(void)
{
	struct world world;

	world_open(&world);
	world.sink.status = -EAGAIN;
	for (uint32_t i = 0; i < 3; i++) {
		world.facts.generation = 2 + i;
		look(&world, 50 * MS, 0);
	}
	CU_ASSERT_EQUAL(world.sink.ended, 0);
	hz_state_tell_close(&world.tell);
	CU_ASSERT_EQUAL(world.sink.ended, 3); /* so that whoever takes them counts them */
	CU_ASSERT_EQUAL(world.tell.lost, 3);
	CU_ASSERT_EQUAL(world.tell.lost_logged, 3);
	hz_state_tell_close(&world.tell);
	CU_ASSERT_EQUAL(world.sink.ended, 3);
}

static void changes_that_find_room_at_the_end_are_told(void)
{
	struct world world;

	world_open(&world);
	world.sink.status = -EAGAIN;
	world.facts.generation = 2;
	look(&world, 50 * MS, 0);
	world.sink.status = 0;
	hz_state_tell_close(&world.tell);
	CU_ASSERT(is_last(&world, HZ_STATE_OF_SITE, 1, 2));
	CU_ASSERT_EQUAL(world.tell.lost, 0);
}

HZ_SUITE(state_tell, CASE(start_names_its_process_and_is_told_once),
         CASE(reload_tells_both_generations),
         CASE(worker_that_stands_still_is_told_and_so_is_its_return),
         CASE(worker_that_beats_ahead_of_the_look_or_never_began_is_no_news),
         CASE(shedding_that_begins_and_ends_is_told_at_once),
         CASE(level_that_jumps_is_told_once_per_second),
         CASE(level_that_comes_and_goes_gives_at_most_two_records_per_second),
         CASE(change_waits_for_room_and_keeps_its_time_and_order),
         CASE(changes_beyond_the_room_for_them_are_counted_oldest_first),
         CASE(record_that_is_refused_for_good_is_lost_and_not_sent_again),
         CASE(changes_without_room_at_the_end_are_offered_once_more_and_counted),
         CASE(changes_that_find_room_at_the_end_are_told),
         CASE(program_that_is_gone_is_told_with_the_next_look));
