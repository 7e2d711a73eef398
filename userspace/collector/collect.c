#include "collector/collect.h"
#include "collector/history.h"
#include "collector/line_out.h"
#include "collector/otlp_push.h"
#include "collector/rights_drop.h"
#include "collector/time_doc.h"
#include "collector/web.h"
#include "collector/web_body.h"
#include "core/common.h"
#include "core/log.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MAX_MS   1000
#define LINES_LAST_MS 500 /* for the reader of lines to take the last one */
#define OTLP_LAST_MS  2000

struct hz_collect {
	struct hz_collect_conf conf;
	struct hz_feed *feed;    /* owned, as all below */
	struct hz_listen listen; /* fd -1: no HTTP */
	struct hz_metrics metrics;
	struct hz_web *web;
	struct hz_history *history;
	struct hz_otlp *otlp;
	int timer_fd;
	struct hz_line_out lines;
};

static bool has_lines_alone(const struct hz_collect *collect)
{
	return collect->conf.has_lines && collect->web == NULL && collect->history == NULL &&
	       collect->otlp == NULL;
}

/* Lines alone set the pace: the ring keeps what their reader has no room for, and the kernel
 * side what the ring has not. Beside others who are served they lose what does not fit, as
 * readers of /events do. */
static bool lines_hold_ring(const struct hz_collect *collect)
{
	return has_lines_alone(collect) && hz_line_out_is_waiting(&collect->lines);
}

/* What ended writing ends the loop, but not beside others who are served. */
static bool are_lines_over(struct hz_collect *collect)
{
	int status = collect->lines.status;

	if (!collect->conf.has_lines || status == 0)
		return false;
	if (has_lines_alone(collect))
		return true;
	hz_log(HZ_LOG_WARN, "stdout: %s: no more lines, all else goes on", strerror(-status));
	hz_line_out_close(&collect->lines);
	collect->conf.has_lines = collect->feed->conf.has_lines = false;
	return false;
}

/* The record of a line that waits is not in the ring any more: whoever reads has a moment to take it. */
static void lines_end(struct hz_collect *collect)
{
	if (hz_line_out_drain(&collect->lines, LINES_LAST_MS) == -EAGAIN)
		hz_log(HZ_LOG_WARN, "stdout takes nothing: the last line is %s",
		       collect->lines.at > 0 ? "torn" : "lost");
	hz_line_out_close(&collect->lines);
}

/* The newline stands behind the line. */
static void line_print(struct hz_collect *collect, const char *line, size_t bytes)
{
	if (hz_line_out_put(&collect->lines, line, bytes + 1) == -EAGAIN &&
	    collect->lines.lost++ == 0)
		hz_log(HZ_LOG_WARN, "nobody takes the lines: some are lost");
}

static int event_take(void *ctx, const struct hz_event *header, const void *record,
                      const char *line, size_t line_bytes)
{
	struct hz_collect *collect = ctx;
	struct hz_event_slow slow;

	if (header->kind == HZ_EVENT_SLOW && header->bytes >= sizeof(slow) &&
	    collect->otlp != NULL) {
		memcpy(&slow, record, sizeof(slow));
		hz_otlp_push_slow(collect->otlp, &slow, collect->feed->unix_minus_ns);
	}
	if (line == NULL)
		return 0;
	if (collect->conf.has_lines)
		line_print(collect, line, line_bytes);
	if (collect->web != NULL)
		hz_web_event(collect->web, header->kind, line, line_bytes);
	return lines_hold_ring(collect) ? -EAGAIN : 0;
}

static const char *instance_of(const struct hz_collect *collect)
{
	return collect->conf.instance != NULL ? collect->conf.instance : "";
}

static void far_take(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	struct hz_collect *collect = ctx;

	(void)unix_s; /* it is in the tier, and others may wait there for the disk */
	(void)packed;
	(void)bytes;
	if (collect->history != NULL)
		(void)hz_history_write(collect->history, &collect->feed->series.far);
}

static void marks_load(struct hz_collect *collect)
{
	int64_t now_s = (int64_t)time(NULL);

	if (hz_history_marks_load(hz_history_marks(collect->history), now_s - HZ_TIME_DOC_LAST_S,
	                          now_s, &collect->feed->log) != 0)
		hz_log(HZ_LOG_WARN, "history: the marks of the last day cannot be read");
}

/* Once per second, not with the columns: of a server that died there are none. Who does not let us now does later. */
static void marks_write(struct hz_collect *collect)
{
	if (collect->history != NULL && collect->feed != NULL)
		(void)hz_history_marks_write(hz_history_marks(collect->history),
		                             &collect->feed->log);
}

