/* Many threads put, one takes: everything arrives once, and what one thread put in its order. */
#include "core/base.h"
#include "core/inbox.h"
#include "hz_test.h"
#include <pthread.h>

#define PUTTERS 4u
#define EACH    20000u

struct item {
	struct hz_inbox_node node;
	unsigned putter, number;
};

struct putter {
	struct hz_inbox *inbox;
	struct item *item;
	unsigned *rings; /* atomic */
	pthread_t thread;
};

static void taken_in_the_order_put_and_rung_once(void)
{
	struct hz_inbox inbox = { 0 };
	struct hz_inbox_node node[3], *at;

	CU_ASSERT_PTR_NULL(hz_inbox_take(&inbox));
	CU_ASSERT(hz_inbox_put(&inbox, &node[0]));
	CU_ASSERT(!hz_inbox_put(&inbox, &node[1]));
	CU_ASSERT(!hz_inbox_put(&inbox, &node[2]));
	at = hz_inbox_take(&inbox);
	for (int i = 0; i < 3; i++, at = at->next)
		CU_ASSERT_PTR_EQUAL_FATAL(at, &node[i]);
	CU_ASSERT_PTR_NULL(at);
	CU_ASSERT_PTR_NULL(hz_inbox_take(&inbox));
	CU_ASSERT(hz_inbox_put(&inbox, &node[0]));
	CU_ASSERT_PTR_EQUAL(hz_inbox_take(&inbox), &node[0]);
}

static void *put_all(void *arg)
{
	struct putter *putter = arg;

	for (unsigned i = 0; i < EACH; i++)
		if (hz_inbox_put(putter->inbox, &putter->item[i].node))
			__atomic_fetch_add(putter->rings, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void many_putters_lose_nothing_and_keep_their_order(void)
{
	static struct item item[PUTTERS][EACH];
	struct putter putter[PUTTERS];
	struct hz_inbox inbox = { 0 };
	unsigned next[PUTTERS] = { 0 }, rings = 0, takes = 0, total = 0;

	for (unsigned p = 0; p < PUTTERS; p++) {
		putter[p] = (struct putter){ .inbox = &inbox, .item = item[p], .rings = &rings };
		for (unsigned i = 0; i < EACH; i++)
			item[p][i] = (struct item){ .putter = p, .number = i };
		CU_ASSERT_EQUAL_FATAL(pthread_create(&putter[p].thread, NULL, put_all, &putter[p]),
		                      0);
	}
	while (total < PUTTERS * EACH) {
		struct hz_inbox_node *node = hz_inbox_take(&inbox);

		takes += node != NULL;
		for (; node != NULL; node = node->next, total++) {
			struct item *got = HZ_CONTAINER_OF(node, struct item, node);

			CU_ASSERT_EQUAL_FATAL(got->number, next[got->putter]);
			next[got->putter]++;
		}
	}
	for (unsigned p = 0; p < PUTTERS; p++)
		pthread_join(putter[p].thread, NULL);
	CU_ASSERT_EQUAL(rings, takes); /* exactly one ring for what one take found */
}

HZ_SUITE(inbox, CASE(taken_in_the_order_put_and_rung_once),
         CASE(many_putters_lose_nothing_and_keep_their_order));
