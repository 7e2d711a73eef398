/* Records of user space's own go into the ring of events by the pinned program, from several threads at once, and what
 * a full ring loses is counted. Routes: what hzd stores there, readers find. */
#include "attach_world.h"
#include "core/base.h"
#include "loader/xdp_maps.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define TOLD         1 /* records of the attachment itself */
#define THREADS      3
#define THREAD_EMITS 3000

struct listener {
	struct hz_xdp_maps maps;
	struct ring_buffer *ring;
	uint32_t count;
	uint64_t seen[THREADS * THREAD_EMITS]; /* sequences, in the order in which they came */
	size_t bytes;                          /* of the last record */
	uint8_t last[HZ_EMIT_BYTES_MAX];
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	struct listener *listener = ctx;
	const struct hz_event *event = data;

	listener->bytes = bytes;
	memcpy(listener->last, data, HZ_MIN(bytes, sizeof(listener->last)));
	if (listener->count < HZ_ARRAY_LEN(listener->seen))
		listener->seen[listener->count] = event->sequence;
	listener->count++;
	return 0;
}

static const char *with_listener(const char *(*run)(struct listener *listener))
{
	struct listener *listener = calloc(1, sizeof(*listener));
	const char *why = "cannot listen";
	struct hz_err err;
	int fd;

	if (listener == NULL || world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_maps_open(WORLD_INSTANCE, true, &listener->maps, &err) != 0) {
		free(listener);
		return "attach failed";
	}
	fd = world_open("events");
	listener->ring = fd < 0 ? NULL : ring_buffer__new(fd, on_record, listener, NULL);
	if (listener->ring != NULL && ring_buffer__consume(listener->ring) == TOLD) {
		listener->count = 0;
		why = run(listener);
	}
	ring_buffer__free(listener->ring);
	if (fd >= 0)
		close(fd);
	hz_xdp_maps_close(&listener->maps);
	free(listener);
	return why;
}

static struct hz_event_slow slow_make(void)
{
	struct hz_event_slow slow = {
		.header = { .kind = HZ_EVENT_SLOW, .worker = 7, .bytes = sizeof(slow) },
		.connection = 0x1234567890,
		.route = 3,
		.status = 503,
		.method = "GET",
		.path = "/slow",
	};

	slow.stage_ns[HZ_STAGE_HANDLER] = 5000000;
	slow.header.sequence = 99; /* the kernel knows better */
	return slow;
}

static int stats_read(const struct listener *listener, struct hz_stream_stats *out)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(listener->maps.stream_stats_fd, &zero, out);
}

static const char *arrives_whole(struct listener *listener)
{
	struct hz_event_slow slow = slow_make(), got;
	struct hz_stream_stats stats;

	if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false) != 0 ||
	    ring_buffer__consume(listener->ring) != 1 || listener->bytes != sizeof(slow))
		return "not one record of this length";
	memcpy(&got, listener->last, sizeof(got));
	if (got.header.time_ns == 0 || got.header.sequence != TOLD)
		return "no time, or a wrong number";
	slow.header.time_ns = got.header.time_ns;
	slow.header.sequence = TOLD;
	if (memcmp(&slow, &got, sizeof(got)) != 0)
		return "something else came";
	slow.header.time_ns = 42;
	if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false) != 0 ||
	    ring_buffer__consume(listener->ring) != 1)
		return "not the second";
	memcpy(&got, listener->last, sizeof(got));
	if (got.header.time_ns != 42 || got.header.sequence != TOLD + 1)
		return "its time was exchanged, or no number counted on";
	return stats_read(listener, &stats) == 0 && stats.records == TOLD + 2 &&
	                       stats.slow_lost == 0
	               ? NULL
	               : "counted otherwise";
}

static const char *emit_arrives_as_it_is(void)
{
	return with_listener(arrives_whole);
}

