/* Records of an access log: what a worker put into the ring is what the writer reads. */
#include "core/rng.h"
#include "core/span_ops.h"
#include "http/token.h"
#include "hz_test.h"
#include "middleware/log_record.h"
#include <stdlib.h>
#include <string.h>

#define RING_BYTES 32768u

struct rig {
	struct hz_byte_ring ring;
	struct hz_log_stamp stamp;
	struct hz_log_entry entry;
	struct hz_rng rng;
};

static void rig_open(struct rig *rig)
{
	*rig = (struct rig){ .stamp = { .unix_s = 0 } };
	hz_rng_seed(&rig->rng, 3);
	CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&rig->ring, RING_BYTES), 0);
}

/* One record with these texts, read into rig->entry; the record's bytes. */
static uint32_t pass(struct rig *rig, const struct hz_span text[HZ_LOG_TEXTS])
{
	struct hz_log_record *record = hz_log_record_begin(&rig->ring, text);
	const struct hz_log_record *got;
	struct hz_span there;

	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	record->one_in = 7;
	record->arrived_ns = 1000;
	record->answered_ns = 3999;
	record->now_ns = 6000;
	record->body_bytes = 13;
	memset(record->addr, 0xab, sizeof(record->addr));
	record->port = 4000;
	record->status = 404;
	record->method = HZ_HTTP_POST;
	record->minor = 1;
	record->format = HZ_LOG_COMBINED;
	record->is_complete = true;
	hz_log_record_end(&rig->ring, record);
	there = hz_byte_ring_peek(&rig->ring);
	got = hz_log_record_at(there);
	CU_ASSERT_EQUAL_FATAL(there.len, got->bytes);
	CU_ASSERT(got->bytes % 8 == 0 && got->bytes <= HZ_LOG_RECORD_BYTES_MAX);
	hz_log_record_read(got, 5, 2 * (int64_t)HZ_NS_PER_S, &rig->stamp, &rig->entry);
	return got->bytes;
}

static const struct hz_span *entry_text(const struct hz_log_entry *entry, unsigned which)
{
	const struct hz_span *const texts[HZ_LOG_TEXTS] = {
		[HZ_LOG_TARGET] = &entry->target,     [HZ_LOG_HOST] = &entry->host,
		[HZ_LOG_ROUTE] = &entry->route,       [HZ_LOG_REFERER] = &entry->referer,
		[HZ_LOG_AGENT] = &entry->agent,       [HZ_LOG_SUBJECT] = &entry->subject,
		[HZ_LOG_TRACE_ID] = &entry->trace_id, [HZ_LOG_REQUEST_ID] = &entry->request_id,
	};

	return texts[which];
}

static void record_gives_back_what_was_put_in(void)
{
	const struct hz_span none[HZ_LOG_TEXTS] = { 0 };
	const struct hz_log_entry *entry;
	struct rig rig;

	rig_open(&rig);
	pass(&rig, none);
	entry = &rig.entry;
	CU_ASSERT(entry->one_in == 7 && entry->body_bytes == 13 && entry->port == 4000);
	CU_ASSERT(entry->status == 404 && entry->minor == 1 && entry->is_complete);
	CU_ASSERT(!entry->is_cut && entry->worker == 5 && entry->addr[0] == 0xab);
	CU_ASSERT(entry->answer_us == 2 && entry->total_us == 5 && entry->ms == 0);
	CU_ASSERT(hz_span_equals(entry->method, HZ_SPAN_LITERAL("POST")));
	CU_ASSERT(rig.stamp.unix_s == 2 && memcmp(rig.stamp.json + 11, "00:00:02", 8) == 0);
	for (unsigned i = 0; i < HZ_LOG_TEXTS; i++)
		CU_ASSERT_EQUAL(entry_text(entry, i)->len, 0);
	hz_byte_ring_close(&rig.ring);
}

