/* W3C Trace Context, level 1: reading what a caller sends. */
#ifndef HZ_TRACEPARENT_H
#define HZ_TRACEPARENT_H

#include <hz/span.h>
#include <stdbool.h>

#define HZ_TRACE_ID_BYTES 32u
#define HZ_SPAN_ID_BYTES  16u

/* Spans point into the field. */
struct hz_traceparent {
	struct hz_span trace_id;  /* HZ_TRACE_ID_BYTES hexadecimal digits in lower case */
	struct hz_span parent_id; /* HZ_SPAN_ID_BYTES of them */
	bool is_sampled;
};

/* Strict: lower case, no version ff, no id of zeros, version 00 with nothing behind the flags; of later versions the
 * part that all versions have in common. false: the trace is not to be gone on with, *out is unchanged. */
bool hz_traceparent_parse(struct hz_span field, struct hz_traceparent *out);

/* A list of members as in section 3.3.1, at most 32 of them, in at most HZ_LIMIT_trace_state_bytes_max bytes. */
bool hz_tracestate_is_valid(struct hz_span list);

#endif
