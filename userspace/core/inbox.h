/* Many threads put, one takes all there is, in the order in which it was put. Lock-free; intrusive: a node is the
 * putter's until put, the taker's once taken, and in one inbox at a time. */
#ifndef HZ_INBOX_H
#define HZ_INBOX_H

#include <stdbool.h>
#include <stddef.h>

struct hz_inbox_node {
	struct hz_inbox_node *next;
};

struct hz_inbox { /* zeroed: empty */
	struct hz_inbox_node *last;
};

/* True: it was empty, so that the taker may not know yet and is to be rung. What was written before is visible to the
 * taker. */
static inline bool hz_inbox_put(struct hz_inbox *inbox, struct hz_inbox_node *node)
{
	struct hz_inbox_node *last = __atomic_load_n(&inbox->last, __ATOMIC_RELAXED);

	do {
		node->next = last;
	} while (!__atomic_compare_exchange_n(&inbox->last, &last, node, true, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	return last == NULL;
}

/* The first of all, linked by next; NULL: empty. */
static inline struct hz_inbox_node *hz_inbox_take(struct hz_inbox *inbox)
{
	struct hz_inbox_node *node, *first = NULL;

	if (__atomic_load_n(&inbox->last, __ATOMIC_RELAXED) == NULL)
		return NULL;
	node = __atomic_exchange_n(&inbox->last, NULL, __ATOMIC_ACQUIRE);
	while (node != NULL) {
		struct hz_inbox_node *before = node->next;

		node->next = first;
		first = node;
		node = before;
	}
	return first;
}

#endif
