/* hzctl trace: the last frames of the workers, which no other tool on the host sees. start and stop ask hzd;
 * show and pcap read the file in its run directory. */
#include "commands.h"
#include "core/clock.h"
#include "ctl_client.h"
#include "figures.h"
#include "frame_text.h"
#include "pcapng.h"
#include "trace_view.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LAST_DEFAULT 20u
#define SETTLE_MS    1000u
#define LAST_MAX     (HZ_TRACE_SLOTS * HZ_WORKERS_MAX)

static const char *const directions[] = {
	[HZ_TRACE_RX] = "rx",
	[HZ_TRACE_TX] = "tx",
	[HZ_TRACE_RX_HANDED] = "rx",
	[HZ_TRACE_RX_TAKEN] = "rx",
};

static void switch_text(FILE *to, const json_t *result)
{
	const json_t *worker, *silent = json_object_get(result, "silent_workers");
	size_t i;

	json_array_foreach (silent, i, worker)
		fprintf(to, "worker %lld has not heard of it yet\n",
		        (long long)json_integer_value(worker));
	if (!json_is_true(json_object_get(result, "is_on"))) {
		fputs("off; what was traced stays for hzctl trace pcap FILE\n", to);
		return;
	}
	fprintf(to, "on: the last %llu frames of each of ",
	        (unsigned long long)hz_out_u64(result, "frames_per_worker"));
	hz_figures_many(to, hz_out_u64(result, "workers"), "worker");
	fputc('\n', to);
}

static json_t *silent_json(uint64_t silent)
{
	json_t *workers = json_array();

	for (int i = 0; i < HZ_WORKERS_MAX; i++) {
		if ((silent & (1ull << i)) != 0)
			json_array_append_new(workers, json_integer(i));
	}
	return workers;
}

/* hzd has told the workers; when this returns they have heard it. */
static int trace_switch(const struct hz_opts *opts, struct hz_words *words, const char *verb,
                        struct hz_err *err)
{
	json_t *request = json_pack("{s:s, s:s}", "cmd", "trace", "do", verb);
	json_t *result = NULL;
	uint64_t silent = 0;
	int status = hz_words_end(words, err);

	if (status == 0)
		status = hz_ctl_client_ask(opts->instance, request, &result, err);
	json_decref(request);
	if (status == 0)
		status = hz_trace_view_settle(opts->instance, strcmp(verb, "start") == 0, SETTLE_MS,
		                              &silent, err);
	if (status != 0) {
		json_decref(result);
		return status;
	}
	json_object_set_new(result, "silent_workers", silent_json(silent));
	status = hz_out_result(&opts->out, result, switch_text, err);
	return status == 0 && silent != 0 ? 6 : status;
}

int hz_cmd_trace_start(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return trace_switch(opts, words, "start", err);
}

int hz_cmd_trace_stop(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return trace_switch(opts, words, "stop", err);
}

static const char *iface_of(const struct hz_trace_view *view, const struct hz_trace_frame *frame)
{
	return view->head.ifname[frame->iface];
}

static json_t *frame_json(const struct hz_trace_view *view, const struct hz_trace_view_frame *at)
{
	char verdict[HZ_TRACE_VIEW_VERDICT_MAX], text[HZ_FRAME_TEXT_MAX];
	const struct hz_trace_frame *frame = at->frame;
	json_t *counters = json_array();

	hz_trace_view_verdict(frame, verdict);
	hz_frame_text(frame->data, frame->data_bytes, text);
	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
		if (hz_counter_set_has(&frame->moved, i))
			json_array_append_new(
				counters, json_string(hz_slot_counter_name((enum hz_counter)i)));
	}
	return json_pack("{s:I, s:i, s:s, s:s, s:I, s:s, s:o, s:s}", "time_unix_ns",
	                 (json_int_t)at->unix_ns, "worker", (int)at->worker, "interface",
	                 iface_of(view, frame), "direction", directions[frame->kind], "frame_bytes",
	                 (json_int_t)frame->frame_bytes, "verdict", verdict, "counters", counters,
	                 "headers", text);
}

