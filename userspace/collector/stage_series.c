#include "collector/stage_series.h"
#include "abi/hist_bucket.h"
#include "collector/event_json.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <string.h>

int hz_series_open(struct hz_series *series, hz_series_fn *on_far, void *ctx)
{
	int status;

	memset(series, 0, sizeof(*series));
	series->on_far = on_far;
	series->ctx = ctx;
	status = hz_tier_open(&series->near, HZ_SERIES_NEAR_STEP_S, HZ_SERIES_NEAR_COLUMNS,
	                      HZ_SERIES_NEAR_BYTES);
	if (status == 0)
		status = hz_tier_open(&series->far, HZ_SERIES_FAR_STEP_S, HZ_SERIES_FAR_COLUMNS,
		                      HZ_SERIES_FAR_BYTES);
	if (status != 0)
		hz_series_close(series);
	return status;
}

static int64_t far_of(int64_t unix_s)
{
	return unix_s - unix_s % HZ_SERIES_FAR_STEP_S;
}

static void far_close(struct hz_series *series, int64_t unix_s)
{
	size_t bytes;

	if (!series->is_far_known)
		return;
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++)
		hz_hist_coarsen(&series->open_far[i]);
	bytes = hz_hist_pack(series->open_far, series->packed);
	if (hz_tier_put(&series->far, unix_s, series->packed, bytes) == 0 && series->on_far != NULL)
		series->on_far(series->ctx, unix_s, series->packed, bytes);
	memset(series->open_far, 0, sizeof(series->open_far));
	series->is_far_known = false;
}

static void near_close(struct hz_series *series)
{
	size_t bytes;

	if (!series->is_known)
		return;
	bytes = hz_hist_pack(series->open, series->packed);
	(void)hz_tier_put(&series->near, series->open_s, series->packed, bytes);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT && bytes > 0; i++) {
		hz_hist_merge(&series->open_far[i], &series->open[i]);
		memset(&series->open[i], 0, sizeof(series->open[i]));
	}
	series->is_far_known = true;
	series->is_known = false;
}

static void open_move(struct hz_series *series, int64_t unix_s)
{
	if (unix_s <= series->open_s)
		return;
	near_close(series);
	if (series->open_s != 0 && far_of(unix_s) != far_of(series->open_s))
		far_close(series, far_of(series->open_s));
	series->open_s = unix_s;
}

/* Before the tiers go: what is open is a column too, and on_far may keep it. */
void hz_series_close(struct hz_series *series)
{
	near_close(series);
	far_close(series, far_of(series->open_s));
	hz_tier_close(&series->near);
	hz_tier_close(&series->far);
}

int hz_series_resume(struct hz_series *series, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	if (unix_s <= 0 || unix_s != far_of(unix_s))
		return -EINVAL;
	if (series->open_s != 0 && unix_s != far_of(series->open_s))
		return hz_tier_put(&series->far, unix_s, packed, bytes);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		/* the first one looks at all stages: nothing is added when they lie */
		int status = hz_hist_unpack(packed, bytes, i, &series->open_far[i]);

		if (status != 0)
			return status;
	}
	series->open_s = HZ_MAX(series->open_s, unix_s);
	series->is_far_known = true;
	return 0;
}

/* The largest of an interval is not in a record, only the largest ever: the middle of the last bucket that gained, if
 * that is less. */
static void delta_add(struct hz_hist *hist, const struct hz_event_hist_delta *delta)
{
	uint64_t max_ns = 0;

	for (uint32_t i = 0; i < delta->pair_count; i++) {
		uint32_t bucket = delta->pair[i].bucket;

		hist->bucket[bucket] += delta->pair[i].gained;
		if (delta->pair[i].gained > 0)
			max_ns = HZ_MAX(max_ns, hz_hist_bucket_value(bucket));
	}
	hist->sum_ns += delta->sum_ns;
	hist->max_ns = HZ_MAX(hist->max_ns, HZ_MIN(max_ns, delta->max_ns));
}

/* Seconds behind the open one that a living server had nothing to say in: empty, not unknown. */
static void quiet_fill(struct hz_series *series, int64_t unix_s)
{
	int64_t quiet_s = unix_s - series->open_s - 1;

	if (series->open_s == 0 || quiet_s > HZ_SERIES_QUIET_S)
		return;
	for (int64_t t = series->open_s + 1; t < unix_s; t++) {
		open_move(series, t);
		series->is_known = true;
	}
}

int hz_series_add(struct hz_series *series, const void *record, size_t bytes, int64_t unix_s)
{
	struct hz_event_hist_delta delta;
	int status = hz_event_json_delta(&delta, record, bytes);

	if (status != 0)
		return status;
	if (series->is_unbroken)
		quiet_fill(series, unix_s);
	open_move(series, unix_s);
	series->is_known = true;
	delta_add(&series->open[delta.stage], &delta);
	for (uint32_t i = 0; i < delta.pair_count; i++)
		series->samples[delta.stage] += delta.pair[i].gained;
	return 0;
}

void hz_series_tick(struct hz_series *series, int64_t unix_s, enum hz_series_life life)
{
	if (unix_s < series->open_s - HZ_SERIES_BACK_S) {
		hz_tier_clear(&series->near);
		hz_tier_clear(&series->far);
		/* samples of the open columns count here: they are moved, not lost */
		series->open_s = unix_s;
		series->set_back++;
	}
	if (life == HZ_SERIES_LIVES_ON)
		quiet_fill(series, unix_s);
	open_move(series, unix_s);
	if (life != HZ_SERIES_DEAD)
		series->is_known = true;
}

uint32_t hz_series_last(const struct hz_series *series, uint32_t stage, uint32_t last_s,
                        struct hz_hist *out)
{
	const struct hz_tier *tier =
		last_s <= HZ_SERIES_NEAR_COLUMNS ? &series->near : &series->far;

	memset(out, 0, sizeof(*out));
	return tier->step_s *
	       hz_tier_sum(tier, series->open_s - (int64_t)last_s, series->open_s, stage, out);
}
