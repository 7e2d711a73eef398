/* The answer to /metrics: text 0.0.4, or delimited protobuf with native histograms. */
#ifndef HZ_METRICS_DOC_H
#define HZ_METRICS_DOC_H

#include "collector/feed.h"

#define HZ_METRICS_DOC_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define HZ_METRICS_DOC_PROTO_TYPE                                                                  \
	"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "               \
	"encoding=delimited"

struct hz_metrics { /* zeroed: nothing was asked for yet; owned by the caller */
	struct {
		bool is_fresh;
		uint32_t series;
		struct hz_doc doc;
	} form[2]; /* text, protobuf */
};

/* Made anew when it was not asked for since the last expire. Valid to the next call; is_failed: no memory, or the maps cannot
 * be read. */
const struct hz_doc *hz_metrics_doc_get(struct hz_metrics *metrics, const struct hz_feed *feed,
                                        bool is_proto);
void hz_metrics_doc_expire(struct hz_metrics *metrics); /* another second began */
void hz_metrics_doc_close(struct hz_metrics *metrics);

#endif
