/* What a worker leaves of a request for the access log: a record in its ring, from which the writer's thread makes the
 * line. The worker only copies: to write the line itself cost it 1,000 instructions more. */
#ifndef HZ_LOG_RECORD_H
#define HZ_LOG_RECORD_H

#include "core/byte_ring.h"
#include "core/limits.h"
#include "middleware/log_line.h"

/* Texts of a record, in the order in which they follow it. */
enum hz_log_text {
	HZ_LOG_TARGET,
	HZ_LOG_HOST,
	HZ_LOG_ROUTE,
	HZ_LOG_REFERER,
	HZ_LOG_AGENT,
	HZ_LOG_SUBJECT,
	HZ_LOG_TRACE_ID,
	HZ_LOG_REQUEST_ID,
	HZ_LOG_TEXTS,
};

/* In the ring, at a multiple of 8. Times are of the worker's clock, CLOCK_MONOTONIC. */
struct hz_log_record {
	uint32_t bytes; /* with its texts, rounded up to the next record; set by end */
	uint32_t one_in;
	uint64_t arrived_ns;
	uint64_t answered_ns; /* 0: no answer was begun */
	uint64_t now_ns;
	uint64_t body_bytes;
	uint8_t addr[16];
	uint16_t port;
	uint16_t status;
	uint8_t method; /* enum hz_http_method; HZ_HTTP_OTHER: there is none */
	uint8_t minor;
	uint8_t format; /* enum hz_log_format */
	bool is_complete;
	bool is_cut;                       /* of a text more was there; set by begin, */
	uint16_t text_bytes[HZ_LOG_TEXTS]; /* as these are */
	uint8_t text[];
};

/* Room for the longest there can be is asked for each time: that is quicker than to count first. */
#define HZ_LOG_RECORD_BYTES_MAX                                                                    \
	((sizeof(struct hz_log_record) + HZ_LOG_TEXTS * HZ_LIMIT_log_text_bytes_max + 7) & ~7ul)

/* Worker. A record with copies of these texts, cut at HZ_LIMIT_log_text_bytes_max; NULL: the ring is full. The caller
 * fills in the rest, and end gives it to the writer. */
struct hz_log_record *hz_log_record_begin(struct hz_byte_ring *ring,
                                          const struct hz_span text[HZ_LOG_TEXTS]);
void hz_log_record_end(struct hz_byte_ring *ring, struct hz_log_record *record);

/* Writer. The record at the beginning of what hz_byte_ring_peek gave, which is not empty. */
static inline const struct hz_log_record *hz_log_record_at(struct hz_span records)
{
	return (const struct hz_log_record *)(const void *)records.data;
}

/* What is in its line; spans point into the record. stamp is made anew where the second is another one.
 * wall_offset_ns: wall clock minus CLOCK_MONOTONIC. */
void hz_log_record_read(const struct hz_log_record *record, uint32_t worker, int64_t wall_offset_ns,
                        struct hz_log_stamp *stamp, struct hz_log_entry *out);

#endif
