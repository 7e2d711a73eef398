/* The ring of frames: what a reader may believe while the writer goes on. */
#include "core/clock.h"
#include "telemetry/trace_ring.h"
#include <hz_test.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t now_ns;
static struct hz_trace_ring *ring, *copy;
static uint16_t whole[HZ_TRACE_SLOTS];

static struct hz_trace ring_open(void)
{
	ring = calloc(1, sizeof(*ring));
	copy = calloc(1, sizeof(*copy));
	CU_ASSERT_FATAL(ring != NULL && copy != NULL);
	now_ns = HZ_NS_PER_S;
	return (struct hz_trace){ .ring = ring, .now_ns = &now_ns };
}

static void ring_close(void)
{
	free(ring);
	free(copy);
}

static uint32_t ring_read(void)
{
	return hz_trace_ring_read(ring, ring->ended, ring->begun, 0, whole);
}

/* Frame number n: its bytes say so. */
static void frame_write(struct hz_trace *trace, uint32_t n)
{
	uint32_t data[24];

	for (size_t i = 0; i < HZ_ARRAY_LEN(data); i++)
		data[i] = n;
	now_ns++;
	hz_trace_hold(trace);
	(void)hz_trace_note(trace, 3, HZ_TRACE_RX, data, sizeof(data), 1500);
	hz_trace_release(trace);
}

static bool is_frame(const struct hz_trace_frame *frame, uint32_t n)
{
	uint32_t data[24];

	memcpy(data, frame->data, sizeof(data));
	for (size_t i = 0; i < HZ_ARRAY_LEN(data); i++) {
		if (data[i] != n)
			return false;
	}
	return frame->sequence == n + 1u && frame->iface == 3 && frame->frame_bytes == 1500;
}

static void ring_gives_back_what_was_written_oldest_first(void)
{
	struct hz_trace trace = ring_open();

	CU_ASSERT_EQUAL(ring_read(), 0);
	for (uint32_t n = 0; n < 10; n++)
		frame_write(&trace, n);
	CU_ASSERT_EQUAL_FATAL(ring_read(), 10);
	for (uint32_t n = 0; n < 10; n++)
		CU_ASSERT(is_frame(&ring->slot[whole[n]], n));
	ring_close();
}

static void ring_that_went_round_holds_the_last(void)
{
	struct hz_trace trace = ring_open();
	uint32_t written = 2 * HZ_TRACE_SLOTS + 7;

	for (uint32_t n = 0; n < written; n++)
		frame_write(&trace, n);
	CU_ASSERT_EQUAL_FATAL(ring_read(), HZ_TRACE_SLOTS);
	for (uint32_t i = 0; i < HZ_TRACE_SLOTS; i++)
		CU_ASSERT(is_frame(&ring->slot[whole[i]], written - HZ_TRACE_SLOTS + i));
	ring_close();
}

/* The writer went on while the copy was made. What it took since is not believed, however whole it looks; nor
 * is what was not finished when the copying began. */
static void ring_copied_while_written_leaves_out_what_may_be_torn(void)
{
	struct hz_trace trace = ring_open();
	uint64_t ended;
	uint32_t count;

	for (uint32_t n = 0; n < HZ_TRACE_SLOTS + 20; n++)
		frame_write(&trace, n);
	ended = ring->ended;
	for (uint32_t n = 0; n < 30; n++)
		frame_write(&trace, HZ_TRACE_SLOTS + 20 + n);
	memcpy(copy, ring, sizeof(*copy));
	for (uint32_t n = 0; n < 100; n++)
		frame_write(&trace, HZ_TRACE_SLOTS + 50 + n);
	count = hz_trace_ring_read(copy, ended, ring->begun, 0, whole);
	CU_ASSERT_EQUAL(count, HZ_TRACE_SLOTS - 130);
	for (uint32_t i = 0; i < count; i++)
		CU_ASSERT(is_frame(&copy->slot[whole[i]], 150 + i));
	ring_close();
}