static const char *refuses_others(struct listener *listener)
{
	static const uint16_t bad_kinds[] = { 0, HZ_EVENT_HIST_DELTA, HZ_EVENT_STATE + 1, 0xffff };
	struct hz_event_slow slow = slow_make();
	uint8_t room[HZ_EMIT_BYTES_MAX + 8] = { 0 };
	struct hz_event short_one = { .kind = HZ_EVENT_STATE, .bytes = sizeof(short_one) - 1 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad_kinds); i++) {
		slow.header.kind = bad_kinds[i];
		if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), true) != -EINVAL)
			return "of a kind that is none of ours to send";
	}
	slow = slow_make();
	if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow) - 8, true) != -EINVAL)
		return "of another length than it says";
	if (hz_xdp_emit(&listener->maps, &short_one, short_one.bytes, true) != -EINVAL)
		return "shorter than its header";
	slow.header.bytes = sizeof(room);
	memcpy(room, &slow, sizeof(slow));
	if (hz_xdp_emit(&listener->maps, room, sizeof(room), true) != -EINVAL)
		return "longer than there is room";
	return ring_buffer__consume(listener->ring) == 0 ? NULL : "something came";
}

static const char *emit_refuses_what_is_no_record(void)
{
	return with_listener(refuses_others);
}

/* The kernel looks itself: who may run the program need not come by our library. */
static const char *program_refuses(struct listener *listener)
{
	struct hz_emit_ctx ctx = { .wakeup = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	static const uint32_t bad_bytes[] = { 0, sizeof(struct hz_event) - 1, HZ_EMIT_BYTES_MAX + 1,
		                              0xffffffff };

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad_bytes); i++) {
		ctx.record.header.kind = HZ_EVENT_STATE;
		ctx.record.header.bytes = bad_bytes[i];
		if (bpf_prog_test_run_opts(listener->maps.emit_prog_fd, &opts) != 0 ||
		    (int)opts.retval != -EINVAL)
			return "taken";
	}
	ctx.record.header.bytes = HZ_EMIT_BYTES_MAX;
	if (bpf_prog_test_run_opts(listener->maps.emit_prog_fd, &opts) != 0 || opts.retval != 0)
		return "the longest one was refused";
	return ring_buffer__consume(listener->ring) == 1 && listener->bytes == HZ_EMIT_BYTES_MAX
	               ? NULL
	               : "the longest one did not come";
}

static const char *emit_program_checks_lengths(void)
{
	return with_listener(program_refuses);
}

static const char *loss_counts(struct listener *listener)
{
	static const struct {
		uint16_t kind;
		size_t offset;
		uint32_t count;
	} lost[] = { { HZ_EVENT_SLOW, offsetof(struct hz_stream_stats, slow_lost), 5 },
		     { HZ_EVENT_SHED, offsetof(struct hz_stream_stats, shed_lost), 3 },
		     { HZ_EVENT_DROP, offsetof(struct hz_stream_stats, drop_lost), 2 },
		     { HZ_EVENT_STATE, offsetof(struct hz_stream_stats, state_lost), 7 } };
	struct hz_event_slow slow = slow_make();
	struct hz_stream_stats stats, want = { .records = TOLD };
	int status = 0;

	for (; status == 0 && want.records < 100000; want.records += status == 0)
		status = hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false);
	if (status != -EAGAIN)
		return "the ring never was full";
	want.slow_lost = 1;
	for (size_t i = 0; i < HZ_ARRAY_LEN(lost); i++) {
		slow.header.kind = lost[i].kind;
		for (uint32_t turn = 0; turn < lost[i].count; turn++)
			if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), true) != -EAGAIN)
				return "taken by a full ring";
		if (hz_xdp_emit_kept(&listener->maps, &slow, sizeof(slow), true) != -EAGAIN)
			return "kept, and taken by a full ring"; /* and not counted */
		*(__u64 *)((char *)&want + lost[i].offset) += lost[i].count;
	}
	if (stats_read(listener, &stats) != 0 || memcmp(&stats, &want, sizeof(stats)) != 0)
		return "counted otherwise";
	if (ring_buffer__consume(listener->ring) != (int)want.records - TOLD)
		return "what went in did not come out";
	return hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false) == 0
	               ? NULL
	               : "still refused with an empty ring";
}

static const char *emit_counts_what_a_full_ring_loses(void)
{
	return with_listener(loss_counts);
}

static const char *wakes(struct listener *listener)
{
	struct hz_event_slow slow = slow_make();
	struct epoll_event event;
	int epoll_fd = ring_buffer__epoll_fd(listener->ring);

	(void)epoll_wait(epoll_fd, &event, 1, 0); /* it was woken for the attachment */
	if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false) != 0 ||
	    epoll_wait(epoll_fd, &event, 1, 20) != 0)
		return "woken unasked";
	if (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), true) != 0 ||
	    epoll_wait(epoll_fd, &event, 1, 1000) != 1)
		return "not woken";
	return NULL;
}

