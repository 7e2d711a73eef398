/* Other readers of the stream: each gets every record that goes into `events`, a full ring of theirs loses only its own
 * copies, and what is needed to tell a dead reader from a slow one is noted. */
#include "bpf_rig.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define RECORDS_MAX 20000
#define SMALL_RING  4096u

/* One reader: what came, as a sum over each record's bytes, by its number. */
struct reader {
	int ring_fd;
	struct ring_buffer *ring;
	uint32_t count, rising; /* records; those whose number is larger than the one before */
	uint64_t last, digest[RECORDS_MAX];
};

struct fan {
	struct bpf_object *object;
	int flush_fd, emit_fd, latency_fd, places_fd, stats_fd;
	struct reader events, copy;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	const struct hz_event *event = data;
	const uint8_t *byte = data;
	struct reader *reader = ctx;
	uint64_t digest = 14695981039346656037u;

	for (size_t i = 0; i < bytes; i++)
		digest = (digest ^ byte[i]) * 1099511628211u;
	reader->rising += reader->count == 0 || event->sequence > reader->last;
	reader->last = event->sequence;
	if (event->sequence < RECORDS_MAX)
		reader->digest[event->sequence] = digest;
	reader->count++;
	return 0;
}

static void reader_reset(struct reader *reader)
{
	reader->count = reader->rising = 0;
	memset(reader->digest, 0, sizeof(reader->digest));
}

static int map_fd(const struct fan *fan, const char *name)
{
	return bpf_object__find_map_fd_by_name(fan->object, name);
}

static int prog_fd(const struct fan *fan, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(fan->object, name);

	return prog == NULL ? -ENOENT : bpf_program__fd(prog);
}

static int reader_open(struct reader *reader, int ring_fd)
{
	reader->ring_fd = ring_fd;
	reader->ring = ring_fd < 0 ? NULL : ring_buffer__new(ring_fd, on_record, reader, NULL);
	return reader->ring == NULL ? -errno : 0;
}

static int ring_new(uint32_t bytes)
{
	return bpf_map_create(BPF_MAP_TYPE_RINGBUF, "subscriber", 0, 0, bytes, NULL);
}

static int fan_open(struct fan *fan, const char *object_path)
{
	int status;

	fan->object = bpf_object__open_file(object_path, NULL);
	if (fan->object == NULL || bpf_object__load(fan->object) != 0)
		return -errno;
	fan->flush_fd = prog_fd(fan, "prog_flush");
	fan->emit_fd = prog_fd(fan, "prog_emit");
	fan->latency_fd = map_fd(fan, "latency");
	fan->places_fd = map_fd(fan, "subscribers");
	fan->stats_fd = map_fd(fan, "subscriber_stats");
	status = reader_open(&fan->events, map_fd(fan, "events"));
	return status == 0 ? reader_open(&fan->copy, ring_new(1u << 20)) : status;
}

static void fan_close(struct fan *fan)
{
	ring_buffer__free(fan->events.ring);
	ring_buffer__free(fan->copy.ring);
	if (fan->copy.ring_fd > 0)
		close(fan->copy.ring_fd);
	bpf_object__close(fan->object);
}

static int place_put(const struct fan *fan, uint32_t place, int ring_fd)
{
	return bpf_map_update_elem(fan->places_fd, &place, &ring_fd, BPF_ANY);
}

static struct hz_subscriber place_stats(const struct fan *fan, uint32_t place)
{
	struct hz_subscriber stats = { 0 };

	bpf_map_lookup_elem(fan->stats_fd, &place, &stats);
	return stats;
}

static int emit(const struct fan *fan, bool wakeup)
{
	struct hz_emit_ctx ctx = { .wakeup = wakeup };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	ctx.record.header.kind = HZ_EVENT_STATE;
	ctx.record.header.bytes = sizeof(struct hz_event_state);
	if (bpf_prog_test_run_opts(fan->emit_fd, &opts) != 0 || opts.retval != 0)
		return -EINVAL;
	return ctx.refused ? -EAGAIN : 0;
}