/* A frame that is being handled, and the batch it made leave: neither is shown before both are finished. */
static void frames_that_are_held_are_not_shown(void)
{
	const struct hz_counter_set five = { { 5, 0, 5 } };
	struct hz_trace trace = ring_open();
	struct hz_trace_place place;

	for (uint32_t n = 0; n < HZ_TRACE_SLOTS; n++)
		frame_write(&trace, n);
	hz_trace_hold(&trace);
	place = hz_trace_note(&trace, 3, HZ_TRACE_RX, "x", 1, 1);
	CU_ASSERT_EQUAL(ring_read(), HZ_TRACE_SLOTS - 1); /* the oldest has lost its place */
	frame_write(&trace, HZ_TRACE_SLOTS + 1);
	CU_ASSERT_EQUAL(ring_read(), HZ_TRACE_SLOTS - 2);
	CU_ASSERT(is_frame(&ring->slot[whole[0]], 2));
	hz_trace_complete(place, HZ_TRACE_RX_HANDED, five);
	hz_trace_release(&trace);
	CU_ASSERT_EQUAL(ring_read(), HZ_TRACE_SLOTS);
	CU_ASSERT_EQUAL(ring->slot[0].kind, HZ_TRACE_RX_HANDED);
	CU_ASSERT_EQUAL(memcmp(&ring->slot[0].moved, &five, sizeof(five)), 0);
	ring_close();
}

static uint64_t begun_at_fault;
static void *fault_page;

/* Halfway through a note, when its bytes are fetched. */
static void on_fault(int signal_number)
{
	(void)signal_number;
	begun_at_fault = __atomic_load_n(&ring->begun, __ATOMIC_RELAXED);
	if (mprotect(fault_page, 4096, PROT_READ) != 0)
		_exit(1);
}

/* Or a reader that looks just then would believe what lay there before, and copy a mixture. */
static void place_is_announced_before_its_bytes_change(void)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	struct hz_trace trace = ring_open();

	fault_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(fault_page != MAP_FAILED);
	for (uint32_t n = 0; n < HZ_TRACE_SLOTS; n++)
		frame_write(&trace, n);
	begun_at_fault = 0;
	CU_ASSERT_EQUAL_FATAL(sigaction(SIGSEGV, &action, &before), 0);
	hz_trace_hold(&trace);
	(void)hz_trace_note(&trace, 3, HZ_TRACE_RX, fault_page, HZ_TRACE_DATA, 1500);
	hz_trace_release(&trace);
	CU_ASSERT_EQUAL(sigaction(SIGSEGV, &before, NULL), 0);
	CU_ASSERT_EQUAL(begun_at_fault, HZ_TRACE_SLOTS + 1);
	munmap(fault_page, 4096);
	ring_close();
}

static void frame_whose_place_was_taken_is_completed_no_more(void)
{
	struct hz_trace trace = ring_open();
	struct hz_trace_place place;

	hz_trace_hold(&trace);
	place = hz_trace_note(&trace, 3, HZ_TRACE_RX, "x", 1, 1);
	for (uint32_t n = 1; n <= HZ_TRACE_SLOTS; n++)
		frame_write(&trace, n);
	hz_trace_complete(place, HZ_TRACE_RX_HANDED, (struct hz_counter_set){ { 5 } });
	hz_trace_release(&trace);
	CU_ASSERT_EQUAL(ring_read(), HZ_TRACE_SLOTS);
	CU_ASSERT(is_frame(&ring->slot[0], HZ_TRACE_SLOTS));
	CU_ASSERT_EQUAL(ring->slot[0].kind, HZ_TRACE_RX);
	CU_ASSERT_EQUAL(ring->slot[0].moved.word[0], 0);
	ring_close();
}

