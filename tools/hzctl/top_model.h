/* What hzctl top shows, computed from samples: rates of the last second, percentiles of the last ten. Pure: samples in,
 * figures out. */
#ifndef HZ_TOP_MODEL_H
#define HZ_TOP_MODEL_H

#include "telemetry/server_view.h"
#include "top_heat.h"
#include "top_sample.h"

#define HZ_TOP_UNKNOWN UINT64_MAX /* of a rate: there is nothing to subtract from */

struct hz_top_latency { /* of an interval; count 0: the others mean nothing */
	uint64_t count, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
};

struct hz_top_total {
	const char *name;
	bool is_known; /* false: no XDP here to count it */
	uint64_t per_s, total;
	struct hz_top_latency latency;
};

struct hz_top_worker {
	unsigned id, cpu;
	const char *state;
	uint64_t requests_per_s, connections, longest_gap_ns, beat_age_ms, shed_permille;
	uint64_t busy_permille; /* HZ_TOP_UNKNOWN before there are two samples */
};

struct hz_top_route_row {
	const char *name; /* in the sample */
	uint64_t requests, per_s, errors;
	uint64_t window_ns;            /* of latency; 0: since the start */
	struct hz_top_latency latency; /* p90 and p99.9 are 0: error up to 1/16 */
};

struct hz_top_verdict {
	uint32_t reason; /* enum hz_reason */
	uint64_t total, per_s;
};

struct hz_top_model {
	const struct hz_top_sample *sample; /* the newest, not owned; NULL: nothing was ever read */
	bool is_alive;                      /* a worker's beat is fresh */
	const char *state;
	uint64_t interval_ns, window_ns; /* of the rates; of the percentiles. 0: one sample only */
	uint64_t connections, uptime_s;
	uint32_t shed_permille;
	struct hz_top_total total[HZ_SERVER_TOTALS];
	struct hz_top_latency stage[HZ_STAGE_COUNT];
	bool is_measured[HZ_STAGE_COUNT]; /* false: requests came, and no sample of this stage */
	struct hz_top_worker worker[HZ_WORKERS_MAX];
	unsigned worker_count;
	struct hz_top_route_row route[HZ_ROUTE_SLOTS];
	unsigned route_count;
	struct hz_top_verdict verdict[HZ_REASON_COUNT]; /* by reason */
	unsigned verdict_count;                         /* 0: no XDP here */
};

/* now and before are about a second apart, now and then about ten; both may be now itself where there is no other.
 * All must live as long as *out is used. */
void hz_top_model_make(struct hz_top_model *out, const struct hz_top_sample *now,
                       const struct hz_top_sample *before, const struct hz_top_sample *then);

/* What happened between two samples that belongs above the heatmap. */
enum hz_top_mark hz_top_model_mark(const struct hz_top_sample *now,
                                   const struct hz_top_sample *before);
bool hz_top_model_is_alive(const struct hz_top_sample *sample);

#endif
