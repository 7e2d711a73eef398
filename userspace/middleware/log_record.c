#include "middleware/log_record.h"
#include "http/token.h"
#include <string.h>

/* How much of a text that is too long stays. */
static size_t cut_bytes(struct hz_span text)
{
	size_t bytes = HZ_LIMIT_log_text_bytes_max;

	for (unsigned i = 0; i < 3 && (text.data[bytes] & 0xc0) == 0x80; i++)
		bytes--; /* not inside a character */
	return bytes;
}

/* Blocks that overlap at the end; most texts are short, and a call of memcpy for each was a third of a record. */
static inline void text_copy(uint8_t *out, const uint8_t *from, size_t bytes)
{
	if (bytes >= 16) {
		for (size_t at = 0; at < bytes - 16; at += 16)
			memcpy(out + at, from + at, 16);
		memcpy(out + bytes - 16, from + bytes - 16, 16);
	} else if (bytes >= 8) {
		uint64_t last;

		memcpy(&last, from + bytes - 8, 8);
		memcpy(out, from, 8);
		memcpy(out + bytes - 8, &last, 8);
	} else if (bytes >= 4) {
		memcpy(out, from, 4);
		memcpy(out + bytes - 4, from + bytes - 4, 4);
	} else {
		for (size_t at = 0; at < bytes; at++)
			out[at] = from[at];
	}
}

struct hz_log_record *hz_log_record_begin(struct hz_byte_ring *ring,
                                          const struct hz_span text[HZ_LOG_TEXTS])
{
	struct hz_log_record *record = (void *)hz_byte_ring_reserve(ring, HZ_LOG_RECORD_BYTES_MAX);
	uint8_t *out;

	if (HZ_UNLIKELY(record == NULL))
		return NULL;
	record->is_cut = false;
	memset(record->text_bytes, 0, sizeof(record->text_bytes));
	out = record->text;
	for (unsigned i = 0; i < HZ_LOG_TEXTS; i++) {
		size_t bytes = text[i].len;

		if (bytes == 0)
			continue;
		if (HZ_UNLIKELY(bytes > HZ_LIMIT_log_text_bytes_max)) {
			bytes = cut_bytes(text[i]);
			record->is_cut = true;
		}
		record->text_bytes[i] = (uint16_t)bytes;
		text_copy(out, text[i].data, bytes);
		out += bytes;
	}
	record->bytes = (uint32_t)(out - (uint8_t *)record);
	return record;
}
_Static_assert(HZ_LIMIT_log_text_bytes_max <= UINT16_MAX, "text_bytes");

void hz_log_record_end(struct hz_byte_ring *ring, struct hz_log_record *record)
{
	record->bytes = (record->bytes + 7) & ~7u;
	hz_byte_ring_commit(ring, record->bytes);
}

static uint64_t us_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / HZ_NS_PER_US : 0;
}

void hz_log_record_read(const struct hz_log_record *record, uint32_t worker, int64_t wall_offset_ns,
                        struct hz_log_stamp *stamp, struct hz_log_entry *out)
{
	uint64_t wall_ns = record->now_ns + (uint64_t)wall_offset_ns;
	uint64_t unix_s = wall_ns / HZ_NS_PER_S;
	const uint8_t *at = record->text;
	struct hz_span text[HZ_LOG_TEXTS];

	for (unsigned i = 0; i < HZ_LOG_TEXTS; i++) {
		text[i] = (struct hz_span){ at, record->text_bytes[i] };
		at += record->text_bytes[i];
	}
	if (stamp->unix_s != unix_s || stamp->json[0] == '\0')
		hz_log_stamp_make(stamp, unix_s);
	*out = (struct hz_log_entry){
		.port = record->port,
		.status = record->status,
		.ms = (uint16_t)(wall_ns % HZ_NS_PER_S / HZ_NS_PER_MS),
		.minor = record->minor,
		.is_complete = record->is_complete,
		.is_cut = record->is_cut,
		.worker = worker,
		.one_in = record->one_in,
		.body_bytes = record->body_bytes,
		.answer_us = us_between(record->arrived_ns, record->answered_ns),
		.total_us = us_between(record->arrived_ns, record->now_ns),
		.target = text[HZ_LOG_TARGET],
		.host = text[HZ_LOG_HOST],
		.route = text[HZ_LOG_ROUTE],
		.referer = text[HZ_LOG_REFERER],
		.agent = text[HZ_LOG_AGENT],
		.subject = text[HZ_LOG_SUBJECT],
		.trace_id = text[HZ_LOG_TRACE_ID],
		.request_id = text[HZ_LOG_REQUEST_ID],
	};
	memcpy(out->addr, record->addr, sizeof(out->addr));
	if (record->method < HZ_HTTP_METHOD_COUNT)
		out->method = hz_http_method_names[record->method];
}