/* A file that lies: no index outside, and no figure that its users would trip over. */
static void ring_with_lies_gives_nothing_that_is_not_sane(void)
{
	struct hz_trace trace = ring_open();
	struct hz_trace_frame *slot = ring->slot;

	for (uint32_t n = 0; n < 8; n++)
		frame_write(&trace, n);
	slot[0].sequence = 1 + HZ_TRACE_SLOTS;
	slot[1].data_bytes = HZ_TRACE_DATA + 1;
	slot[2].frame_bytes = slot[2].data_bytes - 1u;
	slot[3].kind = HZ_TRACE_KIND_COUNT;
	slot[4].iface = HZ_TRACE_IFACES;
	slot[5].sequence = 0;
	CU_ASSERT_EQUAL_FATAL(ring_read(), 2);
	CU_ASSERT_EQUAL(whole[0], 6);
	CU_ASSERT_EQUAL(whole[1], 7);
	CU_ASSERT_EQUAL(hz_trace_ring_read(ring, UINT64_MAX, 8, 0, whole), 2);
	CU_ASSERT_EQUAL(hz_trace_ring_read(ring, UINT64_MAX, UINT64_MAX, 0, whole), 0);
	CU_ASSERT_EQUAL(hz_trace_ring_read(ring, 8, UINT64_MAX, 0, whole), 0);
	ring_close();
}

static void ring_leaves_out_frames_of_an_earlier_trace(void)
{
	struct hz_trace trace = ring_open();
	uint64_t started_ns;

	frame_write(&trace, 0);
	started_ns = now_ns + 1;
	frame_write(&trace, 1);
	CU_ASSERT_EQUAL_FATAL(hz_trace_ring_read(ring, 2, 2, started_ns, whole), 1);
	CU_ASSERT(is_frame(&ring->slot[whole[0]], 1));
	ring_close();
}

static void long_and_short_frames_keep_what_fits(void)
{
	struct hz_trace trace = ring_open();
	uint8_t data[200];

	memset(data, 7, sizeof(data));
	hz_trace_hold(&trace);
	(void)hz_trace_note(&trace, 0, HZ_TRACE_RX, data, sizeof(data), 9000);
	(void)hz_trace_note(&trace, 0, HZ_TRACE_TX, data, 14, 14);
	hz_trace_release(&trace);
	CU_ASSERT_EQUAL(ring_read(), 2);
	CU_ASSERT_EQUAL(ring->slot[0].data_bytes, HZ_TRACE_DATA);
	CU_ASSERT_EQUAL(ring->slot[0].frame_bytes, 9000);
	CU_ASSERT_EQUAL(ring->slot[1].data_bytes, 14);
	ring_close();
}

static void mark_reaches_the_last_frames_only(void)
{
	struct hz_trace trace = ring_open();

	for (uint32_t n = 0; n < HZ_TRACE_SLOTS + 2; n++)
		frame_write(&trace, n);
	hz_trace_mark(&trace, 3, HZ_COUNTER_drop_tx_full);
	for (uint32_t i = 0; i < HZ_TRACE_SLOTS; i++) {
		bool is_last = i == 0 || i == 1 || i == HZ_TRACE_SLOTS - 1;

		CU_ASSERT_EQUAL(hz_counter_set_has(&ring->slot[i].moved, HZ_COUNTER_drop_tx_full),
		                is_last);
	}
	ring_close();
}

HZ_SUITE(trace_ring, CASE(ring_gives_back_what_was_written_oldest_first),
         CASE(ring_that_went_round_holds_the_last),
         CASE(ring_copied_while_written_leaves_out_what_may_be_torn),
         CASE(frames_that_are_held_are_not_shown), CASE(place_is_announced_before_its_bytes_change),
         CASE(frame_whose_place_was_taken_is_completed_no_more),
         CASE(ring_with_lies_gives_nothing_that_is_not_sane),
         CASE(ring_leaves_out_frames_of_an_earlier_trace),
         CASE(long_and_short_frames_keep_what_fits), CASE(mark_reaches_the_last_frames_only));
