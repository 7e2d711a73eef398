/* Sleeping, waking, the mailbox and the hand-over ring between threads. */
#include "core/rcu.h"
#include "hz_test.h"
#include "world.h"
#include <poll.h>
#include <pthread.h>
#include <time.h>

static struct world world;

static uint64_t now_ns(void)
{
	return hz_clock_monotonic_ns();
}

static void rest_spins_before_it_sleeps(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	uint64_t before;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 2000));
	before = now_ns();
	for (int i = 0; i < 100; i++)
		hz_worker_rest(w, hz_worker_turn(w));
	CU_ASSERT(now_ns() - before < 2 * HZ_NS_PER_MS); /* 100 empty turns are microseconds */
	while (now_ns() - before < 3 * HZ_NS_PER_MS)
		hz_worker_turn(w);
	before = now_ns();
	for (int i = 0; i < 10; i++)
		hz_worker_rest(w, hz_worker_turn(w));
	CU_ASSERT(now_ns() - before >= 9 * HZ_NS_PER_MS); /* a ring is looked at each millisecond */
	world_close(&world);
}

static void rest_found_work_does_not_sleep(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	uint64_t before;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	before = now_ns();
	for (int i = 0; i < 1000; i++)
		hz_worker_rest(w, 1);
	CU_ASSERT(now_ns() - before < HZ_NS_PER_MS);
	world_close(&world);
}

static void rest_beats_and_counts_no_gap(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	uint64_t first;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	hz_worker_turn(w);
	first = world.worker[0].slot.beat.beat_ns;
	world.worker[0].slot.worker.longest_gap_ns = 0;
	for (int i = 0; i < 20; i++)
		hz_worker_rest(w, hz_worker_turn(w));
	CU_ASSERT(world.worker[0].slot.beat.beat_ns >= first + 19 * HZ_NS_PER_MS);
	CU_ASSERT(world.worker[0].slot.worker.longest_gap_ns < 19 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.busy_ns, 0);
	world_close(&world);
}

struct sleeper {
	struct hz_mailbox box;
	uint32_t rounds;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	while (s->rounds > 0) {
		struct pollfd poller = { .fd = s->box.event_fd, .events = POLLIN };

		hz_mailbox_lie_down(&s->box);
		if (!hz_mailbox_has_mail(&s->box) && poll(&poller, 1, 5000) == 0)
			break; /* a lost wake-up */
		hz_mailbox_get_up(&s->box);
		if (hz_mailbox_take(&s->box) == HZ_MAIL_DRAIN)
			__atomic_fetch_sub(&s->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void mailbox_post_always_wakes_sleeper(void)
{
	struct sleeper s = { .rounds = 20000 };
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(hz_mailbox_open(&s.box), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, sleeper_main, &s), 0);
	for (uint32_t left = 20000; left > 0; left--) {
		uint64_t deadline = now_ns() + 4 * HZ_NS_PER_S;

		hz_mailbox_post(&s.box, HZ_MAIL_DRAIN);
		while (__atomic_load_n(&s.rounds, __ATOMIC_ACQUIRE) == left && now_ns() < deadline)
			sched_yield();
		if (now_ns() >= deadline)
			break;
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(s.rounds, 0);
	hz_mailbox_close(&s.box);
}

static void mailbox_ring_of_waker_is_silent_when_awake(void)
{
	struct hz_mailbox box;
	struct pollfd poller;

	CU_ASSERT_EQUAL_FATAL(hz_mailbox_open(&box), 0);
	poller = (struct pollfd){ .fd = box.event_fd, .events = POLLIN };
	hz_mailbox_post(&box, HZ_MAIL_STOP);
	CU_ASSERT_EQUAL(poll(&poller, 1, 0), 0);
	CU_ASSERT_EQUAL(hz_mailbox_take(&box), HZ_MAIL_STOP);
	CU_ASSERT_EQUAL(hz_mailbox_take(&box), 0);
	hz_mailbox_lie_down(&box);
	hz_mailbox_ring(&box);
	CU_ASSERT_EQUAL(poll(&poller, 1, 0), 1);
	hz_mailbox_get_up(&box);
	CU_ASSERT_EQUAL(poll(&poller, 1, 0), 0);
	hz_mailbox_close(&box);
}

#define PUSHES 2000000u

static void *pusher_main(void *arg)
{
	struct hz_steer_ring *ring = arg;

	for (uintptr_t i = 1; i <= PUSHES; i++) {
		while (!hz_steer_ring_push(ring, (struct rte_mbuf *)(i << 6)))
			sched_yield();
	}
	return NULL;
}

static void steer_ring_keeps_order_between_threads(void)
{
	struct hz_steer steer = { 0 };
	struct rte_mbuf *got[64];
	uintptr_t next = 1, wrong = 0;
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(hz_steer_open(&steer, 2), 0);
	CU_ASSERT_EQUAL_FATAL(
		pthread_create(&thread, NULL, pusher_main, hz_steer_between(&steer, 0, 1)), 0);
	while (next <= PUSHES) {
		uint32_t count = hz_steer_ring_pop(hz_steer_between(&steer, 0, 1), got, 64);

		if (count == 0)
			sched_yield();
		for (uint32_t i = 0; i < count; i++)
			wrong += (uintptr_t)got[i] != next++ << 6;
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(hz_steer_ring_is_empty(hz_steer_between(&steer, 0, 1)));
	hz_steer_close(&steer);
}

static void steer_ring_full_refuses_and_recovers(void)
{
	struct hz_steer steer = { 0 };
	struct rte_mbuf *got[HZ_STEER_SLOTS];
	struct hz_steer_ring *ring;

	CU_ASSERT_EQUAL_FATAL(hz_steer_open(&steer, 2), 0);
	ring = hz_steer_between(&steer, 1, 0);
	for (uintptr_t round = 0; round < 3; round++) {
		for (uintptr_t i = 1; i <= HZ_STEER_SLOTS; i++)
			CU_ASSERT_FATAL(hz_steer_ring_push(ring, (struct rte_mbuf *)(i << 6)));
		CU_ASSERT_FALSE(hz_steer_ring_push(ring, (struct rte_mbuf *)64));
		CU_ASSERT_EQUAL(hz_steer_ring_pop(ring, got, HZ_STEER_SLOTS), HZ_STEER_SLOTS);
		CU_ASSERT_PTR_EQUAL(got[HZ_STEER_SLOTS - 1],
		                    (struct rte_mbuf *)((uintptr_t)HZ_STEER_SLOTS << 6));
		CU_ASSERT_EQUAL(hz_steer_ring_pop(ring, got, 1), 0);
	}
	hz_steer_close(&steer);
}

HZ_SUITE(worker_rest, CASE(rest_spins_before_it_sleeps), CASE(rest_found_work_does_not_sleep),
         CASE(rest_beats_and_counts_no_gap), CASE(mailbox_post_always_wakes_sleeper),
         CASE(mailbox_ring_of_waker_is_silent_when_awake),
         CASE(steer_ring_keeps_order_between_threads), CASE(steer_ring_full_refuses_and_recovers));
