/* Snapshots are replaced and freed under two readers. With SAN=tsan this must be silent, and with
 * SAN=asan a grace period that ends too early is a use after free. */
#include "core/rcu.h"
#include <hz_test.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#define SWAPS   300u
#define READERS 2u

struct snapshot {
	uint64_t generation;
	uint64_t word[64]; /* all equal to generation */
};

struct shared {
	void *current;
	bool is_stopping;
	unsigned ready;
};

struct reader {
	struct shared *shared;
	uint64_t reads;
	uint64_t torn;
	uint64_t backwards;
	bool goes_offline;
};

static struct snapshot *snapshot_build(uint64_t generation)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (snapshot == NULL)
		abort();
	snapshot->generation = generation;
	for (unsigned i = 0; i < 64; i++)
		snapshot->word[i] = generation;
	return snapshot;
}

/* A freed snapshot must not look valid. */
static void snapshot_free(struct snapshot *snapshot)
{
	for (unsigned i = 0; i < 64; i++)
		snapshot->word[i] = UINT64_MAX;
	free(snapshot);
}

static void *read_loop(void *ctx)
{
	struct reader *reader = ctx;
	struct shared *shared = reader->shared;
	uint64_t last = 0;

	hz_rcu_reader_register();
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&shared->is_stopping, __ATOMIC_ACQUIRE)) {
		const struct snapshot *snapshot = hz_rcu_read(&shared->current);

		for (unsigned i = 0; i < 64; i++)
			reader->torn += snapshot->word[i] != snapshot->generation;
		reader->backwards += snapshot->generation < last;
		last = snapshot->generation;
		reader->reads++;
		hz_rcu_quiescent();
		if (reader->goes_offline && reader->reads % 16 == 0) {
			hz_rcu_offline();
			sched_yield();
			hz_rcu_online();
		}
	}
	hz_rcu_reader_unregister();
	return NULL;
}

static void rcu_readers_see_whole_snapshots_that_live(void)
{
	struct shared shared = { .current = snapshot_build(1) };
	struct reader reader[READERS] = { { .shared = &shared },
		                          { .shared = &shared, .goes_offline = true } };
	pthread_t thread[READERS];

	for (unsigned i = 0; i < READERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, read_loop, &reader[i]), 0);
	while (__atomic_load_n(&shared.ready, __ATOMIC_ACQUIRE) < READERS)
		sched_yield();
	for (uint64_t generation = 2; generation < 2 + SWAPS; generation++) {
		struct snapshot *old = hz_rcu_publish(&shared.current, snapshot_build(generation));

		CU_ASSERT_EQUAL_FATAL(old->generation, generation - 1);
		hz_rcu_synchronize();
		snapshot_free(old);
	}
	__atomic_store_n(&shared.is_stopping, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		CU_ASSERT_EQUAL(reader[i].torn, 0);
		CU_ASSERT_EQUAL(reader[i].backwards, 0);
		CU_ASSERT_TRUE(reader[i].reads > 0);
	}
	snapshot_free(shared.current);
}

struct holder {
	void *current;
	unsigned step; /* 1: holds a pointer, 2: may let go */
	bool has_let_go;
};

static void *hold_then_let_go(void *ctx)
{
	struct holder *holder = ctx;

	hz_rcu_reader_register();
	(void)hz_rcu_read(&holder->current);
	__atomic_store_n(&holder->step, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&holder->step, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	for (unsigned i = 0; i < 1000; i++)
		sched_yield();
	__atomic_store_n(&holder->has_let_go, true, __ATOMIC_RELEASE);
	hz_rcu_quiescent();
	hz_rcu_reader_unregister();
	return NULL;
}

static void rcu_synchronize_waits_for_a_reader_that_holds(void)
{
	struct holder holder = { 0 };
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, hold_then_let_go, &holder), 0);
	while (__atomic_load_n(&holder.step, __ATOMIC_ACQUIRE) != 1)
		sched_yield();
	__atomic_store_n(&holder.step, 2, __ATOMIC_RELEASE);
	hz_rcu_synchronize();
	CU_ASSERT_TRUE(__atomic_load_n(&holder.has_let_go, __ATOMIC_ACQUIRE));
	pthread_join(thread, NULL);
}

static void rcu_synchronize_without_readers_returns(void)
{
	void *slot = NULL;
	int value = 1;

	CU_ASSERT_PTR_NULL(hz_rcu_publish(&slot, &value));
	hz_rcu_synchronize();
	CU_ASSERT_PTR_EQUAL(hz_rcu_read(&slot), &value);
}

HZ_SUITE(rcu, CASE(rcu_readers_see_whole_snapshots_that_live),
         CASE(rcu_synchronize_waits_for_a_reader_that_holds),
         CASE(rcu_synchronize_without_readers_returns));
