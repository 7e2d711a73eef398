/* The histogram stream loses nothing when the ring is full, and the view says what user space computes
 * from the same buckets. */
#include "abi/hist_bucket.h"
#include "bpf_rig.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define HISTS 64 /* of the 512 that there are */

struct stream {
	struct bpf_object *object;
	struct hz_hist *latency; /* mapped */
	struct ring_buffer *ring;
	int flush_fd, stats_fd, latency_fd;
	/* what came out of the ring */
	uint64_t got[HISTS][HZ_HIST_BUCKETS];
	uint64_t got_sum[HISTS];
	uint64_t records;
	uint64_t next_sequence;
	const char *bad; /* first record that was not as it should be */
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	struct stream *stream = ctx;
	const struct hz_event_hist_delta *delta = data;
	uint32_t index;

	index = (uint32_t)delta->header.worker * HZ_STAGE_COUNT + delta->stage;
	if (bytes < offsetof(struct hz_event_hist_delta, pair) || delta->header.bytes != bytes ||
	    delta->header.kind != HZ_EVENT_HIST_DELTA || index >= HISTS || delta->pair_count == 0 ||
	    delta->pair_count > HZ_DELTA_PAIRS ||
	    bytes != offsetof(struct hz_event_hist_delta, pair) + delta->pair_count * 8u) {
		stream->bad = "a malformed record";
		return 0;
	}
	if (delta->header.sequence != stream->next_sequence)
		stream->bad = "a gap in the sequence";
	stream->next_sequence = delta->header.sequence + 1;
	stream->records++;
	stream->got_sum[index] += delta->sum_ns;
	for (uint32_t i = 0; i < delta->pair_count; i++) {
		if (delta->pair[i].bucket >= HZ_HIST_BUCKETS || delta->pair[i].gained == 0)
			stream->bad = "a malformed pair";
		else
			stream->got[index][delta->pair[i].bucket] += delta->pair[i].gained;
	}
	return 0;
}

static int stream_open(struct stream *stream, const char *object_path)
{
	struct bpf_program *prog;
	void *base;

	stream->object = bpf_object__open_file(object_path, NULL);
	if (stream->object == NULL || bpf_object__load(stream->object) != 0)
		return -errno;
	prog = bpf_object__find_program_by_name(stream->object, "prog_flush");
	if (prog == NULL)
		return -ENOENT;
	stream->flush_fd = bpf_program__fd(prog);
	stream->latency_fd = bpf_object__find_map_fd_by_name(stream->object, "latency");
	stream->stats_fd = bpf_object__find_map_fd_by_name(stream->object, "stream_stats");
	stream->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(stream->object, "events"),
	                                on_record, stream, NULL);
	base = mmap(NULL, sizeof(struct hz_hist) * HZ_HIST_ENTRIES, PROT_READ | PROT_WRITE,
	            MAP_SHARED, stream->latency_fd, 0);
	if (stream->ring == NULL || base == MAP_FAILED)
		return -errno;
	stream->latency = base;
	return 0;
}

static void stream_close(struct stream *stream)
{
	ring_buffer__free(stream->ring);
	if (stream->latency != NULL)
		munmap(stream->latency, sizeof(struct hz_hist) * HZ_HIST_ENTRIES);
	bpf_object__close(stream->object);
}

static int flush(struct stream *stream, uint32_t index, bool wakeup, struct hz_flush_ctx *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = out, .ctx_size_in = sizeof(*out));

	*out = (struct hz_flush_ctx){ .index = index, .wakeup = wakeup };
	return bpf_prog_test_run_opts(stream->flush_fd, &opts) == 0 ? (int)opts.retval : -errno;
}

/* A round over all; returns what was refused in it. */
static uint64_t flush_round(struct stream *stream, uint64_t *emitted)
{
	struct hz_flush_ctx ctx;
	uint64_t refused = 0;

	for (uint32_t i = 0; i < HISTS; i++) {
		if (flush(stream, i, i + 1 == HISTS, &ctx) != 0)
			stream->bad = "prog_flush failed";
		*emitted += ctx.emitted;
		refused += ctx.refused;
	}
	return refused;
}

static void record_random(struct stream *stream, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++) {
		uint64_t ns = (uint64_t)random() >> (unsigned)(random() % 31);

		hz_hist_record(&stream->latency[(uint32_t)random() % HISTS], ns << random() % 5);
	}
}

