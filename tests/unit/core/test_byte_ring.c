/* The byte ring: one piece wherever it lies, full is full, nothing is lost between two threads. */
#include "core/byte_ring.h"
#include "hz_test.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define BYTES 4096u

static void ring_size_that_is_no_power_of_two_is_refused(void)
{
	struct hz_byte_ring ring;

	CU_ASSERT_EQUAL(hz_byte_ring_open(&ring, 0), -EINVAL);
	CU_ASSERT_EQUAL(hz_byte_ring_open(&ring, BYTES + 1), -EINVAL);
	CU_ASSERT_EQUAL(hz_byte_ring_open(&ring, 3 * BYTES), -EINVAL);
	CU_ASSERT_EQUAL(hz_byte_ring_open(&ring, 64), -EINVAL);
	CU_ASSERT_EQUAL(hz_byte_ring_open(&ring, 1u << 31), -EINVAL);
}

static void ring_over_its_end_is_one_piece(void)
{
	struct hz_byte_ring ring;
	struct hz_span got;
	uint8_t *room;

	CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&ring, BYTES), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(hz_byte_ring_reserve(&ring, BYTES - 10));
	hz_byte_ring_commit(&ring, BYTES - 10);
	hz_byte_ring_consume(&ring, BYTES - 10);
	room = hz_byte_ring_reserve(&ring, 26);
	CU_ASSERT_PTR_NOT_NULL_FATAL(room);
	memcpy(room, "abcdefghijklmnopqrstuvwxyz", 26);
	CU_ASSERT_EQUAL(hz_byte_ring_peek(&ring).len, 0); /* not committed */
	hz_byte_ring_commit(&ring, 26);
	got = hz_byte_ring_peek(&ring);
	CU_ASSERT_EQUAL(got.len, 26);
	CU_ASSERT_EQUAL(memcmp(got.data, "abcdefghijklmnopqrstuvwxyz", 26), 0);
	hz_byte_ring_consume(&ring, 25);
	got = hz_byte_ring_peek(&ring);
	CU_ASSERT(got.len == 1 && got.data[0] == 'z');
	hz_byte_ring_close(&ring);
	hz_byte_ring_close(&ring);
}

static void ring_full_gives_nothing_until_consumed(void)
{
	struct hz_byte_ring ring;

	CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&ring, BYTES), 0);
	CU_ASSERT_PTR_NULL(hz_byte_ring_reserve(&ring, BYTES + 1));
	CU_ASSERT_PTR_NOT_NULL(hz_byte_ring_reserve(&ring, BYTES));
	hz_byte_ring_commit(&ring, BYTES);
	CU_ASSERT_PTR_NULL(hz_byte_ring_reserve(&ring, 1));
	hz_byte_ring_consume(&ring, 1);
	CU_ASSERT_PTR_NOT_NULL(hz_byte_ring_reserve(&ring, 1));
	CU_ASSERT_PTR_NULL(hz_byte_ring_reserve(&ring, 2));
	CU_ASSERT_EQUAL(hz_byte_ring_peek(&ring).len, BYTES - 1);
	hz_byte_ring_close(&ring);
}

static void ring_indices_may_overflow(void)
{
	struct hz_byte_ring ring;

	CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&ring, BYTES), 0);
	ring.producer.head = ring.producer.tail_seen = ring.consumer.tail = UINT32_MAX - 99;
	CU_ASSERT_PTR_NOT_NULL(hz_byte_ring_reserve(&ring, BYTES));
	hz_byte_ring_commit(&ring, 200);
	CU_ASSERT_EQUAL(hz_byte_ring_peek(&ring).len, 200);
	CU_ASSERT_PTR_NULL(hz_byte_ring_reserve(&ring, BYTES - 199));
	hz_byte_ring_consume(&ring, 200);
	CU_ASSERT_PTR_NOT_NULL(hz_byte_ring_reserve(&ring, BYTES));
	hz_byte_ring_close(&ring);
}

#define PIECES 200000u

/* Piece i: 1 + i % 61 bytes, each the low byte of i. */
static void *produce(void *arg)
{
	struct hz_byte_ring *ring = arg;

	for (uint32_t i = 0; i < PIECES; i++) {
		uint32_t bytes = 1 + i % 61;
		uint8_t *room;

		while ((room = hz_byte_ring_reserve(ring, bytes)) == NULL)
			;
		memset(room, (int)(i & 0xff), bytes);
		hz_byte_ring_commit(ring, bytes);
	}
	return NULL;
}

static void ring_between_threads_keeps_every_byte_in_order(void)
{
	uint32_t piece = 0, at = 0, wrong = 0;
	struct hz_byte_ring ring;
	pthread_t producer;

	CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&ring, BYTES), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&producer, NULL, produce, &ring), 0);
	while (piece < PIECES) {
		struct hz_span got = hz_byte_ring_peek(&ring);

		for (size_t i = 0; i < got.len; i++) {
			wrong += got.data[i] != (uint8_t)piece;
			if (++at == 1 + piece % 61) {
				piece++;
				at = 0;
			}
		}
		hz_byte_ring_consume(&ring, got.len);
	}
	pthread_join(producer, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(hz_byte_ring_peek(&ring).len, 0);
	hz_byte_ring_close(&ring);
}

HZ_SUITE(byte_ring, CASE(ring_size_that_is_no_power_of_two_is_refused),
         CASE(ring_over_its_end_is_one_piece), CASE(ring_full_gives_nothing_until_consumed),
         CASE(ring_indices_may_overflow), CASE(ring_between_threads_keeps_every_byte_in_order));
