#include "core/ring.h"
#include <hz_test.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static void ring_capacity_must_be_a_power_of_two(void)
{
	struct hz_ring ring;
	void *slots[8];

	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 0), -EINVAL);
	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 6), -EINVAL);
	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 1), 0);
	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 8), 0);
}

static void ring_full_refuses_and_keeps_order(void)
{
	struct hz_ring ring;
	void *slots[4];
	char byte[8];

	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 4), 0);
	CU_ASSERT_PTR_NULL(hz_ring_pop(&ring));
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_TRUE(hz_ring_push(&ring, &byte[i]));
	CU_ASSERT_FALSE(hz_ring_push(&ring, &byte[4]));
	CU_ASSERT_EQUAL(hz_ring_count(&ring), 4);
	CU_ASSERT_PTR_EQUAL(hz_ring_pop(&ring), &byte[0]);
	CU_ASSERT_TRUE(hz_ring_push(&ring, &byte[4]));
	for (unsigned i = 1; i <= 4; i++)
		CU_ASSERT_PTR_EQUAL(hz_ring_pop(&ring), &byte[i]);
	CU_ASSERT_PTR_NULL(hz_ring_pop(&ring));
	CU_ASSERT_EQUAL(hz_ring_count(&ring), 0);
}

static void ring_indices_wrap_at_32_bits(void)
{
	struct hz_ring ring;
	void *slots[4];
	char byte[4];

	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 4), 0);
	ring.producer.head = ring.producer.tail_seen = UINT32_MAX - 1;
	ring.consumer.tail = ring.consumer.head_seen = UINT32_MAX - 1;
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_TRUE(hz_ring_push(&ring, &byte[i]));
	CU_ASSERT_FALSE(hz_ring_push(&ring, &byte[0]));
	CU_ASSERT_EQUAL(hz_ring_count(&ring), 4);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_PTR_EQUAL(hz_ring_pop(&ring), &byte[i]);
}

#define MESSAGES 500000u

struct message {
	uint64_t sequence;
	uint64_t check; /* plain data: the ring alone must order it */
};

static void *produce(void *ctx)
{
	struct hz_ring *ring = ctx;

	for (uint64_t i = 1; i <= MESSAGES; i++) {
		struct message *message = malloc(sizeof(*message));

		if (message == NULL)
			abort();
		*message = (struct message){ i, ~i };
		while (!hz_ring_push(ring, message))
			sched_yield();
	}
	return NULL;
}

static void ring_two_threads_pass_every_message_once_in_order(void)
{
	struct hz_ring ring;
	void *slots[64];
	uint64_t expected = 1;
	unsigned wrong = 0;
	pthread_t producer;

	CU_ASSERT_EQUAL(hz_ring_init(&ring, slots, 64), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&producer, NULL, produce, &ring), 0);
	while (expected <= MESSAGES) {
		struct message *message = hz_ring_pop(&ring);

		if (message == NULL) {
			sched_yield();
			continue;
		}
		wrong += message->sequence != expected || message->check != ~expected;
		expected++;
		free(message);
	}
	pthread_join(producer, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_PTR_NULL(hz_ring_pop(&ring));
}

HZ_SUITE(ring, CASE(ring_capacity_must_be_a_power_of_two), CASE(ring_full_refuses_and_keeps_order),
         CASE(ring_indices_wrap_at_32_bits),
         CASE(ring_two_threads_pass_every_message_once_in_order));
