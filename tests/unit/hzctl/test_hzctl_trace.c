/* Frames as text and as pcapng; the file they come from. */
#include "../../../tools/hzctl/frame_text.h"
#include "../../../tools/hzctl/pcapng.h"
#include "../../../tools/hzctl/trace_view.h"
#include "core/clock.h"
#include "hz_test.h"
#include "tcp_wire.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tcp_wire_flow flow = { .client_ip = 0x0a070001,
	                                   .server_ip = 0x0a070002,
	                                   .client_port = 4242,
	                                   .server_port = 80,
	                                   .seq = 7,
	                                   .ack = 9 };

static void frame_text_names_ends_flags_and_length(void)
{
	uint8_t frame[256], tagged[260];
	char text[HZ_FRAME_TEXT_MAX];
	size_t bytes = tcp_wire_build(frame, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "hello", 5);
	const char *want = "10.7.0.1:4242 > 10.7.0.2:80 [PA] seq 7 ack 9 len 5";

	hz_frame_text(frame, bytes, text);
	CU_ASSERT_STRING_EQUAL(text, want);
	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, "\x81\x00\x00\x05", 4);
	memcpy(tagged + 16, frame + 12, bytes - 12);
	hz_frame_text(tagged, bytes + 4, text);
	CU_ASSERT_STRING_EQUAL(text, want);
	frame[21] = 1; /* a later fragment has no TCP header */
	hz_frame_text(frame, bytes, text);
	CU_ASSERT_STRING_EQUAL(text, "10.7.0.1 > 10.7.0.2 protocol 6 len 25");
	frame[23] = 17; /* UDP: not read further */
	hz_frame_text(frame, bytes, text);
	CU_ASSERT_STRING_EQUAL(text, "10.7.0.1 > 10.7.0.2 protocol 17 len 25");
	memcpy(frame + 12, "\x08\x06", 2);
	hz_frame_text(frame, bytes, text);
	CU_ASSERT_STRING_EQUAL(text, "ARP");
	memcpy(frame + 12, "\x88\xcc", 2);
	hz_frame_text(frame, bytes, text);
	CU_ASSERT_STRING_EQUAL(text, "ethertype 0x88cc");
}

/* In a block of just that size, for ASan. */
static void frame_text_reads_no_byte_too_many(void)
{
	char text[HZ_FRAME_TEXT_MAX];
	uint8_t frame[256];
	size_t bytes = tcp_wire_build(frame, &flow, TCP_WIRE_ACK, "hello", 5);

	for (unsigned kind = 0; kind < 256; kind++) {
		for (size_t cut = 0; cut <= bytes; cut++) {
			uint8_t *part = malloc(cut + (cut == 0));

			memcpy(part, frame, cut);
			if (cut > 14)
				part[14] = (uint8_t)kind; /* version and length of the header */
			if (cut > 13 && kind >= 0x60 && kind < 0x70)
				memcpy(part + 12, "\x86\xdd", 2);
			hz_frame_text(part, cut, text);
			CU_ASSERT(strlen(text) > 0);
			free(part);
		}
	}
}

