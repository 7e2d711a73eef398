/* Everything the collector knows: the stream of an instance, its maps once per second, and what became of them over
 * time. One thread. */
#ifndef HZ_FEED_H
#define HZ_FEED_H

#include "collector/event_log.h"
#include "collector/map_look.h"
#include "collector/map_view.h"
#include "collector/marks.h"
#include "collector/reader_lock.h"
#include "collector/ringbuf.h"
#include "collector/stage_series.h"

#define HZ_FEED_ROUTE_STEP_S 10 /* routes are shown of the last one to two of these */

/* Called with each record and, if it is kept or has_lines was asked for, its line of JSON. A
 * newline stands behind the line and is not counted; NULL: there is none. 0, or -EAGAIN: taken,
 * but no more for now. */
typedef int hz_feed_fn(void *ctx, const struct hz_event *header, const void *record,
                       const char *line, size_t line_bytes);

struct hz_feed_conf {
	const char *instance; /* NULL: the default one; has to outlive the feed */
	bool has_lines;       /* lines of HZ_EVENT_HIST_DELTA too */
	hz_feed_fn *on_event; /* may be NULL */
	hz_series_fn *on_far; /* may be NULL */
	void *ctx;
};

struct hz_feed_losses {   /* of the collector's other parts, which are noted here once per second */
	uint64_t sse;     /* events, of readers that did not keep up */
	uint64_t spans;   /* that were not pushed */
	uint64_t history; /* columns */
	uint64_t pushes;  /* that failed */
};

struct hz_history;

struct hz_feed { /* large: from the heap; owned by the caller */
	struct hz_feed_conf conf;
	bool is_open; /* source and ring are */
	bool has_view, has_before;
	bool is_held;         /* on_event wanted no more: the ring keeps the rest */
	struct hz_err looked; /* told: why other maps are of no use; empty: nothing is */
	struct hz_map_source source;
	struct hz_reader_lock lock;
	struct hz_ringbuf *ring;
	uint64_t unix_minus_ns;
	uint64_t records, malformed, unknown;
	struct hz_feed_losses losses;
	struct hz_history *history; /* the caller's; NULL: none */
	uint64_t reopened;          /* times that other maps were found */
	uint32_t unread;            /* views in a row that could not be read */
	struct hz_map_look look;
	int64_t known_s; /* of the last view */
	uint64_t base_ns
		[2]; /* when the routes' baselines were taken: the older one and the newer one */
	struct hz_map_view now, before;
	struct hz_route_view base[2][HZ_ROUTE_SLOTS];
	struct hz_series series;
	struct hz_event_log log;
	struct hz_marks marks;
};

/* Opens the instance's stream. 0, or -errno with err filled, exit codes as hz_map_source_open; 1 when another collector
 * reads it. */
int hz_feed_open(const struct hz_feed_conf *conf, struct hz_feed **out, struct hz_err *err);
void hz_feed_close(struct hz_feed *feed); /* accepts NULL */

int hz_feed_poll_fd(const struct hz_feed *feed); /* changes when `reopened` does */
/* Takes what is in the ring, or until on_event wants no more: is_held. 0, or -errno when it
 * cannot be read. */
int hz_feed_consume(struct hz_feed *feed);
/* Once per second, behind consume: reads the maps, closes columns, looks for other maps when
 * nobody turns. Waits for nobody. */
void hz_feed_tick(struct hz_feed *feed);

/* While nobody turns other maps are looked for, at each tick and when this descriptor (-1: none)
 * is readable. */
int hz_feed_look_fd(const struct hz_feed *feed);
void hz_feed_look(struct hz_feed *feed);

/* Growth per second between the last two views; negative: not known (there is one view, or the counter began anew). */
double hz_feed_rate(const struct hz_feed *feed, uint64_t now, uint64_t before);

/* Records that nobody sees: a full ring lost them for good, or they cannot be read. Deltas that it refused are not lost,
 * they come later. */
uint64_t hz_feed_events_lost(const struct hz_feed *feed);

#endif
