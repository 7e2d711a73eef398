/* hzctl trace follow: what happens, as it happens. Slow answers, refused sources and changes of state are told by hz-collector,
 * who owns the ring they come through; frames that XDP dropped, which tcpdump does not see, lie in a map and are
 * read from there, whether anybody runs or not. */
#include "commands.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "drops_seen.h"
#include "feed_link.h"
#include "feed_text.h"
#include "frame_text.h"
#include "loader/xdp_drops.h"
#include "telemetry/names.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS     200
#define COUNT_MAX   1000000
#define SLOW_US_MAX 60000000

enum { KIND_SLOW, KIND_SHED, KIND_DROP, KIND_STATE, KIND_ALL };
static const char *const kind_names[] = { "slow", "shed", "drop", "state" };

struct follow {
	const struct hz_opts *opts;
	uint32_t kind;
	uint64_t slow_ns;         /* slow answers from here on */
	uint64_t left;            /* records to print; UINT64_MAX: until a signal */
	struct hz_sample *sample; /* HZ_SAMPLES_MAX, owned */
	struct hz_drops_seen seen;
	uint64_t unix_offset_ns; /* wall clock minus the clock of the samples */
	int drops_fd, signal_fd; /* -1: not looked at */
	struct hz_endpoint collector;
	bool is_address_given;
	bool has_feed; /* feed is looked at */
	struct hz_feed_link feed;
	bool is_lost; /* and the user was told */
	uint64_t lost_ns;
	uint64_t missed; /* records of this connection, as was told */
	struct hz_err *err;
	int status; /* of printing, in a call back */
};

static json_t *sample_json(const struct follow *follow, const struct hz_sample *sample)
{
	uint32_t bytes = HZ_MIN(sample->frame_bytes, (uint32_t)HZ_SAMPLE_BYTES);
	char text[HZ_FRAME_TEXT_MAX], data[2 * HZ_SAMPLE_BYTES + 1] = "";

	hz_frame_text(sample->data, bytes, text);
	for (uint32_t i = 0; i < bytes; i++)
		snprintf(data + (size_t)2 * i, 3, "%02x", sample->data[i]);
	return json_pack("{s:s, s:I, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:s, s:s}", "kind", "drop",
	                 "time_unix_ns",
	                 (json_int_t)(sample->header.time_ns + follow->unix_offset_ns), "reason",
	                 hz_names_reason(sample->reason)->name, "help",
	                 hz_names_reason(sample->reason)->help, "cpu", (int)sample->header.worker,
	                 "frames", (json_int_t)sample->frames, "frame_bytes",
	                 (json_int_t)sample->frame_bytes, "ifindex", (json_int_t)sample->ifindex,
	                 "queue", (json_int_t)sample->queue, "headers", text, "data", data);
}

/* What is new since the last look. */
static int follow_look(struct follow *follow, struct hz_err *err)
{
	int count = hz_xdp_drops_read(follow->drops_fd, follow->sample), status = 0;

	if (count < 0)
		return hz_err_set(err, count, 1, "map", "hzctl doctor", "drops: %s",
		                  strerror(-count));
	for (int i = 0; i < count && follow->left > 0 && status == 0; i++) {
		if (!hz_drops_seen_is_new(&follow->seen, &follow->sample[i]))
			continue;
		if (follow->left != UINT64_MAX)
			follow->left--;
		status = hz_out_result(&follow->opts->out, sample_json(follow, &follow->sample[i]),
		                       hz_feed_text, err);
	}
	return status;
}

/* A record of the collector. Dropped frames are there too: those come from the map, with what they meant. */
static void record_take(void *ctx, const char *name, const json_t *object)
{
	struct follow *follow = ctx;

	for (uint32_t kind = 0; kind < HZ_ARRAY_LEN(kind_names); kind++) {
		if (strcmp(name, kind_names[kind]) != 0 || kind == KIND_DROP ||
		    (follow->kind != KIND_ALL && follow->kind != kind))
			continue;
		if (follow->left == 0 || follow->status != 0 ||
		    (kind == KIND_SLOW && hz_out_u64(object, "total_ns") < follow->slow_ns))
			return;
		if (follow->left != UINT64_MAX)
			follow->left--;
		follow->status = hz_out_result(&follow->opts->out, json_deep_copy(object),
		                               hz_feed_text, follow->err);
	}
}

/* Once for each time that it is lost: a gap without a word would look like peace. */
static void lost_tell(struct follow *follow, const char *why)
{
	if (follow->is_lost)
		return;
	follow->is_lost = true;
	follow->lost_ns = follow->feed.heard_ns;
	fprintf(stderr, "hzctl: %s; trying again\n", why);
}

static void state_tell(struct follow *follow, uint64_t now_ns)
{
	enum hz_feed_state state = hz_feed_link_state(&follow->feed, now_ns);
	char at[HZ_ENDPOINT_TEXT_MAX], why[HZ_ENDPOINT_TEXT_MAX + 32];

	hz_endpoint_print(&follow->collector, at);
	if (state == HZ_FEED_LIVE && follow->feed.client.missed != follow->missed) {
		follow->missed = follow->feed.client.missed;
		if (follow->missed > 0) /* another connection begins with none */
			fprintf(stderr, "hzctl: %llu records came before it was told whose\n",
			        (unsigned long long)follow->missed);
	}
	if (state == HZ_FEED_SILENT) {
		snprintf(why, sizeof(why), "hz-collector at %s is silent", at);
		lost_tell(follow, why);
	} else if (state == HZ_FEED_LIVE && follow->is_lost) {
		follow->is_lost = false;
		fprintf(stderr, "hzctl: hz-collector at %s is back: nothing was told for %llu s\n",
		        at, (unsigned long long)((now_ns - follow->lost_ns) / HZ_NS_PER_S));
	}
}