static const char *emit_wakes_only_when_asked(void)
{
	return with_listener(wakes);
}

/* --- several at once ------------------------------------------------------------------------------- */

static void *emit_many(void *ctx)
{
	const struct listener *listener = ctx;
	struct hz_event_slow slow = slow_make();
	intptr_t failed = 0;

	for (int i = 0; i < THREAD_EMITS; i++)
		while (hz_xdp_emit(&listener->maps, &slow, sizeof(slow), false) == -EAGAIN &&
		       failed < 1000000)
			failed++;
	return (void *)failed; /* NOLINT(performance-no-int-to-ptr) */
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const char *numbers_rise(struct listener *listener)
{
	const uint32_t want = THREADS * THREAD_EMITS;
	pthread_t thread[THREADS];
	struct hz_stream_stats stats;
	uint64_t failed = 0;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, emit_many, listener) != 0)
			return "no thread";
	for (int turn = 0; listener->count < want && turn < 50000; turn++)
		if (ring_buffer__consume(listener->ring) == 0)
			usleep(200);
	for (int i = 0; i < THREADS; i++) {
		void *one;

		pthread_join(thread[i], &one);
		failed += (uint64_t)(intptr_t)one;
	}
	qsort(listener->seen, want, sizeof(listener->seen[0]), by_number);
	for (uint32_t i = 0; i < want; i++)
		if (listener->seen[i] != TOLD + i)
			return "a number is missing or came twice";
	if (stats_read(listener, &stats) != 0 || stats.records != TOLD + want ||
	    stats.slow_lost != failed)
		return "counted otherwise";
	return NULL;
}

static const char *emit_from_threads_numbers_each_once(void)
{
	return with_listener(numbers_rise);
}

/* --- routes ---------------------------------------------------------------------------------------- */

static const char *routes_are_seen(struct listener *listener)
{
	struct hz_xdp_maps *maps = &listener->maps, reader;
	uint32_t last = maps->route_workers * HZ_ROUTE_SLOTS - 1, slot = HZ_ROUTE_SLOTS - 1;
	struct hz_route_hist hist;
	struct hz_route_name name;
	struct hz_err err;
	int status;

	if (maps->route_workers < HZ_ROUTE_WORKERS_MIN || maps->route_workers > HZ_WORKERS_MAX ||
	    maps->route_workers < (uint32_t)HZ_MIN(libbpf_num_possible_cpus(), HZ_WORKERS_MAX))
		return "room for too few workers";
	maps->route_latency[last].bucket[HZ_ROUTE_BUCKETS - 1] = 77;
	memcpy(maps->route_names[slot].name, "checkout", sizeof("checkout"));
	if (hz_xdp_maps_open(WORLD_INSTANCE, false, &reader, &err) != 0)
		return "a reader cannot open them";
	status = bpf_map_lookup_elem(reader.route_latency_fd, &last, &hist);
	status = status != 0 ? status : bpf_map_lookup_elem(reader.route_names_fd, &slot, &name);
	last = reader.route_workers;
	hz_xdp_maps_close(&reader);
	if (status != 0 || hist.bucket[HZ_ROUTE_BUCKETS - 1] != 77 ||
	    strcmp(name.name, "checkout") != 0)
		return "not what was stored";
	return last == maps->route_workers ? NULL : "a reader knows another number of workers";
}

static const char *routes_pass_to_readers(void)
{
	return with_listener(routes_are_seen);
}

const struct world_test attach_emit_tests[] = {
	{ "emit.arrives_as_it_is", emit_arrives_as_it_is },
	{ "emit.refuses_what_is_no_record", emit_refuses_what_is_no_record },
	{ "emit.program_checks_lengths", emit_program_checks_lengths },
	{ "emit.counts_what_a_full_ring_loses", emit_counts_what_a_full_ring_loses },
	{ "emit.wakes_only_when_asked", emit_wakes_only_when_asked },
	{ "emit.from_threads_numbers_each_once", emit_from_threads_numbers_each_once },
	{ "routes.pass_to_readers", routes_pass_to_readers },
	{ NULL, NULL },
};
