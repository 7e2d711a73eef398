/* Metrics as delimited protobuf (io.prometheus.client.MetricFamily): histograms are native ones, one series each. */
#ifndef HZ_PROM_PROTO_H
#define HZ_PROM_PROTO_H

#include "collector/metric_set.h"
#include "collector/native_hist.h"

/* Returns the number of series written, 0 when the maps cannot be read. */
uint32_t hz_prom_proto_write(const struct hz_feed *feed, struct hz_doc *out);

struct hz_prom_proto { /* a family that is being written; family starts as HZ_METRICS, doc empty */
	struct hz_doc *out;
	enum hz_metric family;
	struct hz_doc body;   /* of the family's message */
	struct hz_doc metric; /* of the series */
	struct hz_doc inner;
};
void hz_prom_proto_series(struct hz_prom_proto *proto, enum hz_metric metric,
                          const char *const *label, double value, const struct hz_hist *hist);
/* Writes the last family and frees what is owned; memory that ran out shows in out. */
void hz_prom_proto_end(struct hz_prom_proto *proto);

#endif
