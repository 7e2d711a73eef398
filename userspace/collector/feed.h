/* Everything the collector knows: the stream of an instance, its maps once per second, and what became of them over
 * time. One thread. */
#ifndef HZ_FEED_H
#define HZ_FEED_H

#include "collector/event_log.h"
#include "collector/map_view.h"
#include "collector/ringbuf.h"
#include "collector/stage_series.h"

#define HZ_FEED_ROUTE_STEP_S 10 /* routes are shown of the last one to two of these */

/* Called with each record and, if it is kept or has_lines was asked for, its line of JSON. A newline
 * stands behind the line and is not counted; NULL: there is none. */
typedef void hz_feed_fn(void *ctx, const struct hz_event *header, const void *record,
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
	bool is_locked_out; /* told that other maps could not be opened */
	int reader_lock;    /* abstract socket that says: this ring has its reader */
	struct hz_map_source source;
	struct hz_ringbuf *ring;
	uint64_t unix_minus_ns;
	uint64_t records, malformed, unknown;
	struct hz_feed_losses losses;
	struct hz_history *history; /* the caller's; NULL: none */
	uint64_t reopened;          /* times that other maps were found */
	uint64_t look_ns;           /* when other maps were last looked for */
	int64_t known_s;            /* of the last view */
	uint64_t base_ns
		[2]; /* when the routes' baselines were taken: the older one and the newer one */
	struct hz_map_view now, before;
	struct hz_route_view base[2][HZ_ROUTE_SLOTS];
	struct hz_series series;
	struct hz_event_log log;
};

/* Opens the instance's stream. 0, or -errno with err filled, exit codes as hz_map_source_open; 1 when another collector
 * reads it. */
int hz_feed_open(const struct hz_feed_conf *conf, struct hz_feed **out, struct hz_err *err);
void hz_feed_close(struct hz_feed *feed); /* accepts NULL */

int hz_feed_poll_fd(const struct hz_feed *feed); /* changes when `reopened` does */
/* Takes what is in the ring. 0, or -errno when it cannot be read. */
int hz_feed_consume(struct hz_feed *feed);
/* Once per second, behind consume: reads the maps, closes columns, looks for other maps when nobody turns. */
void hz_feed_tick(struct hz_feed *feed);

/* Growth per second between the last two views; negative: not known (there is one view, or the counter began anew). */
double hz_feed_rate(const struct hz_feed *feed, uint64_t now, uint64_t before);

#endif
