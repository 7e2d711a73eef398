/* What hzctl top has seen: the samples of the last seconds, and what is computed from them. */
#ifndef HZ_TOP_DATA_H
#define HZ_TOP_DATA_H

#include "top_model.h"
#include "top_slow.h"

#define HZ_TOP_DATA_WINDOW_S 10u /* of percentiles */
#define HZ_TOP_DATA_SAMPLES  (HZ_TOP_DATA_WINDOW_S + 1)

struct hz_top_data { /* large: on the heap, by open */
	const char *instance;
	struct hz_top_sample *sample[HZ_TOP_DATA_SAMPLES]; /* owned; a ring */
	unsigned newest, count;
	struct hz_top_model model;
	struct hz_top_heat heat;
	struct hz_top_slow_list slow;
	char problem[160]; /* why there is nothing newer; empty: there is */
};

/* NULL without memory. */
struct hz_top_data *hz_top_data_open(const char *instance);
void hz_top_data_close(struct hz_top_data *data); /* accepts NULL */

/* The i-th but newest of those there are. */
const struct hz_top_sample *hz_top_data_sample(const struct hz_top_data *data, unsigned i);

/* A sample more, and the model anew. 0 or -errno with err filled: then all is as it was. */
int hz_top_data_take(struct hz_top_data *data, bool wants_sources, struct hz_err *err);

/* Reads the sources into the newest sample, which was taken without them. */
void hz_top_data_sources(struct hz_top_data *data);

/* A column of what came between two samples: unknown when that was not a second, or nobody lives. */
void hz_top_data_heat(struct hz_top_heat *heat, const struct hz_top_sample *now,
                      const struct hz_top_sample *before);

/* One second of the picture: a sample and a column of the heatmap, or problem. */
void hz_top_data_tick(struct hz_top_data *data, bool wants_sources);

#endif