static const char *all_arrived(const struct stream *stream)
{
	if (stream->bad != NULL)
		return stream->bad;
	for (uint32_t i = 0; i < HISTS; i++) {
		if (memcmp(stream->got[i], stream->latency[i].bucket, sizeof(stream->got[i])) != 0)
			return "buckets differ from what was recorded";
		if (stream->got_sum[i] != stream->latency[i].sum_ns)
			return "sums differ from what was recorded";
	}
	return NULL;
}

static const char *nothing_recorded_sends_nothing(struct stream *stream)
{
	uint64_t emitted = 0;

	if (flush_round(stream, &emitted) != 0 || emitted != 0)
		return "a record about nothing";
	return ring_buffer__consume(stream->ring) == 0 ? NULL : "something came";
}

static const char *every_bucket_is_split(struct stream *stream)
{
	const uint64_t full = (HZ_HIST_BUCKETS + HZ_DELTA_PAIRS - 1) / HZ_DELTA_PAIRS;
	struct hz_flush_ctx ctx;

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++)
		hz_hist_record(&stream->latency[3], hz_hist_bucket_low(i));
	if (flush(stream, 3, true, &ctx) != 0 || ctx.emitted != full || ctx.refused != 0)
		return "not as many records as it takes";
	ring_buffer__consume(stream->ring);
	return all_arrived(stream);
}

/* Nobody reads while far more is recorded than the ring holds. */
static const char *full_ring_loses_nothing(struct stream *stream)
{
	uint64_t refused = 0, emitted = 0;
	struct hz_stream_stats stats;
	uint32_t zero = 0;

	for (int round = 0; round < 60; round++) {
		record_random(stream, 20000);
		refused += flush_round(stream, &emitted);
	}
	if (refused == 0)
		return "the ring never was full";
	for (int round = 0; round < 100; round++) {
		ring_buffer__consume(stream->ring);
		emitted = 0;
		if (flush_round(stream, &emitted) == 0 && emitted == 0)
			break;
	}
	if (bpf_map_lookup_elem(stream->stats_fd, &zero, &stats) != 0 ||
	    stats.records != stream->records || stats.refused < refused)
		return "stream_stats disagree";
	printf("# stream: %lu refusals, %lu records, %lu samples\n", (unsigned long)refused,
	       (unsigned long)stats.records, (unsigned long)stats.samples);
	return all_arrived(stream);
}

/* Records alone wake nobody, the last call of a round does, also when it has nothing to send. */
static const char *bell_wakes_reader(struct stream *stream)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = ring_buffer__epoll_fd(stream->ring);
	struct hz_flush_ctx ctx;

	ring_buffer__consume(stream->ring);
	while (epoll_wait(epoll_fd, &event, 1, 0) > 0)
		ring_buffer__consume(stream->ring);
	hz_hist_record(&stream->latency[1], 12345);
	if (flush(stream, 1, false, &ctx) != 0 || ctx.emitted != 1)
		return "nothing sent";
	if (epoll_wait(epoll_fd, &event, 1, 20) != 0)
		return "a record alone woke the reader";
	if (flush(stream, 2, true, &ctx) != 0 || ctx.emitted != 0)
		return "something was sent for an unchanged histogram";
	if (epoll_wait(epoll_fd, &event, 1, 1000) != 1)
		return "the bell was not heard";
	ring_buffer__consume(stream->ring);
	return all_arrived(stream);
}

static const char *bad_index_is_refused(struct stream *stream)
{
	struct hz_flush_ctx ctx;

	return flush(stream, HZ_HIST_ENTRIES, true, &ctx) == -EINVAL ? NULL : "it was taken";
}

/* --- the view -------------------------------------------------------------------------------------- */

/* The whole text; its length or -errno. *us: how long the kernel took. */
static ssize_t view_read(const struct stream *stream, char *out, size_t room, uint64_t *us)
{
	const char *const names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
	int pct_fd = bpf_object__find_map_fd_by_name(stream->object, "latency_pct");
	union bpf_iter_link_info over = { .map.map_fd = (uint32_t)pct_fd };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &over, .link_info_len = sizeof(over));
	struct bpf_program *prog = bpf_object__find_program_by_name(stream->object, "show_latency");
	struct bpf_link *link;
	uint64_t started;
	ssize_t got, len = 0;
	int fd;

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		struct hz_latency_pct pct = { 0 };

		snprintf(pct.stage, sizeof(pct.stage), "%s", names[stage]);
		bpf_map_update_elem(pct_fd, &stage, &pct, BPF_ANY);
	}
	link = bpf_program__attach_iter(prog, &opts);
	if (link == NULL)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	started = rig_now_ns();
	while (fd >= 0 && (got = read(fd, out + len, room - 1 - (size_t)len)) > 0)
		len += got;
	*us = (rig_now_ns() - started) / 1000;
	out[len] = '\0';
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return len;
}

