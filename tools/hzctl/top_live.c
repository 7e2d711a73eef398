#include "top_live.h"
#include "core/clock.h"
#include "feed_link.h"
#include "top_guard.h"
#include "top_keys.h"
#include "top_layout.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct live {
	struct hz_top_data *data;
	struct hz_top_term *term;
	struct hz_top_state state;
	struct hz_top_keys keys;
	struct hz_feed_link feed;
	uint64_t tick_ns;               /* when the next one is due; 0: at once */
	struct hz_top_grid shown, next; /* what the terminal shows; what it will */
	int signal_fd;
	bool is_done;
};

/* --- the collector's part ------------------------------------------------------------------------------ */

static void slow_take(void *ctx, const char *name, const json_t *object)
{
	struct hz_top_slow slow;
	struct live *live = ctx;

	if (strcmp(name, "slow") == 0 && hz_top_slow_parse(object, &slow))
		hz_top_slow_add(&live->data->slow, &slow);
}

/* Why it does not answer is not top's: the table says that it does not. */
static void feed_turn(struct live *live, bool is_ready)
{
	uint64_t now_ns = hz_clock_monotonic_ns();
	struct hz_err err = { 0 };
	enum hz_feed_state state;

	(void)hz_feed_link_turn(&live->feed, is_ready, now_ns, &err);
	state = hz_feed_link_state(&live->feed, now_ns);
	live->state.has_feed =
		state == HZ_FEED_LIVE || (state == HZ_FEED_TRIES && live->feed.client.is_asked);
}

/* --- the screen ---------------------------------------------------------------------------------------- */

/* is_whole: the terminal may show anything. */
static int screen_draw(struct live *live, bool is_whole)
{
	struct hz_top_grid before = live->shown;
	unsigned rows, cols;
	char *bytes = NULL;
	size_t len = 0;
	FILE *to;
	int status = 0;

	hz_top_term_size(live->term, &rows, &cols);
	if (live->next.rows != rows || live->next.cols != cols) {
		hz_top_grid_close(&live->next);
		status = hz_top_grid_open(rows, cols, &live->next);
	}
	to = status == 0 ? open_memstream(&bytes, &len) : NULL;
	if (to == NULL)
		return -ENOMEM;
	hz_top_layout_draw(&live->state, &live->next);
	hz_top_grid_draw(to, is_whole || before.cell == NULL ? NULL : &before, &live->next);
	if (fclose(to) != 0)
		status = -ENOMEM;
	if (status == 0)
		status = hz_top_term_write(live->term, bytes, len);
	free(bytes);
	live->shown = live->next;
	live->next = before;
	return status;
}

static int suspend(struct live *live)
{
	int status;

	hz_top_term_leave(live->term);
	raise(SIGSTOP);
	status = hz_top_term_enter(live->term);
	live->tick_ns = 0;
	return status == 0 ? screen_draw(live, true) : status;
}

static void scroll(struct hz_top_state *state, int rows)
{
	unsigned by = (unsigned)abs(rows);

	if (rows > 0)
		state->scroll = HZ_MIN(state->scroll + by, (unsigned)HZ_ROUTE_SLOTS);
	else
		state->scroll -= HZ_MIN(state->scroll, by);
}

static int key_take(struct live *live, enum hz_top_key key)
{
	struct hz_top_state *state = &live->state;
	int page = (int)HZ_MAX(live->shown.rows, 8u) - 4;

	if (key >= HZ_TOP_KEY_VIEW && key < HZ_TOP_KEY_VIEW + HZ_TOP_VIEWS) {
		state->view = (enum hz_top_view)(key - HZ_TOP_KEY_VIEW);
		state->scroll = 0;
	} else if (key == HZ_TOP_KEY_NEXT) {
		state->view = (enum hz_top_view)((state->view + 1) % HZ_TOP_VIEWS);
		state->scroll = 0;
	} else if (key == HZ_TOP_KEY_SORT && state->view == HZ_TOP_VIEW_SOURCES) {
		state->source_sort++;
	} else if (key == HZ_TOP_KEY_SORT) {
		state->route_sort++;
	} else if (key == HZ_TOP_KEY_TURN) {
		state->is_reversed = !state->is_reversed;
	} else if (key == HZ_TOP_KEY_PAUSE) {
		state->is_paused = !state->is_paused;
	} else if (key == HZ_TOP_KEY_UP || key == HZ_TOP_KEY_DOWN) {
		scroll(state, key == HZ_TOP_KEY_UP ? -1 : 1);
	} else if (key == HZ_TOP_KEY_PAGE_UP || key == HZ_TOP_KEY_PAGE_DOWN) {
		scroll(state, key == HZ_TOP_KEY_PAGE_UP ? -page : page);
	} else if (key == HZ_TOP_KEY_HOME) {
		state->scroll = 0;
	} else if (key == HZ_TOP_KEY_SUSPEND) {
		return suspend(live);
	} else if (key == HZ_TOP_KEY_REDRAW) {
		return screen_draw(live, true);
	} else if (key == HZ_TOP_KEY_QUIT) {
		live->is_done = true;
	}
	return 0;
}

