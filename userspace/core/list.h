/* Doubly linked list through a node inside each object; a circle around its head. One thread. */
#ifndef HZ_LIST_H
#define HZ_LIST_H

#include "core/base.h"

struct hz_list {
	struct hz_list *next; /* NULL: node in no list */
	struct hz_list *prev;
};

static inline void hz_list_init(struct hz_list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool hz_list_is_empty(const struct hz_list *head)
{
	return head->next == head;
}

/* Of a node that is zeroed while in no list. */
static inline bool hz_list_is_linked(const struct hz_list *node)
{
	return node->next != NULL;
}

static inline void hz_list_insert(struct hz_list *prev, struct hz_list *node)
{
	node->prev = prev;
	node->next = prev->next;
	prev->next->prev = node;
	prev->next = node;
}

static inline void hz_list_push_front(struct hz_list *head, struct hz_list *node)
{
	hz_list_insert(head, node);
}

static inline void hz_list_push_back(struct hz_list *head, struct hz_list *node)
{
	hz_list_insert(head->prev, node);
}

/* Leaves node zeroed; a node in no list stays so. */
static inline void hz_list_remove(struct hz_list *node)
{
	if (node->next == NULL)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = NULL;
	node->prev = NULL;
}

/* NULL when empty. */
static inline struct hz_list *hz_list_first(const struct hz_list *head)
{
	return hz_list_is_empty(head) ? NULL : head->next;
}

static inline struct hz_list *hz_list_pop_front(struct hz_list *head)
{
	struct hz_list *node = hz_list_first(head);

	if (node != NULL)
		hz_list_remove(node);
	return node;
}

/* Everything in from goes to the end of to, in order; from is empty then. */
static inline void hz_list_move_all(struct hz_list *from, struct hz_list *to)
{
	if (hz_list_is_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	hz_list_init(from);
}

#define HZ_LIST_ENTRY(node, type, member) HZ_CONTAINER_OF(node, type, member)
#define HZ_LIST_FOR_EACH(node, head)                                                               \
	for (struct hz_list *node = (head)->next; node != (head); node = node->next)
/* The body may remove node, and only node. */
#define HZ_LIST_FOR_EACH_SAFE(node, after, head)                                                   \
	for (struct hz_list *node = (head)->next, *after = node->next; node != (head);             \
	     node = after, after = node->next)

#endif
