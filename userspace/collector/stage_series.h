/* What the stream says about latency, by time: the second that is running, and two tiers of those that are over. */
#ifndef HZ_STAGE_SERIES_H
#define HZ_STAGE_SERIES_H

#include "collector/hist_pack.h"
#include "collector/tier.h"

#define HZ_SERIES_NEAR_STEP_S  1u
#define HZ_SERIES_NEAR_COLUMNS 3600u
#define HZ_SERIES_FAR_STEP_S   10u
#define HZ_SERIES_BACK_S       60
#define HZ_SERIES_QUIET_S      60
#define HZ_SERIES_FAR_COLUMNS  8640u
#define HZ_SERIES_NEAR_BYTES   (24u << 20) /* 3600 seconds of 6.8 KB: all stages busy */
#define HZ_SERIES_FAR_BYTES    (24u << 20) /* coarse: 8640 columns of 2.8 KB */
#define HZ_SERIES_BYTES_MAX                                                                        \
	(HZ_SERIES_NEAR_BYTES + HZ_SERIES_FAR_BYTES +                                              \
	 (HZ_SERIES_NEAR_COLUMNS + HZ_SERIES_FAR_COLUMNS) * sizeof(struct hz_tier_column))

/* Called with each finished column of 10 s, packed; bytes 0: nobody came. */
typedef void hz_series_fn(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes);

enum hz_series_life { /* of who would have told of samples */
	              HZ_SERIES_DEAD,
	              HZ_SERIES_LIVES,    /* but perhaps not since the tick before */
	              HZ_SERIES_LIVES_ON, /* the same one as at the tick before */
};

struct hz_series { /* owned by the caller; one thread */
	struct hz_tier near, far;
	int64_t open_s;              /* the second that is running; 0 before the first one */
	bool is_known, is_far_known; /* hzd lived, or records came, in the open columns */
	bool is_unbroken; /* one server lives since the last tick: the caller's, true for records that come late */
	uint32_t set_back;                /* times the tiers began anew */
	uint64_t samples[HZ_STAGE_COUNT]; /* that ever came */
	hz_series_fn *on_far;
	void *ctx;
	struct hz_hist open[HZ_STAGE_COUNT];
	struct hz_hist open_far[HZ_STAGE_COUNT];
	uint8_t packed[HZ_HIST_PACK_MAX];
};

/* on_far may be NULL. 0 or -ENOMEM. */
int hz_series_open(struct hz_series *series, hz_series_fn *on_far, void *ctx);
/* Closes the open columns first, so that on_far gets what came of the step that is not over. Accepts a zeroed one. */
void hz_series_close(struct hz_series *series);

/* A column of 10 s of an earlier run, packed: all before the newest one are put into the tier first. The newest one is
 * open again: what comes of its step is added to it, and on_far gets it again. 0, -EBADMSG when the bytes are not what
 * hz_hist_pack makes, -EINVAL when it is at no step. */
int hz_series_resume(struct hz_series *series, int64_t unix_s, const uint8_t *packed, size_t bytes);

/* A record HZ_EVENT_HIST_DELTA, at its time on the wall clock. Closes the columns before it; one that comes late counts
 * in the open column: moved by a second, never lost. Seconds without one before it are known as behind a tick, when
 * is_unbroken. 0, or -EBADMSG when its lengths or indices lie. */
int hz_series_add(struct hz_series *series, const void *record, size_t bytes, int64_t unix_s);

/* A tick of the clock: closes what is over. Seconds that had no tick, at most HZ_SERIES_QUIET_S, are known when the
 * same server lives on. A clock that was set back by more than HZ_SERIES_BACK_S has both tiers begin anew, counted in
 * set_back: what they hold lies in the future. */
void hz_series_tick(struct hz_series *series, int64_t unix_s, enum hz_series_life life);

/* What a stage got in the last seconds that are over, 1 s steps within the last hour, else 10 s. Returns the seconds that are
 * known of them; *out is zeroed first. */
uint32_t hz_series_last(const struct hz_series *series, uint32_t stage, uint32_t last_s,
                        struct hz_hist *out);

#endif