static void merged(const struct stream *stream, uint32_t stage, struct hz_hist *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t worker = 0; worker < HZ_WORKERS_MAX; worker++)
		hz_hist_merge(out, &stream->latency[worker * HZ_STAGE_COUNT + stage]);
}

static const char *row_agrees(const char *text, const char *name, const struct hz_hist *hist)
{
	struct hz_latency_pct pct = { 0 };
	char want[256];

	hz_hist_pct(&pct, hist, 0, HZ_NS_PER_S);
	if (pct.count == 0)
		snprintf(want, sizeof(want), "\n%-10s            0         -", name);
	else
		snprintf(want, sizeof(want), "\n%-10s %12lu %9lu %9lu %9lu %9lu %9lu\n", name,
		         (unsigned long)pct.count, (unsigned long)pct.p50_ns,
		         (unsigned long)pct.p90_ns, (unsigned long)pct.p99_ns,
		         (unsigned long)pct.p999_ns, (unsigned long)pct.max_ns);
	return strstr(text, want) != NULL ? NULL : "a row is not what user space computes";
}

/* Octaves of total: they add up to its samples, and the fullest has the whole bar. */
static const char *picture_agrees(const char *text, uint64_t count)
{
	const char *line = strstr(text, "total latency, ns:\n");
	uint64_t sum = 0;
	size_t longest = 0;

	if (line == NULL)
		return "no picture";
	while ((line = strchr(line, '\n')) != NULL && *++line == '[') {
		uint64_t low, high, samples;
		const char *bar = strchr(line, '|');

		if (sscanf(line, "[%lu, %lu) %lu |", &low, &high, &samples) != 3 || bar == NULL ||
		    low >= high || samples == 0)
			return "a row of the picture";
		sum += samples;
		longest = HZ_MAX(longest, strspn(bar + 1, "#"));
	}
	if (sum != count)
		return "the picture does not add up";
	return longest == 40 ? NULL : "no full bar";
}

static const char *view_agrees(struct stream *stream, bool has_samples)
{
	static const char header[] = "stage          requests    p50_ns    p90_ns    p99_ns  "
				     "p99.9_ns    max_ns\n";
	const char *const names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
	const char *why = NULL;
	struct hz_hist hist;
	char text[16384];
	uint64_t us = 0;

	if (view_read(stream, text, sizeof(text), &us) <= 0)
		return "nothing to read";
	if (strncmp(text, header, strlen(header)) != 0)
		return "header line";
	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT && why == NULL; stage++) {
		merged(stream, stage, &hist);
		why = row_agrees(text, names[stage], &hist);
	}
	merged(stream, HZ_STAGE_TOTAL, &hist);
	if (why == NULL && has_samples)
		why = picture_agrees(text, hz_hist_count(&hist));
	if (why == NULL && !has_samples && strstr(text, "total latency") != NULL)
		why = "a picture of nothing";
	printf("# view: read in %lu us\n", (unsigned long)us);
	return why;
}

void stream_tests(struct tap *tap, const char *object_path)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int status = stream == NULL ? -ENOMEM : stream_open(stream, object_path);

	if (status != 0) {
		tap_fail(tap, "stream", "cannot load %s: %s", object_path, strerror(-status));
		free(stream);
		return;
	}
	srandom(7);
	tap_result(tap, "stream.nothing_recorded_sends_nothing",
	           nothing_recorded_sends_nothing(stream));
	tap_result(tap, "view.empty_agrees", view_agrees(stream, false));
	tap_result(tap, "stream.every_bucket_is_split", every_bucket_is_split(stream));
	tap_result(tap, "stream.full_ring_loses_nothing", full_ring_loses_nothing(stream));
	tap_result(tap, "stream.bell_wakes_reader", bell_wakes_reader(stream));
	tap_result(tap, "stream.bad_index_is_refused", bad_index_is_refused(stream));
	tap_result(tap, "view.agrees_with_user_space", view_agrees(stream, true));
	stream_close(stream);
	free(stream);
}
