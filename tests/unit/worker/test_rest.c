/* Sleeping, waking, the mailbox and the hand-over ring between threads. */
#include "core/rcu.h"
#include "hz_test.h"
#include "world.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RINGS 20000u

static struct world world;

static uint64_t now_ns(void)
{
	return hz_clock_monotonic_ns();
}

/* How often this thread went to sleep by itself: right on a busy machine too. */
static long sleeps(void)
{
	struct rusage usage;

	CU_ASSERT_EQUAL_FATAL(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

static void rest_spins_before_it_sleeps(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	uint64_t before;
	long slept;

	CU_ASSERT_FATAL(world_open(&world, 1, false, 2000));
	slept = sleeps();
	for (int i = 0; i < 100; i++)
		hz_worker_rest(w, hz_worker_turn(w));
	w->env->now_ns += 2 * HZ_NS_PER_MS - 1;
	hz_worker_rest(w, hz_worker_turn(w));
	CU_ASSERT_EQUAL(sleeps(), slept);
	w->env->now_ns++;
	before = now_ns();
	for (int i = 0; i < 10; i++)
		hz_worker_rest(w, hz_worker_turn(w));
	CU_ASSERT(sleeps() >= slept + 10);
	CU_ASSERT(now_ns() - before >=
	          10 * HZ_NS_PER_MS); /* a ring is looked at each millisecond */
	hz_worker_rest(w, 1);
	slept = sleeps();
	hz_worker_rest(w, hz_worker_turn(w)); /* spins anew */
	CU_ASSERT_EQUAL(sleeps(), slept);
	world_close(&world);
}

static void rest_found_work_does_not_sleep(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	long slept;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	slept = sleeps();
	for (int i = 0; i < 1000; i++)
		hz_worker_rest(w, 1);
	CU_ASSERT_EQUAL(sleeps(), slept);
	world_close(&world);
}

/* What was published before the bell was connected is seen by the last look. */
static void rest_with_mail_or_frames_does_not_sleep(void)
{
	struct hz_worker_loop *w = &world.worker[1].loop;
	struct rte_mbuf *frame, *back = NULL;
	long slept;

	CU_ASSERT_FATAL(world_open(&world, 2, true, 0));
	world_turn(&world, 1);
	slept = sleeps();
	hz_mailbox_post(&w->mailbox, HZ_MAIL_DRAIN);
	hz_worker_rest(w, 0);
	CU_ASSERT_EQUAL(sleeps(), slept);
	CU_ASSERT_EQUAL(hz_mailbox_take(&w->mailbox), HZ_MAIL_DRAIN);
	frame = hz_port_alloc(w->port[0].port, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
	CU_ASSERT(hz_steer_ring_push(hz_steer_between(&world.steer, 0, 1), frame));
	hz_worker_rest(w, 0);
	CU_ASSERT_EQUAL(sleeps(), slept);
	CU_ASSERT_EQUAL(hz_steer_ring_pop(hz_steer_between(&world.steer, 0, 1), &back, 1), 1);
	rte_pktmbuf_free(back);
	hz_worker_rest(w, 0);
	CU_ASSERT(sleeps() > slept);
	world_close(&world);
}

static void rest_reaps_before_it_sleeps(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	struct hz_port *port;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	port = w->port[0].port;
	rte_pktmbuf_free(port->reserve[--port->reserve_count]);
	hz_worker_rest(w, 0);
	CU_ASSERT_EQUAL(port->reserve_count, HZ_LIMIT_tx_reserve_mbufs);
	world_close(&world);
}

static void *synchronizer_main(void *arg)
{
	struct hz_mailbox *box = arg;
	uint64_t deadline = now_ns() + 5 * HZ_NS_PER_S;

	while (__atomic_load_n(&box->is_asleep, __ATOMIC_RELAXED) == 0 && now_ns() < deadline)
		sched_yield();
	hz_rcu_synchronize();
	hz_mailbox_post(box, HZ_MAIL_DRAIN);
	return NULL;
}

/* A reload must not wait for a worker that sleeps. */
static void rest_asleep_does_not_hold_up_rcu(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	pthread_t thread;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	w->sleep_ns_max = 5 * HZ_NS_PER_S;
	w->port[0].port->poll_fd = eventfd(0, EFD_CLOEXEC); /* not blind: sleeps its full time */
	CU_ASSERT_FATAL(w->port[0].port->poll_fd >= 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, synchronizer_main, &w->mailbox), 0);
	hz_worker_rest(w, 0);
	/* Woken by the mail that follows the synchronisation, not by time. */
	CU_ASSERT_EQUAL(hz_mailbox_take(&w->mailbox), HZ_MAIL_DRAIN);
	hz_rcu_offline();
	pthread_join(thread, NULL);
	hz_rcu_online();
	close(w->port[0].port->poll_fd);
	w->port[0].port->poll_fd = -1;
	world_close(&world);
}

static void rest_beats_and_counts_no_gap(void)
{
	struct hz_worker_loop *w = &world.worker[0].loop;
	uint64_t first, shortest_ns = UINT64_MAX;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	hz_worker_turn(w);
	hz_worker_turn(w);
	first = world.worker[0].slot.beat.beat_ns;
	for (int i = 0; i < 20; i++) {
		hz_worker_rest(w, 0); /* a millisecond */
		world.worker[0].slot.worker.longest_gap_ns = 0;
		hz_worker_turn(w);
		shortest_ns = HZ_MIN(shortest_ns, world.worker[0].slot.worker.longest_gap_ns);
	}
	CU_ASSERT(world.worker[0].slot.beat.beat_ns >= first + 19 * HZ_NS_PER_MS);
	CU_ASSERT(shortest_ns < HZ_NS_PER_MS / 2);
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

struct ring_sleeper {
	struct hz_mailbox box;
	struct hz_steer steer;
	uint32_t taken; /* atomic */
};

static void *ring_sleeper_main(void *arg)
{
	struct ring_sleeper *s = arg;
	struct hz_steer_ring *ring = hz_steer_between(&s->steer, 0, 1);
	struct rte_mbuf *frame;

	while (s->taken < RINGS) {
		struct pollfd poller = { .fd = s->box.event_fd, .events = POLLIN };

		hz_mailbox_lie_down(&s->box);
		if (hz_steer_ring_is_empty(ring) && poll(&poller, 1, 2000) == 0)
			break; /* a lost wake-up */
		hz_mailbox_get_up(&s->box);
		while (hz_steer_ring_pop(ring, &frame, 1) == 1)
			__atomic_fetch_add(&s->taken, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool is_taken_beyond(const struct ring_sleeper *s, uint32_t count)
{
	uint64_t deadline = now_ns() + HZ_NS_PER_S;

	while (__atomic_load_n(&s->taken, __ATOMIC_ACQUIRE) <= count) {
		if (now_ns() >= deadline)
			return false;
		sched_yield();
	}
	return true;
}

/* As a hand-over does: the frame is published by a plain release, only the bell's own order wakes. */
static void mailbox_ring_after_hand_over_always_wakes_sleeper(void)
{
	static struct ring_sleeper s;
	struct hz_steer_ring *ring;
	struct rte_mbuf *left;
	pthread_t thread;
	uint32_t rung = 0;

	memset(&s, 0, sizeof(s));
	CU_ASSERT_EQUAL_FATAL(hz_mailbox_open(&s.box), 0);
	CU_ASSERT_EQUAL_FATAL(hz_steer_open(&s.steer, 2), 0);
	ring = hz_steer_between(&s.steer, 0, 1);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, ring_sleeper_main, &s), 0);
	do {
		CU_ASSERT(hz_steer_ring_push(ring, (struct rte_mbuf *)64)); /* nobody looks in */
		hz_mailbox_ring(&s.box);
	} while (is_taken_beyond(&s, rung) && ++rung < RINGS);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(s.taken, RINGS);
	while (hz_steer_ring_pop(ring, &left, 1) == 1)
		; /* hz_steer_close would free it */
	hz_steer_close(&s.steer);
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
         CASE(rest_with_mail_or_frames_does_not_sleep), CASE(rest_reaps_before_it_sleeps),
         CASE(rest_asleep_does_not_hold_up_rcu), CASE(rest_beats_and_counts_no_gap),
         CASE(mailbox_post_always_wakes_sleeper),
         CASE(mailbox_ring_after_hand_over_always_wakes_sleeper),
         CASE(mailbox_ring_of_waker_is_silent_when_awake),
         CASE(steer_ring_keeps_order_between_threads), CASE(steer_ring_full_refuses_and_recovers));
