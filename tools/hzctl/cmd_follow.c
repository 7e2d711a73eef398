/* hzctl trace follow: frames that XDP dropped, as they are sampled. tcpdump does not see them. */
#include "commands.h"
#include "core/clock.h"
#include "frame_text.h"
#include "loader/xdp_drops.h"
#include "xdp_json.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS   200
#define COUNT_MAX 1000000

struct follow {
	const struct hz_opts *opts;
	struct hz_sample *sample; /* HZ_SAMPLES_MAX, owned */
	uint64_t seen_ns;         /* of the newest sample that was printed */
	uint64_t left;            /* samples to print; UINT64_MAX: until a signal */
	uint64_t unix_offset_ns;  /* wall clock minus the clock of the samples */
	int drops_fd, signal_fd;
};

static json_t *sample_json(const struct follow *follow, const struct hz_sample *sample)
{
	uint32_t bytes = HZ_MIN(sample->frame_bytes, (uint32_t)HZ_SAMPLE_BYTES);
	char text[HZ_FRAME_TEXT_MAX], data[2 * HZ_SAMPLE_BYTES + 1] = "";

	hz_frame_text(sample->data, bytes, text);
	for (uint32_t i = 0; i < bytes; i++)
		snprintf(data + (size_t)2 * i, 3, "%02x", sample->data[i]);
	return json_pack(
		"{s:s, s:I, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:s, s:s}", "kind", "drop",
		"time_unix_ns", (json_int_t)(sample->header.time_ns + follow->unix_offset_ns),
		"reason", hz_xdp_json_reason(sample->reason)->name, "help",
		hz_xdp_json_reason(sample->reason)->help, "cpu", (int)sample->header.worker,
		"frames", (json_int_t)sample->frames, "frame_bytes",
		(json_int_t)sample->frame_bytes, "ifindex", (json_int_t)sample->ifindex, "queue",
		(json_int_t)sample->queue, "headers", text, "data", data);
}

static void sample_text(FILE *to, const json_t *sample)
{
	uint64_t unix_ns = hz_out_u64(sample, "time_unix_ns");
	time_t seconds = (time_t)(unix_ns / HZ_NS_PER_S);
	char clock[16] = "";
	struct tm local;

	if (localtime_r(&seconds, &local) != NULL)
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	fprintf(to, "%s.%06llu drop %s: %s, %llu bytes", clock,
	        (unsigned long long)(unix_ns % HZ_NS_PER_S / 1000), hz_out_string(sample, "reason"),
	        hz_out_string(sample, "headers"),
	        (unsigned long long)hz_out_u64(sample, "frame_bytes"));
	if (hz_out_u64(sample, "frames") > 1)
		fprintf(to, ", and %llu more like it",
		        (unsigned long long)hz_out_u64(sample, "frames") - 1);
	fprintf(to, "  (%s)\n", hz_out_string(sample, "help"));
}

/* What is new since the last look. */
static int follow_look(struct follow *follow, struct hz_err *err)
{
	int count = hz_xdp_drops_read(follow->drops_fd, follow->sample), status = 0;

	if (count < 0)
		return hz_err_set(err, count, 1, "map", "hzctl doctor", "drops: %s",
		                  strerror(-count));
	for (int i = 0; i < count && follow->left > 0 && status == 0; i++) {
		if (follow->sample[i].header.time_ns <= follow->seen_ns)
			continue;
		follow->seen_ns = follow->sample[i].header.time_ns;
		if (follow->left != UINT64_MAX)
			follow->left--;
		status = hz_out_result(&follow->opts->out, sample_json(follow, &follow->sample[i]),
		                       sample_text, err);
	}
	return status;
}

static int follow_run(struct follow *follow, struct hz_err *err)
{
	struct pollfd signal = { .fd = follow->signal_fd, .events = POLLIN };
	int status = 0;

	while (status == 0 && follow->left > 0) {
		status = follow_look(follow, err);
		if (status == 0 && follow->left > 0 && poll(&signal, 1, LOOK_MS) > 0)
			break;
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

static int words_read(struct hz_words *words, uint64_t *count, struct hz_err *err)
{
	static const char *const kinds[] = { "drop" };
	uint32_t kind;
	int status = 0;

	while (status == 0 && hz_words_peek(words) != NULL) {
		if (hz_words_take(words, "kind"))
			status = hz_words_choice(words, "kind", kinds, HZ_ARRAY_LEN(kinds), &kind,
			                         err);
		else if (hz_words_take(words, "count"))
			status = hz_words_number(words, "count", 1, COUNT_MAX, count, err);
		else
			status = hz_words_unknown(words, "kind count", err);
	}
	return status;
}

int hz_cmd_trace_follow(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct timespec wall = { 0 };
	uint64_t now_ns = hz_clock_monotonic_ns();
	struct follow follow = {
		.opts = opts, .seen_ns = now_ns, .left = UINT64_MAX, .signal_fd = -1
	};
	int status = words_read(words, &follow.left, err);

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	follow.unix_offset_ns =
		(uint64_t)wall.tv_sec * HZ_NS_PER_S + (uint64_t)wall.tv_nsec - now_ns;

	if (status != 0)
		return status;
	follow.drops_fd = hz_xdp_drops_open(opts->instance, err);
	if (follow.drops_fd < 0)
		return follow.drops_fd;
	follow.sample = calloc(HZ_SAMPLES_MAX, sizeof(*follow.sample));
	follow.signal_fd = signals_open();
	if (follow.sample == NULL || follow.signal_fd < 0)
		status = hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	if (status == 0)
		status = follow_run(&follow, err);
	if (follow.signal_fd >= 0)
		close(follow.signal_fd);
	close(follow.drops_fd);
	free(follow.sample);
	return status;
}
