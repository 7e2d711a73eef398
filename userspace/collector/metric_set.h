/* The metrics of an instance, from its maps: what metrics.def names, in that order, to a writer of one form or another. */
#ifndef HZ_METRIC_SET_H
#define HZ_METRIC_SET_H

#include "collector/feed.h"

#define HZ_METRIC_LABELS_MAX 2
#define HZ_METRIC_SERIES_MAX 1000 /* of one answer, classic buckets counted each */
#define HZ_METRIC_HISTS_MAX                                                                        \
	384 /* histograms told apart; of more, workers and CPUs are shown as one, "all" */
#define HZ_METRIC_ROUTES_MAX 40 /* shown apart; those behind them together */
#define HZ_METRIC_OTHERS     "_other"

enum hz_metric {
#define HZ_METRIC(name, type, first, second, help) HZ_METRIC_##name,
#include "collector/metrics.def"
#undef HZ_METRIC
	HZ_METRICS
};
enum hz_metric_type { HZ_METRIC_counter, HZ_METRIC_gauge, HZ_METRIC_histogram };

struct hz_metric_info {
	const char *name, *help;
	enum hz_metric_type type;
	const char *label[HZ_METRIC_LABELS_MAX]; /* names; NULL: it has no more */
};
const struct hz_metric_info *hz_metric_set_info(enum hz_metric metric);

/* label: as many values as the metric has labels, any bytes. hist: of a histogram, else NULL and value counts. */
typedef void hz_metric_fn(void *ctx, enum hz_metric metric, const char *const *label, double value,
                          const struct hz_hist *hist);

/* Calls fn with every series. series_per_hist: of the form, 1 or the number of classic buckets with sum and count;
 * workers, and CPUs of stage health, are told apart where it is 1. Returns the number of series; 0 when `latency` cannot be read. */
uint32_t hz_metric_set_each(const struct hz_feed *feed, uint32_t series_per_hist, hz_metric_fn *fn,
                            void *ctx);

#endif