/* Each in memory of its own, so that a sanitizer sees what is read beyond. */
static void texts_of_every_length_come_back(void)
{
	struct rig rig;

	rig_open(&rig);
	for (unsigned round = 0; round < 2000; round++) {
		struct hz_span text[HZ_LOG_TEXTS];
		uint32_t bytes;

		for (unsigned i = 0; i < HZ_LOG_TEXTS; i++) {
			size_t len = round < 70 ? round : hz_rng_below(&rig.rng, 300);
			uint8_t *data = malloc(len + (len == 0));

			for (size_t k = 0; k < len; k++)
				data[k] = (uint8_t)hz_rng_next(&rig.rng);
			text[i] = (struct hz_span){ data, len };
		}
		bytes = pass(&rig, text);
		for (unsigned i = 0; i < HZ_LOG_TEXTS; i++) {
			CU_ASSERT(hz_span_equals(*entry_text(&rig.entry, i), text[i]));
			free((void *)(uintptr_t)text[i].data);
		}
		hz_byte_ring_consume(&rig.ring, bytes);
	}
	CU_ASSERT_FALSE(rig.entry.is_cut);
	hz_byte_ring_close(&rig.ring);
}

static void text_over_the_limit_is_cut_between_characters_and_told(void)
{
	const size_t most = HZ_LIMIT_log_text_bytes_max;
	uint8_t *data = malloc(most + 2);
	struct rig rig;

	rig_open(&rig);
	memset(data, 'x', most + 2);
	data[most - 1] = 0xc3;
	data[most] = 0xa9;
	for (unsigned i = 0; i < HZ_LOG_TEXTS; i++) {
		struct hz_span text[HZ_LOG_TEXTS] = { 0 };

		text[i] = (struct hz_span){ data, most + 1 };
		hz_byte_ring_consume(&rig.ring, pass(&rig, text));
		CU_ASSERT_EQUAL(entry_text(&rig.entry, i)->len, most - 1);
		CU_ASSERT_TRUE(rig.entry.is_cut);
		text[i].len = most;
		hz_byte_ring_consume(&rig.ring, pass(&rig, text));
		CU_ASSERT_EQUAL(entry_text(&rig.entry, i)->len, most);
		CU_ASSERT_FALSE(rig.entry.is_cut);
	}
	memset(data, 0x80, most + 2); /* no character that long: cut somewhere */
	hz_byte_ring_consume(&rig.ring,
	                     pass(&rig, (struct hz_span[HZ_LOG_TEXTS]){ { data, most + 2 } }));
	CU_ASSERT_EQUAL(rig.entry.target.len, most - 3);
	free(data);
	hz_byte_ring_close(&rig.ring);
}

static void longest_record_has_room_or_there_is_none(void)
{
	struct hz_span text[HZ_LOG_TEXTS];
	uint8_t *data = malloc(HZ_LIMIT_log_text_bytes_max);
	struct rig rig;

	rig_open(&rig);
	memset(data, 'x', HZ_LIMIT_log_text_bytes_max);
	for (unsigned i = 0; i < HZ_LOG_TEXTS; i++)
		text[i] = (struct hz_span){ data, HZ_LIMIT_log_text_bytes_max };
	CU_ASSERT_EQUAL(pass(&rig, text), HZ_LOG_RECORD_BYTES_MAX);
	CU_ASSERT(2 * HZ_LOG_RECORD_BYTES_MAX > RING_BYTES);
	CU_ASSERT_PTR_NULL(hz_log_record_begin(&rig.ring, text));
	hz_byte_ring_consume(&rig.ring, HZ_LOG_RECORD_BYTES_MAX);
	CU_ASSERT_EQUAL(pass(&rig, text), HZ_LOG_RECORD_BYTES_MAX); /* across the ring's end */
	CU_ASSERT(hz_span_equals(rig.entry.request_id, text[HZ_LOG_REQUEST_ID]));
	free(data);
	hz_byte_ring_close(&rig.ring);
}

static void request_without_answer_took_no_time_to_it(void)
{
	const struct hz_log_record record = { .arrived_ns = 5000,
		                              .now_ns = 9000,
		                              .method = HZ_HTTP_OTHER };
	struct hz_log_stamp stamp = { 0 };
	struct hz_log_entry entry;

	hz_log_record_read(&record, 0, 0, &stamp, &entry);
	CU_ASSERT(entry.answer_us == 0 && entry.total_us == 4 && entry.method.len == 0);
}

HZ_SUITE(log_record, CASE(record_gives_back_what_was_put_in), CASE(texts_of_every_length_come_back),
         CASE(text_over_the_limit_is_cut_between_characters_and_told),
         CASE(longest_record_has_room_or_there_is_none),
         CASE(request_without_answer_took_no_time_to_it));