static void show_text(FILE *to, const json_t *result)
{
	const json_t *frame, *frames = json_object_get(result, "frames");
	size_t i;

	json_array_foreach (frames, i, frame) {
		uint64_t unix_ns = hz_out_u64(frame, "time_unix_ns");
		time_t seconds = (time_t)(unix_ns / HZ_NS_PER_S);
		char clock[16] = "";
		struct tm local;

		if (localtime_r(&seconds, &local) != NULL)
			(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
		fprintf(to, "%s.%06llu w%llu %s %s %s, %s\n", clock,
		        (unsigned long long)(unix_ns % HZ_NS_PER_S / 1000),
		        (unsigned long long)hz_out_u64(frame, "worker"),
		        hz_out_string(frame, "interface"), hz_out_string(frame, "direction"),
		        hz_out_string(frame, "headers"), hz_out_string(frame, "verdict"));
	}
	fprintf(to, "trace %s: ", json_is_true(json_object_get(result, "is_on")) ? "on" : "off");
	hz_figures_many(to, hz_out_u64(result, "kept"), "frame");
	fputs(" kept\n", to);
}

int hz_cmd_trace_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	uint64_t last = LAST_DEFAULT;
	struct hz_trace_view view;
	json_t *frames;
	int status = 0;

	if (hz_words_take(words, "last"))
		status = hz_words_number(words, "last", 1, LAST_MAX, &last, err);
	if (status == 0 && hz_words_peek(words) != NULL)
		status = hz_words_unknown(words, "last", err);
	if (status == 0)
		status = hz_trace_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	frames = json_array();
	for (uint32_t i = view.count > last ? view.count - (uint32_t)last : 0; i < view.count; i++)
		json_array_append_new(frames, frame_json(&view, &view.frame[i]));
	status = hz_out_result(&opts->out,
	                       json_pack("{s:b, s:i, s:I, s:o}", "is_on", view.is_on, "workers",
	                                 (int)view.head.worker_count, "kept",
	                                 (json_int_t)view.count, "frames", frames),
	                       show_text, err);
	hz_trace_view_close(&view);
	return status;
}

/* Those that have a name or a frame. */
static unsigned ifaces_of(const struct hz_trace_view *view)
{
	unsigned count = 1;

	for (unsigned i = 0; i < HZ_TRACE_IFACES; i++) {
		if (view->head.ifname[i][0] != '\0')
			count = i + 1;
	}
	for (uint32_t i = 0; i < view->count; i++)
		count = HZ_MAX(count, view->frame[i].frame->iface + 1u);
	return count;
}

static void pcap_write(FILE *to, const struct hz_trace_view *view)
{
	char verdict[HZ_TRACE_VIEW_VERDICT_MAX], comment[HZ_TRACE_VIEW_VERDICT_MAX + 16];

	hz_pcapng_begin(to, "hzctl " HZ_VERSION);
	for (unsigned i = 0; i < ifaces_of(view); i++)
		hz_pcapng_interface(to, view->head.ifname[i]);
	for (uint32_t i = 0; i < view->count; i++) {
		const struct hz_trace_frame *frame = view->frame[i].frame;
		struct hz_pcapng_packet packet = {
			.iface = frame->iface,
			.unix_ns = view->frame[i].unix_ns,
			.data = frame->data,
			.data_bytes = frame->data_bytes,
			.frame_bytes = frame->frame_bytes,
			.is_outbound = frame->kind == HZ_TRACE_TX,
			.comment = comment,
		};

		hz_trace_view_verdict(frame, verdict);
		snprintf(comment, sizeof(comment), "worker %u: %s", view->frame[i].worker, verdict);
		hz_pcapng_packet(to, &packet);
	}
}

static void pcap_text(FILE *to, const json_t *result)
{
	hz_figures_many(to, hz_out_u64(result, "kept"), "frame");
	fprintf(to, " in %s\n", hz_out_string(result, "file"));
}

/* Frames hold what clients sent: the file is its owner's alone. */
static FILE *pcap_open(const char *path, struct hz_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *to = fd != -1 ? fdopen(fd, "w") : NULL;
	int error = errno;

	if (to != NULL)
		return to;
	if (fd != -1)
		close(fd);
	(void)hz_err_set(err, -error, 1, "file", "", "%s: %s", path, strerror(error));
	return NULL;
}

static int pcap_close(FILE *to, const char *path, struct hz_err *err)
{
	/* What an earlier write failed of is not known any more, unless the last fails as well. */
	int error = ferror(to) != 0 ? EIO : 0;

	if ((to == stdout ? fflush(to) : fclose(to)) != 0)
		error = errno;
	if (error != 0)
		return hz_err_set(err, -EIO, 1, "file", "df -h", "%s: %s", path, strerror(error));
	return 0;
}

int hz_cmd_trace_pcap(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_trace_view view;
	const char *path = "";
	int status = hz_words_value(words, "pcap", &path, err);
	bool is_stdout = strcmp(path, "-") == 0;
	FILE *to = stdout;

	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0 && is_stdout && isatty(STDOUT_FILENO))
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl trace pcap - | tcpdump -nr -",
		                    "a terminal cannot show a pcap file");
	if (status == 0)
		status = hz_trace_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	if (!is_stdout)
		to = pcap_open(path, err);
	if (to != NULL) {
		pcap_write(to, &view);
		status = pcap_close(to, path, err);
	}
	hz_trace_view_close(&view);
	if (to == NULL || status != 0)
		return -EIO;
	if (is_stdout)
		return 0;
	return hz_out_result(&opts->out,
	                     json_pack("{s:s, s:I}", "file", path, "kept", (json_int_t)view.count),
	                     pcap_text, err);
}