/* At whole seconds of the wall clock, where columns begin; but by the other clock, which nobody sets back: a timer of the
 * wall clock would then wait for its time to come again. */
static int timer_open(struct hz_err *err)
{
	struct itimerspec each = { .it_interval = { .tv_sec = 1 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct timespec now;
	int status;

	clock_gettime(CLOCK_REALTIME, &now);
	each.it_value.tv_nsec = (long)HZ_NS_PER_S - HZ_MAX(now.tv_nsec, 1);
	if (fd != -1 && timerfd_settime(fd, 0, &each, NULL) == 0)
		return fd;
	status = -errno;
	if (fd != -1)
		close(fd);
	return hz_err_set(err, status, 1, "timer", "", "%s", strerror(-status));
}

static int parts_open(struct hz_collect *collect, struct hz_err *err)
{
	const struct hz_collect_conf *conf = &collect->conf;
	const struct hz_feed_conf feed = { .instance = conf->instance,
		                           .has_lines = conf->has_lines,
		                           .on_event = event_take,
		                           .on_far = far_take,
		                           .ctx = collect };
	int status = 0;

	/* First what others may hold, so that a second collector says so before it takes a record. */
	if (conf->listen != NULL)
		status = hz_listen_at_open(conf->listen, conf->user, &collect->listen, err);
	if (status == 0)
		status = hz_feed_open(&feed, &collect->feed, err);
	if (status == 0) {
		collect->timer_fd = timer_open(err);
		status = HZ_MIN(collect->timer_fd, 0);
	}
	if (status == 0)
		status = hz_rights_drop(conf->user, err);
	/* With the rights that are left: SQLite opens files beside its own at any time. */
	if (status == 0 && conf->history != NULL)
		status = hz_history_open(conf->history, instance_of(collect), (int64_t)time(NULL),
		                         &collect->feed->series, &collect->history, err);
	if (status == 0 && collect->history != NULL) {
		collect->feed->history = collect->history;
		marks_load(collect);
	}
	if (status == 0 && conf->otlp != NULL)
		status = hz_otlp_push_open(conf->otlp, conf->otlp_fields, &collect->otlp, err);
	if (status == 0 && conf->listen != NULL)
		status = hz_web_open(&collect->listen, collect->feed, &collect->metrics,
		                     &collect->web, err);
	return status;
}

int hz_collect_open(const struct hz_collect_conf *conf, struct hz_collect **out, struct hz_err *err)
{
	struct hz_collect *collect = calloc(1, sizeof(*collect));
	int status;

	if (collect == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	collect->conf = *conf;
	if (conf->has_lines)
		hz_line_out_open(&collect->lines, STDOUT_FILENO);
	collect->listen.fd = collect->timer_fd = -1;
	status = parts_open(collect, err);
	if (status != 0) {
		hz_collect_close(collect);
		return status;
	}
	*out = collect;
	return 0;
}

void hz_collect_close(struct hz_collect *collect)
{
	if (collect == NULL)
		return;
	hz_web_close(collect->web);
	collect->web = NULL; /* what follows may take records */
	hz_metrics_doc_close(&collect->metrics);
	if (collect->feed != NULL && collect->feed->malformed + collect->feed->unknown > 0)
		hz_log(HZ_LOG_WARN, "%llu malformed and %llu unknown records were skipped",
		       (unsigned long long)collect->feed->malformed,
		       (unsigned long long)collect->feed->unknown);
	if (collect->otlp != NULL && collect->feed != NULL && collect->feed->has_view) {
		hz_feed_tick(collect->feed);
		hz_otlp_push_last(collect->otlp, collect->feed, OTLP_LAST_MS);
	}
	hz_history_hurry(collect->history);
	marks_write(collect);
	hz_feed_close(collect->feed); /* its last column goes into the history */
	hz_history_close(collect->history);
	hz_otlp_push_close(collect->otlp);
	if (collect->timer_fd >= 0)
		close(collect->timer_fd);
	hz_listen_at_close(&collect->listen);
	lines_end(collect);
	free(collect);
}

/* For /metrics: nobody reads a log at night. */
static void losses_note(struct hz_collect *collect)
{
	struct hz_feed_losses *losses = &collect->feed->losses;

	if (collect->web != NULL)
		losses->sse = hz_web_lost(collect->web);
	if (collect->history != NULL)
		losses->history = hz_history_lost(collect->history);
	if (collect->otlp != NULL) {
		struct hz_otlp_counts counts = hz_otlp_push_counts(collect->otlp);

		losses->spans = counts.spans_dropped;
		losses->pushes = counts.failed;
	}
}

/* Records first: those of the second that is over belong into its column. */
static void second_turn(struct hz_collect *collect)
{
	uint64_t expirations;

	(void)!read(collect->timer_fd, &expirations, sizeof(expirations));
	hz_feed_tick(collect->feed);
	if (collect->history != NULL)
		(void)hz_history_follow(collect->history, collect->feed->known_s,
		                        &collect->feed->series);
	marks_write(collect);
	losses_note(collect);
	hz_metrics_doc_expire(&collect->metrics);
	if (collect->web != NULL)
		hz_web_tick(collect->web);
	if (collect->otlp != NULL)
		hz_otlp_push_tick(collect->otlp, collect->feed);
}

enum { POLL_SIGNAL, POLL_RING, POLL_TIMER, POLL_WEB, POLL_LOOK, POLL_LINES, POLLS };

/* Of a negative descriptor poll sees nothing. */
static void polls_set(const struct hz_collect *collect, int signal_fd, struct pollfd fds[POLLS])
{
	int ring = lines_hold_ring(collect) ? -1 : hz_feed_poll_fd(collect->feed);
	int web = collect->web != NULL ? hz_web_poll_fd(collect->web) : -1;
	int lines = hz_line_out_is_waiting(&collect->lines) ? collect->lines.fd : -1;

	fds[POLL_SIGNAL] = (struct pollfd){ signal_fd, POLLIN, 0 };
	fds[POLL_RING] = (struct pollfd){ ring, POLLIN, 0 };
	fds[POLL_TIMER] = (struct pollfd){ collect->timer_fd, POLLIN, 0 };
	fds[POLL_WEB] = (struct pollfd){ web, POLLIN, 0 };
	fds[POLL_LOOK] = (struct pollfd){ hz_feed_look_fd(collect->feed), POLLIN, 0 };
	fds[POLL_LINES] = (struct pollfd){ lines, POLLOUT, 0 };
}

static int wait_ms(const struct hz_collect *collect)
{
	int web_ms = collect->web != NULL ? hz_web_timeout_ms(collect->web) : -1;
	int otlp_ms = collect->otlp != NULL ? hz_otlp_push_turn(collect->otlp) : -1;
	int least_ms = WAIT_MAX_MS;

	if (web_ms >= 0)
		least_ms = HZ_MIN(least_ms, web_ms);
	if (otlp_ms >= 0)
		least_ms = HZ_MIN(least_ms, otlp_ms);
	return least_ms;
}

static void started_say(const struct hz_collect *collect)
{
	char at[128];

	if (collect->web == NULL)
		return;
	hz_listen_at_print(&collect->listen, at, sizeof(at));
	hz_log(HZ_LOG_INFO,
	       "serving %s%s; at most %u MiB for an hour and a day of latency, %u for answers",
	       collect->listen.is_unix ? "" : "http://", at,
	       (unsigned)((HZ_SERIES_BYTES_MAX + (1u << 20) - 1) >> 20),
	       (unsigned)(HZ_WEB_BODIES_MAX >> 20));
	if (!collect->listen.is_loopback)
		hz_log(HZ_LOG_WARN, "%s is not loopback: everybody who comes reads everything", at);
}

int hz_collect_run(struct hz_collect *collect, int signal_fd, struct hz_err *err)
{
	struct pollfd fds[POLLS] = { 0 };
	int status = 0;

	started_say(collect);
	while (status == 0 && !are_lines_over(collect) &&
	       (fds[POLL_SIGNAL].revents & POLLIN) == 0) {
		polls_set(collect, signal_fd, fds);
		if (poll(fds, POLLS, wait_ms(collect)) < 0 && errno != EINTR)
			return hz_err_set(err, -errno, 1, "poll", "", "%s", strerror(errno));
		(void)hz_line_out_turn(&collect->lines);
		if (!lines_hold_ring(collect))
			status = hz_feed_consume(collect->feed);
		if ((fds[POLL_TIMER].revents & POLLIN) != 0)
			second_turn(collect);
		if (fds[POLL_LOOK].revents != 0)
			hz_feed_look(collect->feed);
		if (collect->web != NULL)
			hz_web_turn(collect->web);
	}
	if (status != 0)
		return hz_err_set(err, status, 1, "ring", "", "the ring cannot be read: %s",
		                  strerror(-status));
	if (!are_lines_over(collect) || collect->lines.status == -EPIPE)
		return 0; /* the reader of our lines has seen enough */
	status = collect->lines.status;
	return hz_err_set(err, status, 1, "output", "", "stdout: %s", strerror(-status));
}
