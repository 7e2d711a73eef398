/* Metrics as text, format 0.0.4: histograms with classic buckets, two per octave. */
#ifndef HZ_PROM_TEXT_H
#define HZ_PROM_TEXT_H

#include "collector/metric_set.h"

#define HZ_PROM_TEXT_BOUNDS 45 /* 256 ns to 1.07 s; what is slower lies below +Inf alone */

/* Returns the number of series written, 0 when the maps cannot be read. */
uint32_t hz_prom_text_write(const struct hz_feed *feed, struct hz_doc *out);
/* One series, with the head of its family if it is the first one; *family starts as HZ_METRICS. */
void hz_prom_text_series(struct hz_doc *out, enum hz_metric *family, enum hz_metric metric,
                         const char *const *label, double value, const struct hz_hist *hist);

#endif
