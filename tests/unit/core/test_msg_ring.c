/* The ring of a topic: what is kept, what is told of what is not, and that nobody ever reads half of two messages. */
#include "core/limits.h"
#include "core/msg_ring.h"
#include "core/rng.h"
#include <errno.h>
#include <hz_test.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hz_span span(const void *data, size_t len)
{
	return (struct hz_span){ data, len };
}

static uint64_t add(struct hz_msg_ring *ring, const char *text)
{
	struct hz_span part = span(text, strlen(text));
	uint64_t seq = 0;

	CU_ASSERT_EQUAL(hz_msg_ring_add(ring, &part, 1, &seq), 0);
	return seq;
}

static ssize_t take(const struct hz_msg_ring *ring, uint64_t seq, char out[64])
{
	uint32_t bytes = 0;
	ssize_t got =
		hz_msg_ring_read(ring, seq, 0, (struct hz_wspan){ (uint8_t *)out, 63 }, &bytes);

	out[got > 0 ? got : 0] = '\0';
	return got;
}

static void ring_without_room_is_refused(void)
{
	struct hz_msg_ring ring;

	CU_ASSERT_EQUAL(hz_msg_ring_open(&ring, 0, 100, 1), -EINVAL);
	CU_ASSERT_EQUAL(hz_msg_ring_open(&ring, 1, 0, 1), -EINVAL);
}

static void ring_keeps_as_many_messages_as_it_may(void)
{
	struct hz_msg_ring ring;
	char text[64];

	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 3, 4096, 1), 0);
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 1);
	CU_ASSERT_EQUAL(take(&ring, 1, text), -EAGAIN);
	CU_ASSERT_EQUAL(add(&ring, "one"), 1);
	CU_ASSERT_EQUAL(add(&ring, "two"), 2);
	CU_ASSERT_EQUAL(add(&ring, "three"), 3);
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 1);
	CU_ASSERT_EQUAL(add(&ring, "four"), 4);
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 2);
	CU_ASSERT_EQUAL(take(&ring, 1, text), -ESTALE);
	CU_ASSERT_EQUAL(take(&ring, 2, text), 3);
	CU_ASSERT_STRING_EQUAL(text, "two");
	CU_ASSERT_EQUAL(take(&ring, 4, text), 4);
	CU_ASSERT_STRING_EQUAL(text, "four");
	CU_ASSERT_EQUAL(take(&ring, 5, text), -EAGAIN);
	hz_msg_ring_close(&ring);
}

static void ring_keeps_as_many_bytes_as_it_may(void)
{
	struct hz_msg_ring ring;
	char text[64];

	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 100, 32, 1), 0);
	add(&ring, "12345678");
	add(&ring, "123456789"); /* two words */
	add(&ring, "1");
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 1); /* full to the last word */
	add(&ring, "x");
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 2);
	CU_ASSERT_EQUAL(take(&ring, 2, text), 9);
	CU_ASSERT_STRING_EQUAL(text, "123456789");
	add(&ring, "1234567890123456789012345");
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 5);
	CU_ASSERT_EQUAL(take(&ring, 5, text), 25);
	CU_ASSERT_STRING_EQUAL(text, "1234567890123456789012345");
	hz_msg_ring_close(&ring);
}

static void message_too_long_changes_nothing(void)
{
	static const uint8_t zeros[HZ_LIMIT_message_bytes_max + 1];
	struct hz_span part = span(zeros, 33);
	struct hz_msg_ring ring;
	uint64_t seq = 77;

	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 4, 32, 1), 0);
	add(&ring, "stays");
	CU_ASSERT_EQUAL(hz_msg_ring_add(&ring, &part, 1, &seq), -EMSGSIZE);
	CU_ASSERT_EQUAL(hz_msg_ring_next(&ring), 2);
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(&ring), 1);
	CU_ASSERT_EQUAL(seq, 77);
	hz_msg_ring_close(&ring);
	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 4, 4 * sizeof(zeros), 1), 0);
	part.len = HZ_LIMIT_message_bytes_max;
	CU_ASSERT_EQUAL(hz_msg_ring_add(&ring, &part, 1, &seq), 0);
	part.len++;
	CU_ASSERT_EQUAL(hz_msg_ring_add(&ring, &part, 1, &seq), -EMSGSIZE);
	hz_msg_ring_close(&ring);
}

static void message_in_parts_is_one_at_every_cut(void)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz0123";
	const size_t bytes = sizeof(text) - 1;
	struct hz_msg_ring ring;
	char got[64];

	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 2, 80, 1), 0);
	for (size_t a = 0; a <= bytes; a++) {
		for (size_t b = a; b <= bytes; b++) {
			struct hz_span part[] = { span(text, a), span(text + a, b - a),
				                  span(text + b, bytes - b) };
			uint64_t seq;

			CU_ASSERT_EQUAL(hz_msg_ring_add(&ring, part, 3, &seq), 0);
			CU_ASSERT_EQUAL(take(&ring, seq, got), (ssize_t)bytes);
			CU_ASSERT_STRING_EQUAL(got, text);
		}
	}
	hz_msg_ring_close(&ring);
}

#define MODEL_MAX 4000u