/* Nothing to read is the end only where poll says so: with VMIN 0 it is also what is left when another reader of the
 * terminal, or a flush, was faster. */
static int keys_read(struct live *live, bool is_hung_up)
{
	uint8_t byte[64];
	ssize_t got = read(live->term->in_fd, byte, sizeof(byte));
	int status = 0;

	if ((got == 0 && is_hung_up) || (got < 0 && errno != EINTR && errno != EAGAIN))
		live->is_done = true; /* whoever typed is gone */
	for (ssize_t i = 0; i < got && status == 0 && !live->is_done; i++) {
		enum hz_top_view view = live->state.view;

		status = key_take(live, hz_top_keys_feed(&live->keys, byte[i]));
		/* sources are read when they are looked at */
		if (live->state.view != view && live->state.view == HZ_TOP_VIEW_SOURCES)
			hz_top_data_sources(live->data);
	}
	return status == 0 && !live->is_done ? screen_draw(live, false) : status;
}

static int signal_take(struct live *live)
{
	struct signalfd_siginfo info;

	if (read(live->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH)
		return screen_draw(live, true);
	if (info.ssi_signo == SIGTSTP)
		return suspend(live);
	live->is_done = true;
	return 0;
}

/* Ticks that were slept over, as of a laptop or after ^Z, are seconds nobody looked. */
static int time_take(struct live *live, uint64_t now_ns)
{
	uint64_t missed = 0;

	if (live->tick_ns != 0 && now_ns < live->tick_ns)
		return 0;
	if (live->tick_ns == 0 && live->data->count > 0)
		missed = (now_ns - HZ_MIN(now_ns, hz_top_data_sample(live->data, 0)->time_ns)) /
		         HZ_NS_PER_S;
	else if (live->tick_ns != 0)
		missed = (now_ns - live->tick_ns) / HZ_NS_PER_S;
	live->tick_ns = (missed > 0 || live->tick_ns == 0 ? now_ns : live->tick_ns) + HZ_NS_PER_S;
	for (uint64_t i = 0; i < missed && i < HZ_TOP_HEAT_COLUMNS; i++)
		hz_top_heat_add(&live->data->heat, NULL, HZ_TOP_MARK_NONE);
	feed_turn(live, false);
	if (live->state.is_paused)
		hz_top_heat_add(&live->data->heat, NULL, HZ_TOP_MARK_NONE);
	else
		hz_top_data_tick(live->data, live->state.view == HZ_TOP_VIEW_SOURCES);
	return screen_draw(live, false);
}

static int turn(struct live *live)
{
	struct pollfd fds[] = {
		{ .fd = live->signal_fd, .events = POLLIN },
		{ .fd = live->term->in_fd, .events = POLLIN },
		{ .fd = live->feed.client.fd, .events = hz_feed_client_events(&live->feed.client) },
	};
	uint64_t now_ns = hz_clock_monotonic_ns();
	uint64_t wait_ns = live->tick_ns > now_ns ? live->tick_ns - now_ns : 0;
	int status = 0;

	if (poll(fds, HZ_ARRAY_LEN(fds), (int)((wait_ns + HZ_NS_PER_MS - 1) / HZ_NS_PER_MS)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents != 0)
		status = signal_take(live);
	if (status == 0 && fds[1].revents != 0 && !live->is_done)
		status = keys_read(live, (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0);
	if (fds[2].revents != 0)
		feed_turn(live, true);
	if (status == 0 && !live->is_done)
		status = time_take(live, hz_clock_monotonic_ns());
	return status;
}

/* In the child of hz_top_guard_run. */
static int live_draw(void *ctx, struct hz_err *err)
{
	struct live *live = ctx;
	sigset_t set;
	int status;

	hz_top_guard_signals(&set);
	live->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (live->signal_fd == -1)
		return hz_err_set(err, -errno, 1, "signals", "", "signalfd: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN); /* told by write instead */
	status = hz_top_term_enter(live->term);
	while (status == 0 && !live->is_done)
		status = turn(live);
	hz_top_term_leave(live->term);
	hz_feed_link_close(&live->feed);
	close(live->signal_fd);
	if (status == -EPIPE || status == -EIO)
		return 0; /* the terminal is gone, and who looked with it */
	if (status != 0)
		return hz_err_set(err, status, 1, "terminal", "", "%s", strerror(-status));
	return 0;
}

int hz_top_live_run(struct hz_top_data *data, struct hz_top_term *term,
                    const struct hz_endpoint *collector, const char *collector_of,
                    struct hz_err *err)
{
	struct live live = { .data = data, .term = term, .signal_fd = -1 };
	int status;

	hz_feed_link_init(collector, collector_of, slow_take, &live, &live.feed);
	live.state = (struct hz_top_state){ .model = &data->model,
		                            .heat = &data->heat,
		                            .slow = &data->slow,
		                            .instance = data->instance,
		                            .problem = data->problem,
		                            .is_live = true,
		                            .is_utf8 = hz_top_term_is_utf8() };
	status = hz_top_guard_run(term, live_draw, &live, err);
	hz_top_grid_close(&live.shown);
	hz_top_grid_close(&live.next);
	return status;
}