static uint32_t get32(const char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Every block says its length at both ends, and they fill the file. */
static void pcapng_blocks_have_their_lengths_at_both_ends(void)
{
	static const uint32_t types[] = { 0x0a0d0d0a, 1, 6, 6 };
	struct hz_pcapng_packet packet = { .unix_ns = 0x123456789abcdef0,
		                           .data = "abcde",
		                           .data_bytes = 5,
		                           .frame_bytes = 1500,
		                           .comment = "why" };
	char *text = NULL;
	size_t bytes = 0, at = 0, block = 0;
	FILE *to = open_memstream(&text, &bytes);

	hz_pcapng_begin(to, "test");
	hz_pcapng_interface(to, "eth1");
	hz_pcapng_packet(to, &packet);
	packet.data_bytes = 0;
	packet.comment = "";
	hz_pcapng_packet(to, &packet);
	fclose(to);
	for (; at < bytes && block < HZ_ARRAY_LEN(types); block++) {
		uint32_t len = get32(text + at + 4);

		CU_ASSERT_EQUAL(get32(text + at), types[block]);
		CU_ASSERT_FATAL(len % 4 == 0 && len >= 12 && at + len <= bytes);
		CU_ASSERT_EQUAL(get32(text + at + len - 4), len);
		if (block == 2) {
			CU_ASSERT_EQUAL(get32(text + at + 12), 0x12345678);
			CU_ASSERT_EQUAL(get32(text + at + 16), 0x9abcdef0);
			CU_ASSERT_EQUAL(get32(text + at + 20), 5);
			CU_ASSERT_EQUAL(get32(text + at + 24), 1500);
			CU_ASSERT_EQUAL(memcmp(text + at + 28, "abcde\0\0\0", 8), 0);
			CU_ASSERT_EQUAL(get32(text + at + 40), 1); /* inbound */
		}
		at += len;
	}
	CU_ASSERT_EQUAL(at, bytes);
	CU_ASSERT_EQUAL(block, 4);
	free(text);
}

static struct hz_counter_set set_of(enum hz_counter a, enum hz_counter b)
{
	struct hz_counter_set set = { 0 };

	hz_counter_set_add(&set, a);
	hz_counter_set_add(&set, b);
	return set;
}

static void verdict_puts_the_reason_first(void)
{
	char text[HZ_TRACE_VIEW_VERDICT_MAX];
	struct hz_trace_frame frame = { .kind = HZ_TRACE_RX };

	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "accepted");
	frame.moved = set_of(HZ_COUNTER_passive_opens, HZ_COUNTER_passive_opens);
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "passive_opens (accepted)");
	frame.moved = set_of(HZ_COUNTER_challenge_ack, HZ_COUNTER_drop_arp);
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "drop_arp challenge_ack");
	/* Of its answer. */
	frame.moved = set_of(HZ_COUNTER_drop_no_mbuf, HZ_COUNTER_drop_no_mbuf);
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "drop_no_mbuf (accepted)");
	frame = (struct hz_trace_frame){ .kind = HZ_TRACE_TX,
		                         .moved = set_of(HZ_COUNTER_drop_tx_full,
		                                         HZ_COUNTER_drop_tx_full) };
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "drop_tx_full");
	frame.moved = (struct hz_counter_set){ 0 };
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT_STRING_EQUAL(text, "sent");
	memset(&frame.moved, 0xff, sizeof(frame.moved));
	hz_trace_view_verdict(&frame, text);
	CU_ASSERT(strlen(text) < sizeof(text));
}

static bool file_write(const char *path, const void *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool is_written = fd != -1 && write(fd, data, bytes) == (ssize_t)bytes;

	if (fd != -1)
		close(fd);
	return is_written;
}

static void trace_file_is_read_by_time_over_all_workers(void)
{
	size_t bytes = hz_trace_file_bytes(2);
	struct hz_trace_file *file = calloc(1, bytes);
	char path[] = "/tmp/hz-trace-XXXXXX";
	struct hz_trace_view view;
	uint64_t now_ns = 1000;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(file != NULL && fd != -1);
	close(fd);
	file->head.magic = HZ_TRACE_MAGIC;
	file->head.version = HZ_TRACE_VERSION;
	file->head.worker_count = 2;
	file->head.unix_offset_ns = 5000;
	file->head.pid = (uint32_t)getpid();
	/* Without an end, and nothing for a terminal. */
	memcpy(file->head.ifname[0], "e\033\xff[31m0123456789", 16);
	for (unsigned i = 0; i < 10; i++, now_ns += 10) {
		struct hz_trace trace = { .ring = &file->ring[i % 3 == 0], .now_ns = &now_ns };

		hz_trace_hold(&trace);
		(void)hz_trace_note(&trace, 0, HZ_TRACE_RX, &i, sizeof(i), 60);
		hz_trace_release(&trace);
	}
	CU_ASSERT_FATAL(file_write(path, file, bytes));
	CU_ASSERT_EQUAL_FATAL(hz_trace_view_open_at(path, &view), 0);
	CU_ASSERT_EQUAL(view.count, 10);
	CU_ASSERT_TRUE(view.is_on);
	CU_ASSERT_STRING_EQUAL(view.head.ifname[0], "e??[31m01234567");
	for (uint32_t i = 0; i < view.count; i++) {
		CU_ASSERT_EQUAL(view.frame[i].frame->data[0], i);
		CU_ASSERT_EQUAL(view.frame[i].worker, i % 3 == 0);
		CU_ASSERT_EQUAL(view.frame[i].unix_ns, 6000 + i * 10);
	}
	hz_trace_view_close(&view);
	file->head.pid = INT32_MAX; /* nobody: hzd died */
	CU_ASSERT(file_write(path, file, bytes));
	CU_ASSERT_EQUAL_FATAL(hz_trace_view_open_at(path, &view), 0);
	CU_ASSERT_FALSE(view.is_on);
	CU_ASSERT_EQUAL(view.count, 10);
	hz_trace_view_close(&view);
	CU_ASSERT(file_write(path, file, bytes - 1));
	CU_ASSERT_EQUAL(hz_trace_view_open_at(path, &view), -EPROTO);
	file->head.worker_count = HZ_WORKERS_MAX + 1;
	CU_ASSERT(file_write(path, file, bytes));
	CU_ASSERT_EQUAL(hz_trace_view_open_at(path, &view), -EPROTO);
	file->head.worker_count = 2;
	file->head.version++;
	CU_ASSERT(file_write(path, file, bytes));
	CU_ASSERT_EQUAL(hz_trace_view_open_at(path, &view), -EPROTO);
	unlink(path);
	CU_ASSERT_EQUAL(hz_trace_view_open_at(path, &view), -ENOENT);
	free(file);
}

