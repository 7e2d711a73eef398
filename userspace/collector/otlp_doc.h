/* What goes out by OTLP/HTTP as JSON: metrics as cumulative data points, slow requests as spans. */
#ifndef HZ_OTLP_DOC_H
#define HZ_OTLP_DOC_H

#include "collector/metric_set.h"

/* A body for /v1/metrics. is_failed: no memory, or the maps cannot be read. */
void hz_otlp_doc_metrics(const struct hz_feed *feed, struct hz_doc *out);

/* Adds one span, as an element of the array `spans`, of a record HZ_EVENT_SLOW. random: for a trace id and a span id where
 * the record has none, not zero. */
void hz_otlp_doc_span(const struct hz_event_slow *slow, uint64_t unix_minus_ns,
                      const uint8_t random[24], struct hz_doc *out);
/* A body for /v1/traces, of what hz_otlp_doc_span wrote with commas between. */
void hz_otlp_doc_traces(const char *instance, const struct hz_doc *spans, struct hz_doc *out);

#endif