/* Beside a list that forgets nothing: what the ring says it has, it has, in pieces from anywhere. */
static void random_messages_read_as_they_were_written(void)
{
	static uint8_t data[MODEL_MAX][300];
	static size_t length[MODEL_MAX];
	struct hz_msg_ring ring;
	struct hz_rng rng;

	hz_rng_seed(&rng, 20);
	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&ring, 17, 1600, 1), 0);
	for (unsigned i = 1; i < MODEL_MAX; i++) {
		struct hz_span part = span(data[i], hz_rng_below(&rng, 300));
		uint64_t seq, words = 0;

		length[i] = part.len;
		for (size_t k = 0; k < part.len; k++)
			data[i][k] = (uint8_t)hz_rng_below(&rng, 256);
		CU_ASSERT_EQUAL(hz_msg_ring_add(&ring, &part, 1, &seq), 0);
		CU_ASSERT_EQUAL_FATAL(seq, i);
		for (uint64_t s = hz_msg_ring_oldest(&ring); s <= i; s++) {
			uint32_t offset = 8 * (uint32_t)hz_rng_below(&rng, length[s] / 8 + 1);
			uint8_t out[300];
			size_t ask = hz_rng_below(&rng, 300), left = length[s] - offset;
			size_t want = HZ_MIN(ask, left);
			uint32_t bytes = 0;
			ssize_t got = hz_msg_ring_read(&ring, s, offset,
			                               (struct hz_wspan){ out, ask }, &bytes);

			words += (length[s] + 7) / 8;
			if (got != (ssize_t)want || bytes != length[s] ||
			    memcmp(out, data[s] + offset, want) != 0) {
				CU_FAIL("a message changed");
				break;
			}
		}
		/* Nothing is given up early: one more did not fit. */
		if (hz_msg_ring_oldest(&ring) > 1 && i + 1 - hz_msg_ring_oldest(&ring) < 17)
			CU_ASSERT(words + (length[hz_msg_ring_oldest(&ring) - 1] + 7) / 8 > 200);
		CU_ASSERT(words <= 200);
	}
	hz_msg_ring_close(&ring);
}

#define THREAD_MESSAGES 20000u
#define READERS         2u

struct race {
	struct hz_msg_ring ring;
	bool is_over;
};

struct racer {
	struct race *race;
	uint64_t read, skipped, torn;
};

/* A message says its number, over and over, and its length follows from it. */
static size_t race_words(uint64_t seq)
{
	return 1 + seq * 7 % 61;
}

static void *race_read(void *ctx)
{
	struct racer *racer = ctx;
	const struct hz_msg_ring *ring = &racer->race->ring;
	uint64_t seq = 1, words[64];

	for (;;) {
		bool is_over = __atomic_load_n(&racer->race->is_over, __ATOMIC_ACQUIRE);
		uint64_t oldest = hz_msg_ring_oldest(ring);
		struct hz_wspan out = { (uint8_t *)words, sizeof(words) };
		uint32_t bytes;
		ssize_t got;

		if (seq < oldest) {
			racer->skipped += oldest - seq;
			seq = oldest;
		}
		got = hz_msg_ring_read(ring, seq, 0, out, &bytes);
		if (got == -EAGAIN && is_over)
			return NULL;
		if (got < 0)
			continue;
		racer->read++;
		racer->torn += (size_t)got != 8 * race_words(seq) || bytes != (uint32_t)got;
		for (size_t i = 0; i < (size_t)got / 8; i++)
			racer->torn += words[i] != seq;
		seq++;
	}
}

/* With SAN=tsan this must be silent as well. */
static void readers_beside_a_writer_see_whole_messages_in_order(void)
{
	struct race race = { .is_over = false };
	struct racer racer[READERS] = { 0 };
	pthread_t thread[READERS];
	uint64_t words[64], seq = 0;

	CU_ASSERT_EQUAL_FATAL(hz_msg_ring_open(&race.ring, 16, 4096, 1), 0);
	for (unsigned i = 0; i < READERS; i++) {
		racer[i].race = &race;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, race_read, &racer[i]), 0);
	}
	for (uint64_t n = 1; n <= THREAD_MESSAGES; n++) {
		struct hz_span part = span(words, 8 * race_words(n));

		for (size_t i = 0; i < race_words(n); i++)
			words[i] = n;
		CU_ASSERT_EQUAL(hz_msg_ring_add(&race.ring, &part, 1, &seq), 0);
		if (n % 8 == 0) /* else readers see only what is long gone */
			sched_yield();
	}
	__atomic_store_n(&race.is_over, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		printf("# reader %u: %llu read, %llu skipped\n", i,
		       (unsigned long long)racer[i].read, (unsigned long long)racer[i].skipped);
		CU_ASSERT_EQUAL(racer[i].torn, 0);
		CU_ASSERT_EQUAL(racer[i].read + racer[i].skipped, THREAD_MESSAGES);
		CU_ASSERT(racer[i].read > 0);
	}
	hz_msg_ring_close(&race.ring);
}

HZ_SUITE(msg_ring, CASE(ring_without_room_is_refused), CASE(ring_keeps_as_many_messages_as_it_may),
         CASE(ring_keeps_as_many_bytes_as_it_may), CASE(message_too_long_changes_nothing),
         CASE(message_in_parts_is_one_at_every_cut),
         CASE(random_messages_read_as_they_were_written),
         CASE(readers_beside_a_writer_see_whole_messages_in_order));