/* What a histogram gained in `samples` random ones; the bell at the end. */
static int flush(const struct fan *fan, uint32_t index, uint32_t samples)
{
	struct hz_flush_ctx ctx = { .index = index, .wakeup = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	struct hz_hist hist;

	if (bpf_map_lookup_elem(fan->latency_fd, &index, &hist) != 0)
		return -errno;
	for (uint32_t i = 0; i < samples; i++)
		hz_hist_record(&hist, (uint64_t)random() >> random() % 31);
	if (bpf_map_update_elem(fan->latency_fd, &index, &hist, BPF_ANY) != 0)
		return -errno;
	return bpf_prog_test_run_opts(fan->flush_fd, &opts) == 0 ? (int)opts.retval : -errno;
}

/* Some of both kinds; everything is read between rounds. */
static int traffic(struct fan *fan, uint32_t rounds)
{
	int status = 0;

	for (uint32_t round = 0; round < rounds && status == 0; round++) {
		status = flush(fan, round % 8, 300);
		for (int i = 0; i < 5 && status == 0; i++)
			status = emit(fan, false);
		ring_buffer__consume(fan->events.ring);
		ring_buffer__consume(fan->copy.ring);
	}
	return status;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static const char *copies_are_whole_and_in_order(struct fan *fan)
{
	struct hz_subscriber stats;

	if (place_put(fan, 2, fan->copy.ring_fd) != 0 || traffic(fan, 200) != 0)
		return "no traffic";
	stats = place_stats(fan, 2);
	if (fan->events.count < 1000 || fan->copy.count != fan->events.count)
		return "not every record was copied";
	if (memcmp(fan->copy.digest, fan->events.digest, sizeof(fan->copy.digest)) != 0)
		return "a copy differs";
	if (fan->copy.rising != fan->copy.count)
		return "out of order";
	return stats.records == fan->copy.count && stats.lost == 0 && stats.full_ns == 0
	               ? NULL
	               : "counted otherwise";
}

/* A ring that nobody reads, before and behind one that is read. */
static const char *dead_reader_loses_only_its_own(struct fan *fan)
{
	const uint32_t dead[] = { 0, 3 };
	struct hz_subscriber before = place_stats(fan, 2), stats;
	int ring_fd[2];
	const char *why = NULL;

	reader_reset(&fan->events);
	reader_reset(&fan->copy);
	for (int i = 0; i < 2; i++) {
		ring_fd[i] = ring_new(SMALL_RING);
		if (ring_fd[i] < 0 || place_put(fan, dead[i], ring_fd[i]) != 0)
			return "no small ring";
	}
	if (traffic(fan, 200) != 0)
		why = "no traffic";
	if (why == NULL &&
	    (fan->events.count < 1000 || fan->copy.count != fan->events.count ||
	     memcmp(fan->copy.digest, fan->events.digest, sizeof(fan->copy.digest)) != 0))
		why = "others lost something by it";
	if (why == NULL && place_stats(fan, 2).lost != before.lost)
		why = "a loss was counted where there was none";
	for (int i = 0; i < 2; i++) {
		stats = place_stats(fan, dead[i]);
		if (why == NULL &&
		    (stats.lost == 0 || stats.full_ns == 0 || stats.lost_ns < stats.full_ns ||
		     stats.records + stats.lost != fan->events.count))
			why = "what it took and lost is not all that there was";
		bpf_map_delete_elem(fan->places_fd, &dead[i]);
		close(ring_fd[i]);
	}
	return why;
}

/* A reader that is soon full, in a place of its own; NULL: none. */
static struct reader *small_open(struct fan *fan, uint32_t place)
{
	struct reader *slow = calloc(1, sizeof(*slow));

	if (slow == NULL || reader_open(slow, ring_new(SMALL_RING)) != 0 ||
	    place_put(fan, place, slow->ring_fd) != 0)
		return NULL;
	return slow;
}

/* What the others did not read meanwhile is read, too. */
static void small_close(struct fan *fan, uint32_t place, struct reader *slow)
{
	ring_buffer__consume(fan->events.ring);
	ring_buffer__consume(fan->copy.ring);
	bpf_map_delete_elem(fan->places_fd, &place);
	ring_buffer__free(slow->ring);
	close(slow->ring_fd);
	free(slow);
}

/* As long as its reader moves, the time from which it counts as dead moves along. */
static const char *slow_reader_is_told_from_a_dead_one(struct fan *fan)
{
	struct hz_subscriber full, again, moved, fits;
	uint32_t place = 1;
	struct reader *slow = small_open(fan, place);
	const char *why = NULL;

	if (slow == NULL)
		return "no small ring";
	while (place_stats(fan, place).lost == 0)
		if (emit(fan, false) != 0)
			return "no traffic";
	full = place_stats(fan, place);
	emit(fan, false);
	again = place_stats(fan, place);
	if (again.lost != full.lost + 1 || again.full_ns != full.full_ns ||
	    again.lost_ns <= full.lost_ns)
		why = "a second loss makes it full anew";
	ring_buffer__consume(slow->ring);
	emit(fan, false);
	fits = place_stats(fan, place);
	if (why == NULL && (fits.full_ns != 0 || fits.records != again.records + 1))
		why = "it is full though it is read";
	while (place_stats(fan, place).lost == fits.lost)
		emit(fan, false);
	moved = place_stats(fan, place);
	if (why == NULL && (moved.full_ns <= full.full_ns || moved.position <= full.position))
		why = "its reader did not move";
	small_close(fan, place, slow);
	return why;
}

/* Nothing is sent: the bell alone tells a ring that nobody reads from one that is read. */
static const char *full_ring_is_judged_without_records(struct fan *fan)
{
	uint32_t place = 1;
	struct reader *slow = small_open(fan, place);
	struct hz_subscriber full, still, moved;
	const char *why = NULL;

	if (slow == NULL)
		return "no small ring";
	full = place_stats(fan, place);
	while (place_stats(fan, place).lost == full.lost)
		if (emit(fan, false) != 0)
			return "no traffic";
	full = place_stats(fan, place);
	if (flush(fan, 9, 0) != 0)
		return "no bell";
	still = place_stats(fan, place);
	if (still.lost != full.lost || still.full_ns != full.full_ns ||
	    still.lost_ns <= full.lost_ns)
		why = "not seen to stand still";
	ring_buffer__consume(slow->ring);
	if (why == NULL && flush(fan, 9, 0) != 0)
		why = "no second bell";
	moved = place_stats(fan, place);
	if (why == NULL && (moved.full_ns != 0 || moved.lost_ns != still.lost_ns))
		why = "full though its reader moved";
	small_close(fan, place, slow);
	return why;
}

/* What `events` refuses goes to nobody: a delta comes once, when it went out. */
static const char *nothing_goes_to_subscribers_alone(struct fan *fan)
{
	struct hz_subscriber before, after;
	int status = 0;

	ring_buffer__consume(fan->events.ring);
	for (uint32_t i = 0; status == 0 && i < 50000; i++) {
		status = emit(fan, false);
		ring_buffer__consume(fan->copy.ring);
	}
	before = place_stats(fan, 2);
	reader_reset(&fan->copy);
	if (status != -EAGAIN || emit(fan, true) != -EAGAIN)
		return "events never was full";
	ring_buffer__consume(fan->copy.ring);
	after = place_stats(fan, 2);
	ring_buffer__consume(fan->events.ring);
	return fan->copy.count == 0 && after.records == before.records && after.lost == before.lost
	               ? NULL
	               : "a copy of what was refused";
}

static const char *bell_and_wakeup_reach_subscribers(struct fan *fan)
{
	int epoll_fd = ring_buffer__epoll_fd(fan->copy.ring);
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, 0) > 0)
		ring_buffer__consume(fan->copy.ring);
	if (emit(fan, false) != 0 || epoll_wait(epoll_fd, &event, 1, 20) != 0)
		return "a record alone woke it";
	if (flush(fan, 9, 0) != 0 || epoll_wait(epoll_fd, &event, 1, 1000) != 1)
		return "the bell was not heard";
	ring_buffer__consume(fan->copy.ring);
	while (epoll_wait(epoll_fd, &event, 1, 0) > 0)
		ring_buffer__consume(fan->copy.ring);
	if (emit(fan, true) != 0 || epoll_wait(epoll_fd, &event, 1, 1000) != 1)
		return "not woken though it was asked";
	return NULL;
}

void subscriber_tests(struct tap *tap, const char *object_path)
{
	struct fan *fan = calloc(1, sizeof(*fan));
	int status = fan == NULL ? -ENOMEM : fan_open(fan, object_path);

	if (status != 0) {
		tap_fail(tap, "subscribers", "cannot load %s: %s", object_path, strerror(-status));
		free(fan);
		return;
	}
	srandom(5);
	tap_result(tap, "subscribers.copies_are_whole_and_in_order",
	           copies_are_whole_and_in_order(fan));
	tap_result(tap, "subscribers.dead_reader_loses_only_its_own",
	           dead_reader_loses_only_its_own(fan));
	tap_result(tap, "subscribers.slow_reader_is_told_from_a_dead_one",
	           slow_reader_is_told_from_a_dead_one(fan));
	tap_result(tap, "subscribers.full_ring_is_judged_without_records",
	           full_ring_is_judged_without_records(fan));
	tap_result(tap, "subscribers.nothing_goes_to_subscribers_alone",
	           nothing_goes_to_subscribers_alone(fan));
	tap_result(tap, "subscribers.bell_and_wakeup_reach_subscribers",
	           bell_and_wakeup_reach_subscribers(fan));
	fan_close(fan);
	free(fan);
}