struct writer {
	struct hz_trace_file *file;
	bool is_done; /* atomic */
	pthread_t thread;
};

/* Frames whose bytes and figures are all one number. */
static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	uint64_t now_ns = 1, word[HZ_TRACE_DATA / 8];
	struct hz_trace trace = { .ring = &writer->file->ring[0], .now_ns = &now_ns };

	for (; !__atomic_load_n(&writer->is_done, __ATOMIC_ACQUIRE); now_ns++) {
		struct hz_trace_place place;

		for (size_t i = 0; i < HZ_ARRAY_LEN(word); i++)
			word[i] = now_ns;
		hz_trace_hold(&trace);
		place = hz_trace_note(&trace, 0, HZ_TRACE_RX, word, sizeof(word), sizeof(word));
		hz_trace_complete(place, HZ_TRACE_RX,
		                  (struct hz_counter_set){ { now_ns, now_ns, now_ns } });
		hz_trace_release(&trace);
	}
	return NULL;
}

static bool is_whole(const struct hz_trace_frame *frame)
{
	uint64_t word[HZ_TRACE_DATA / 8];

	memcpy(word, frame->data, sizeof(word));
	for (size_t i = 0; i < HZ_ARRAY_LEN(word); i++) {
		if (word[i] != frame->time_ns)
			return false;
	}
	return frame->sequence == frame->time_ns && frame->moved.word[0] == frame->time_ns &&
	       frame->moved.word[HZ_COUNTER_SET_WORDS - 1] == frame->time_ns;
}

/* A writer that takes every place many times per look. */
static void trace_file_read_while_it_is_written_has_no_torn_frame(void)
{
	char path[] = "/tmp/hz-trace-XXXXXX";
	size_t bytes = hz_trace_file_bytes(1);
	struct writer writer = { .is_done = false };
	unsigned torn = 0, looks = 0, disordered = 0;
	struct hz_trace_view view;
	int fd = mkstemp(path);
	uint64_t end_ns;

	CU_ASSERT_FATAL(fd != -1 && ftruncate(fd, (off_t)bytes) == 0);
	writer.file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CU_ASSERT_FATAL(writer.file != MAP_FAILED);
	writer.file->head.version = HZ_TRACE_VERSION;
	writer.file->head.worker_count = 1;
	writer.file->head.magic = HZ_TRACE_MAGIC;
	CU_ASSERT_FATAL(pthread_create(&writer.thread, NULL, writer_run, &writer) == 0);
	end_ns = hz_clock_monotonic_ns() + 300 * HZ_NS_PER_MS;
	for (; hz_clock_monotonic_ns() < end_ns && hz_trace_view_open_at(path, &view) == 0;
	     looks++) {
		for (uint32_t i = 0; i < view.count; i++) {
			torn += !is_whole(view.frame[i].frame);
			disordered += i > 0 && view.frame[i - 1].unix_ns >= view.frame[i].unix_ns;
		}
		hz_trace_view_close(&view);
	}
	__atomic_store_n(&writer.is_done, true, __ATOMIC_RELEASE);
	pthread_join(writer.thread, NULL);
	CU_ASSERT_EQUAL(torn, 0);
	CU_ASSERT_EQUAL(disordered, 0);
	CU_ASSERT(looks > 10);
	CU_ASSERT_EQUAL_FATAL(hz_trace_view_open_at(path, &view), 0);
	CU_ASSERT_EQUAL(view.count, HZ_TRACE_SLOTS);
	hz_trace_view_close(&view);
	munmap(writer.file, bytes);
	close(fd);
	unlink(path);
}

HZ_SUITE(hzctl_trace, CASE(frame_text_names_ends_flags_and_length),
         CASE(frame_text_reads_no_byte_too_many),
         CASE(pcapng_blocks_have_their_lengths_at_both_ends), CASE(verdict_puts_the_reason_first),
         CASE(trace_file_is_read_by_time_over_all_workers),
         CASE(trace_file_read_while_it_is_written_has_no_torn_frame));
