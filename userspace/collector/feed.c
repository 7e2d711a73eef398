#include "collector/feed.h"
#include "collector/event_json.h"
#include "core/clock.h"
#include "core/log.h"
#include "telemetry/stream_lost.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNREAD_MAX 3 /* views in a row that could not be read, until nobody is said to live */

static uint64_t unix_minus_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec - hz_clock_monotonic_ns();
}

/* When a record's samples count: at its own time, which may be long ago when the ring was not read, but is not believed
 * beyond what the tiers hold. */
static int64_t record_second(const struct hz_feed *feed, uint64_t time_ns)
{
	int64_t now_s = (int64_t)((hz_clock_monotonic_ns() + feed->unix_minus_ns) / HZ_NS_PER_S);
	int64_t record_s = (int64_t)((time_ns + feed->unix_minus_ns) / HZ_NS_PER_S);

	if (record_s > now_s || record_s < now_s - (int64_t)HZ_SERIES_NEAR_COLUMNS)
		return now_s;
	return record_s;
}

static void state_take(struct hz_feed *feed, const struct hz_event *header, const void *record)
{
	struct hz_event_state state;

	if (header->kind != HZ_EVENT_STATE || header->bytes < sizeof(state))
		return;
	memcpy(&state, record, sizeof(state));
	hz_marks_take(&feed->marks, &feed->log, record_second(feed, header->time_ns), &state);
}

static int record_take(void *ctx, const void *record, size_t bytes)
{
	struct hz_feed *feed = ctx;
	struct hz_event header;
	char line[HZ_EVENT_JSON_BYTES];
	int len = -ENOTSUP, status = hz_event_json_header(&header, record, bytes);

	feed->records++;
	if (status == 0 && header.kind == HZ_EVENT_HIST_DELTA)
		status = hz_series_add(&feed->series, record, bytes,
		                       record_second(feed, header.time_ns));
	if (status == 0 && (header.kind != HZ_EVENT_HIST_DELTA || feed->conf.has_lines))
		len = hz_event_json_line(record, bytes, feed->unix_minus_ns, line);
	if (status == 0 && header.kind != HZ_EVENT_HIST_DELTA)
		status = HZ_MIN(len, 0);
	feed->malformed += status == -EBADMSG;
	feed->unknown += status == -ENOTSUP;
	if (status != 0)
		return 0;
	state_take(feed, &header, record);
	if (len > 0) /* its newline is not part of it */
		hz_event_log_put(&feed->log, header.kind, line, (size_t)len - 1);
	if (feed->conf.on_event == NULL)
		return 0;
	return feed->conf.on_event(feed->conf.ctx, &header, record, len > 0 ? line : NULL,
	                           len > 0 ? (size_t)len - 1 : 0);
}

static int source_use(struct hz_feed *feed, const struct hz_map_source *source, struct hz_err *err)
{
	struct hz_ringbuf *ring = NULL;
	struct hz_reader_lock lock;
	int status = hz_reader_lock_open(&lock, feed->conf.instance, source->id,
	                                 feed->is_open ? &feed->lock : NULL, err);

	if (status != 0)
		return status;
	status = hz_ringbuf_open(source->fd[HZ_STREAM_events], record_take, feed, &ring, err);
	if (status != 0) {
		hz_reader_lock_close(&lock);
		return status;
	}
	if (feed->is_open) {
		hz_ringbuf_close(feed->ring);
		hz_map_source_close(&feed->source);
		hz_reader_lock_close(&feed->lock);
	}
	feed->source = *source;
	feed->ring = ring;
	feed->lock = lock;
	feed->is_open = true;
	return 0;
}

int hz_feed_open(const struct hz_feed_conf *conf, struct hz_feed **out, struct hz_err *err)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct hz_map_source source;
	int status;

	if (feed == NULL || hz_series_open(&feed->series, conf->on_far, conf->ctx) != 0) {
		free(feed);
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	}
	feed->conf = *conf;
	feed->unix_minus_ns = unix_minus_ns();
	status = hz_map_source_open(conf->instance, &source, err);
	if (status == 0) {
		status = source_use(feed, &source, err);
		if (status != 0)
			hz_map_source_close(&source);
	}
	if (status != 0) {
		hz_feed_close(feed);
		return status;
	}
	*out = feed;
	return 0;
}

void hz_feed_close(struct hz_feed *feed)
{
	if (feed == NULL)
		return;
	if (feed->is_open) {
		hz_ringbuf_close(feed->ring);
		hz_map_source_close(&feed->source);
		hz_reader_lock_close(&feed->lock);
	}
	hz_map_look_end(&feed->look);
	hz_series_close(&feed->series);
	hz_event_log_close(&feed->log);
	free(feed);
}

int hz_feed_poll_fd(const struct hz_feed *feed)
{
	return hz_ringbuf_poll_fd(feed->ring);
}

/* Records that were not taken for a while tell of some of its seconds only: of the others nobody had anything to tell,
 * when the server of the last view lives. Read for that alone, and too large for the stack. */
static bool is_unbroken(const struct hz_feed *feed)
{
	int64_t now_s = (int64_t)((hz_clock_monotonic_ns() + feed->unix_minus_ns) / HZ_NS_PER_S);
	struct hz_map_view *view;
	bool is_same;

	if (!feed->has_view || feed->unread > 0 || feed->series.open_s == 0 ||
	    now_s - feed->series.open_s < 2)
		return false;
	view = malloc(sizeof(*view));
	if (view == NULL)
		return false;
	is_same = hz_map_view_read(&feed->source, view) == 0 &&
	          hz_map_view_is_same_run(&feed->now, view);
	free(view);
	return is_same;
}