static int feed_turn(struct follow *follow, bool is_ready)
{
	uint64_t now_ns = hz_clock_monotonic_ns();
	bool was_asked = follow->feed.client.is_asked;
	int status = hz_feed_link_turn(&follow->feed, is_ready, now_ns, follow->err);

	if (follow->status != 0)
		return follow->status;
	if (follow->left == 0)
		return 0;
	if (status == 0) {
		state_tell(follow, now_ns);
		return 0;
	}
	if ((follow->feed.was_live || status == -ETIMEDOUT) &&
	    hz_feed_link_is_passing(&follow->feed, status)) {
		lost_tell(follow, follow->err->why);
		return 0;
	}
	/* Without words about what to follow: the rest is better than nothing. */
	if (follow->kind != KIND_ALL || was_asked || follow->drops_fd < 0)
		return status;
	fprintf(stderr, "hzctl: %s; only dropped frames are followed\n", follow->err->why);
	follow->has_feed = false;
	return 0;
}

static int follow_run(struct follow *follow, struct hz_err *err)
{
	int status = 0, ready;

	while (status == 0 && follow->left > 0) {
		struct pollfd fds[] = {
			{ .fd = follow->signal_fd, .events = POLLIN },
			{ .fd = follow->feed.client.fd,
			  .events = hz_feed_client_events(&follow->feed.client) },
		};

		if (follow->drops_fd >= 0)
			status = follow_look(follow, err);
		if (status != 0 || follow->left == 0)
			break;
		ready = poll(fds, HZ_ARRAY_LEN(fds), LOOK_MS);
		if (ready <
		    0) /* stopped and continued: what came meanwhile is read before silence is judged */
			continue;
		if (fds[0].revents != 0)
			break;
		if (follow->has_feed)
			status = feed_turn(follow, fds[1].revents != 0);
	}
	return status;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int words_read(struct hz_words *words, struct follow *follow, struct hz_err *err)
{
	const char *from = HZ_FEED_CLIENT_DEFAULT;
	uint64_t slow_us = 0;
	int status = 0;

	while (status == 0 && hz_words_peek(words) != NULL) {
		if (hz_words_take(words, "kind"))
			status = hz_words_choice(words, "kind", kind_names,
			                         HZ_ARRAY_LEN(kind_names), &follow->kind, err);
		else if (hz_words_take(words, "slow")) {
			status = hz_words_number(words, "slow", 0, SLOW_US_MAX, &slow_us, err);
			if (status == 0 && follow->kind == KIND_ALL)
				follow->kind = KIND_SLOW;
		} else if (hz_words_take(words, "count"))
			status = hz_words_number(words, "count", 1, COUNT_MAX, &follow->left, err);
		else if (hz_words_take(words, "from")) {
			status = hz_words_value(words, "from", &from, err);
			follow->is_address_given = true;
		} else
			status = hz_words_unknown(words, "kind slow count from", err);
	}
	follow->slow_ns = slow_us * HZ_NS_PER_US;
	if (status == 0 && hz_endpoint_parse(from, &follow->collector) != 0)
		status = hz_err_set(err, -EINVAL, 2, "usage", "from " HZ_FEED_CLIENT_DEFAULT,
		                    "'%.60s' is no ADDR:PORT", from);
	return status;
}

/* What of it can be looked at. */
static int follow_open(struct follow *follow, struct hz_err *err)
{
	int status;

	if (follow->kind == KIND_ALL || follow->kind == KIND_DROP) {
		follow->drops_fd = hz_xdp_drops_open(follow->opts->instance, err);
		/* with boot/io=socket there are none, but slow answers there are */
		if (follow->drops_fd < 0 && follow->kind == KIND_DROP)
			return follow->drops_fd;
		follow->sample = calloc(HZ_SAMPLES_MAX, sizeof(*follow->sample));
		if (follow->sample == NULL)
			return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	}
	follow->has_feed = follow->kind != KIND_DROP;
	hz_feed_link_init(&follow->collector,
	                  hz_feed_link_instance(follow->opts->instance, follow->is_address_given),
	                  record_take, follow, &follow->feed);
	if (follow->has_feed) { /* at once, so that nothing is missed meanwhile */
		status = feed_turn(follow, false);
		if (status != 0)
			return status;
	}
	follow->signal_fd = signals_open();
	if (follow->signal_fd < 0)
		return hz_err_set(err, -errno, 1, "signals", "", "signalfd: %s", strerror(errno));
	return 0;
}

int hz_cmd_trace_follow(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct timespec wall = { 0 };
	uint64_t now_ns = hz_clock_monotonic_ns();
	struct follow follow = { .opts = opts,
		                 .kind = KIND_ALL,
		                 .left = UINT64_MAX,
		                 .seen = { .began_ns = now_ns },
		                 .drops_fd = -1,
		                 .signal_fd = -1,
		                 .feed = { .client = { .fd = -1 } },
		                 .err = err };
	int status = words_read(words, &follow, err);

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	follow.unix_offset_ns =
		(uint64_t)wall.tv_sec * HZ_NS_PER_S + (uint64_t)wall.tv_nsec - now_ns;
	if (status == 0)
		status = follow_open(&follow, err);
	if (status == 0)
		status = follow_run(&follow, err);
	hz_feed_link_close(&follow.feed);
	if (follow.signal_fd >= 0)
		close(follow.signal_fd);
	if (follow.drops_fd >= 0)
		close(follow.drops_fd);
	free(follow.sample);
	return status;
}