int hz_feed_consume(struct hz_feed *feed)
{
	int status;

	feed->unix_minus_ns = unix_minus_ns();
	feed->series.is_unbroken = is_unbroken(feed);
	status = hz_ringbuf_consume(feed->ring);
	feed->series.is_unbroken = false;
	feed->is_held = status == -EAGAIN;
	return feed->is_held ? 0 : HZ_MIN(status, 0);
}

double hz_feed_rate(const struct hz_feed *feed, uint64_t now, uint64_t before)
{
	uint64_t ns = feed->now.time_ns - feed->before.time_ns;

	if (!feed->has_before || now < before || ns == 0)
		return -1;
	return (double)(now - before) * (double)HZ_NS_PER_S / (double)ns;
}

uint64_t hz_feed_events_lost(const struct hz_feed *feed)
{
	return hz_stream_lost_sum(&feed->now.stream) + feed->malformed + feed->unknown;
}

/* Once for each reason in a row: it is asked every other second. An empty one is none. */
static void look_tell(struct hz_feed *feed, const struct hz_err *err)
{
	if (err->why[0] != '\0' && strcmp(feed->looked.why, err->why) != 0)
		hz_log(HZ_LOG_WARN, "no other maps: %s%s%s%s", err->why,
		       err->hint[0] != '\0' ? "; try: " : "", err->hint,
		       err->exit_code == 4 ? "; without group hz, start hz-collector again when "
		                             "hz was attached anew"
		                           : "");
	feed->looked = *err;
}

static void others_use(struct hz_feed *feed, struct hz_map_source *source)
{
	struct hz_err err = { 0 };

	/* First what the old ring still holds. */
	if (source->id == feed->source.id || hz_feed_consume(feed) != 0 || feed->is_held ||
	    source_use(feed, source, &err) != 0) {
		look_tell(feed, &err);
		hz_map_source_close(source);
		return;
	}
	hz_log(HZ_LOG_INFO, "other maps: attached anew");
	feed->reopened++;
	/* Counters of other maps are not these: there is nothing to subtract. */
	feed->has_before = false;
	feed->has_view = hz_map_view_read(&feed->source, &feed->now) == 0;
	memset(feed->base_ns, 0, sizeof(feed->base_ns));
	memset(&feed->marks, 0, sizeof(feed->marks));
	hz_marks_look(&feed->marks, &feed->log, feed->known_s, &feed->now);
}

int hz_feed_look_fd(const struct hz_feed *feed)
{
	return hz_map_look_poll_fd(&feed->look);
}

/* xdp detach all and attach makes new maps, which only a hzd that was started anew writes: while a worker turns, ours
 * are the right ones. */
void hz_feed_look(struct hz_feed *feed)
{
	struct hz_map_source source;
	struct hz_err err = { 0 };
	int status;

	if (feed->now.is_alive || feed->is_held) {
		hz_map_look_end(&feed->look);
		return;
	}
	status = hz_map_look_turn(&feed->look, feed->conf.instance, hz_clock_monotonic_ns(),
	                          &source, &err);
	if (status == 0)
		others_use(feed, &source);
	else if (status != -EAGAIN)
		look_tell(feed, &err);
}

static void routes_base(struct hz_feed *feed)
{
	if (feed->base_ns[1] != 0 &&
	    feed->now.time_ns - feed->base_ns[1] < HZ_FEED_ROUTE_STEP_S * HZ_NS_PER_S)
		return;
	memcpy(feed->base[0], feed->base[1], sizeof(feed->base[0]));
	feed->base_ns[0] = feed->base_ns[1];
	memcpy(feed->base[1], feed->now.route, sizeof(feed->base[1]));
	feed->base_ns[1] = feed->now.time_ns;
}

/* The last view stands in for a few that cannot be read; for good it would say that all is well. */
static void unread_note(struct hz_feed *feed, int status)
{
	feed->now = feed->before;
	feed->has_before = false;
	if (feed->unread++ == 0)
		hz_log(HZ_LOG_WARN, "cannot read the maps: %s", strerror(-status));
	if (feed->unread >= UNREAD_MAX)
		feed->now.is_alive = false;
}

static enum hz_series_life life_of(const struct hz_feed *feed)
{
	if (!feed->now.is_alive)
		return HZ_SERIES_DEAD;
	if (!feed->has_before || !hz_map_view_is_same_run(&feed->before, &feed->now))
		return HZ_SERIES_LIVES;
	return HZ_SERIES_LIVES_ON;
}

void hz_feed_tick(struct hz_feed *feed)
{
	int status;

	feed->before = feed->now;
	feed->has_before = feed->has_view;
	status = hz_map_view_read(&feed->source, &feed->now);
	if (status != 0) {
		unread_note(feed, status);
		hz_feed_look(feed);
		return;
	}
	if (feed->unread > 0)
		hz_log(HZ_LOG_INFO, "the maps can be read again");
	feed->unread = 0;
	feed->has_view = true;
	feed->known_s = (int64_t)(feed->now.unix_ms / 1000);
	hz_series_tick(&feed->series, feed->known_s, life_of(feed));
	hz_marks_look(&feed->marks, &feed->log, feed->known_s, &feed->now);
	routes_base(feed);
	hz_feed_look(feed);
}
