/* The kernel's timer sends what all histograms gained when nobody runs prog_flush, and only
 * then; both at once count nothing twice and lose nothing; it ends with the last user of its
 * map. */
#include "bpf_rig.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CPUS 8 /* whose health is recorded here */

struct watch {
	struct bpf_object *object;
	struct ring_buffer *ring;
	struct hz_hist *latency; /* mapped */
	int flush_fd, watch_fd, stats_fd;
	uint64_t got[HZ_HIST_ENTRIES]; /* samples */
	uint64_t sum_ns;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	const struct hz_event_hist_delta *delta = data;
	struct watch *watch = ctx;
	uint32_t index = delta->header.worker * HZ_STAGE_COUNT + delta->stage;

	(void)bytes;
	for (uint32_t i = 0; i < delta->pair_count && i < HZ_DELTA_PAIRS; i++)
		watch->got[index % HZ_HIST_ENTRIES] += delta->pair[i].gained;
	watch->sum_ns += delta->sum_ns;
	return 0;
}

static int fd_of(const struct watch *watch, const char *program)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(watch->object, program);

	return prog == NULL ? -ENOENT : bpf_program__fd(prog);
}

static int watch_open(struct watch *watch, const char *object_path)
{
	void *base;

	watch->object = bpf_object__open_file(object_path, NULL);
	if (watch->object == NULL || bpf_object__load(watch->object) != 0)
		return -errno;
	watch->flush_fd = fd_of(watch, "prog_flush");
	watch->watch_fd = fd_of(watch, "prog_watch");
	watch->stats_fd = bpf_object__find_map_fd_by_name(watch->object, "stream_stats");
	watch->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(watch->object, "events"),
	                               on_record, watch, NULL);
	base = mmap(NULL, sizeof(struct hz_hist) * HZ_HIST_ENTRIES, PROT_READ | PROT_WRITE,
	            MAP_SHARED, bpf_object__find_map_fd_by_name(watch->object, "latency"), 0);
	if (watch->ring == NULL || base == MAP_FAILED)
		return -errno;
	watch->latency = base;
	return 0;
}

static void watch_close(struct watch *watch)
{
	ring_buffer__free(watch->ring);
	if (watch->latency != NULL)
		munmap(watch->latency, sizeof(struct hz_hist) * HZ_HIST_ENTRIES);
	bpf_object__close(watch->object);
}

static int watch_arm(const struct watch *watch, uint64_t interval_ns)
{
	struct hz_watch_ctx ctx = { .interval_ns = interval_ns };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	return bpf_prog_test_run_opts(watch->watch_fd, &opts) == 0 ? (int)opts.retval : -errno;
}

static int flush(const struct watch *watch, uint32_t index, struct hz_flush_ctx *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = out, .ctx_size_in = sizeof(*out));

	*out = (struct hz_flush_ctx){ .index = index };
	return bpf_prog_test_run_opts(watch->flush_fd, &opts) == 0 ? (int)opts.retval : -errno;
}

static struct hz_stream_stats stats_of(const struct watch *watch)
{
	struct hz_stream_stats stats = { 0 };
	uint32_t zero = 0;

	bpf_map_lookup_elem(watch->stats_fd, &zero, &stats);
	return stats;
}

static void record(const struct watch *watch, uint32_t cpu, uint32_t stage, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++)
		hz_hist_record(&watch->latency[cpu * HZ_STAGE_COUNT + stage],
		               1000 + (uint64_t)random() % 100000);
}

static uint64_t health_of_all(const struct watch *watch)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		sum += watch->got[cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH];
	return sum;
}

static uint64_t samples_of_all(const struct watch *watch)
{
	uint64_t sum = 0;

	for (uint32_t index = 0; index < HZ_HIST_ENTRIES; index++)
		sum += watch->got[index];
	return sum;
}

/* Reads until so many samples came, counted by count, or the time is over; how long it took. */
static uint64_t wait_samples(struct watch *watch, uint64_t (*count)(const struct watch *),
                             uint64_t samples, uint64_t timeout_ns)
{
	uint64_t started_ns = rig_now_ns();

	while (count(watch) < samples && rig_now_ns() - started_ns < timeout_ns) {
		usleep(5000);
		ring_buffer__consume(watch->ring);
	}
	return rig_now_ns() - started_ns;
}

static uint64_t wait_health(struct watch *watch, uint64_t samples, uint64_t timeout_ns)
{
	return wait_samples(watch, health_of_all, samples, timeout_ns);
}

/* Some have none. */
static uint32_t samples_at(uint32_t index)
{
	return index % 7 == 6 ? 0 : 1 + index % 97;
}

/* Before it is armed nothing comes; armed, what each worker and CPU gained in each stage, by 439
 * histograms in 55 interrupts or more, a millisecond apart. */
static const char *timer_sends_all_that_was_recorded(struct watch *watch)
{
	uint64_t took_ns, want = 0;

	for (uint32_t index = 0; index < HZ_HIST_ENTRIES; index++) {
		record(watch, index / HZ_STAGE_COUNT, index % HZ_STAGE_COUNT, samples_at(index));
		want += samples_at(index);
	}
	wait_samples(watch, samples_of_all, 1, 1300 * HZ_NS_PER_MS);
	if (samples_of_all(watch) != 0)
		return "sent by nobody";
	if (watch_arm(watch, 0) != 0)
		return "cannot be armed";
	took_ns = wait_samples(watch, samples_of_all, want, 10 * HZ_NS_PER_S);
	printf("# watch: %lu samples after %lu ms\n", (unsigned long)samples_of_all(watch),
	       (unsigned long)(took_ns / HZ_NS_PER_MS));
	for (uint32_t index = 0; index < HZ_HIST_ENTRIES; index++)
		if (watch->got[index] != samples_at(index))
			return "not what was recorded";
	if (took_ns < HZ_WATCH_MIN_NS)
		return "before a second was over";
	if (took_ns < HZ_WATCH_MIN_NS + 50 * HZ_NS_PER_MS)
		return "too much in one interrupt";
	return stats_of(watch).timer_rounds == 1 ? NULL : "that is one round";
}

/* A worker that is killed may have counted a sample of 0 ns, or one that it had no time to add
 * to the sum. */
static const char *sample_is_sent_though_its_sum_stands_still(struct watch *watch)
{
	const uint32_t index = 2 * HZ_STAGE_COUNT + HZ_STAGE_TOTAL;
	const uint64_t before = watch->got[index], sum_ns = watch->latency[index].sum_ns;

	hz_hist_record(&watch->latency[index], 0);
	hz_hist_bump(&watch->latency[index].bucket[700], 1);
	if (watch->latency[index].sum_ns != sum_ns)
		return "the sum moved";
	wait_samples(watch, samples_of_all, samples_of_all(watch) + 2, 10 * HZ_NS_PER_S);
	return watch->got[index] == before + 2 ? NULL : "left behind";
}

/* A sum is read when the buckets are through: what came meanwhile is ahead in it, and counted
 * with the next round. */
static const char *sample_is_sent_though_its_sum_went_ahead(struct watch *watch)
{
	const uint32_t index = 5 * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;
	const uint64_t before = watch->got[index];
	const uint64_t sum_ns = watch->latency[index].sum_ns, sent_ns = watch->sum_ns;

	hz_hist_record(&watch->latency[index], 1000);
	hz_hist_bump(&watch->latency[index].sum_ns, 3000);
	wait_samples(watch, samples_of_all, samples_of_all(watch) + 1, 10 * HZ_NS_PER_S);
	hz_hist_bump(&watch->latency[index].bucket[300], 1);
	wait_samples(watch, samples_of_all, samples_of_all(watch) + 1, 10 * HZ_NS_PER_S);
	if (watch->got[index] != before + 2)
		return "left behind";
	return watch->sum_ns - sent_ns == watch->latency[index].sum_ns - sum_ns
	               ? NULL
	               : "the sums do not agree";
}

/* It fires again by itself, and arming it again while it runs is fine. */
static const char *timer_goes_on(struct watch *watch)
{
	uint64_t before = health_of_all(watch);

	if (watch_arm(watch, HZ_NS_PER_S) != 0)
		return "cannot be armed twice";
	for (uint64_t turn = 1; turn <= 2; turn++) {
		record(watch, 3, HZ_STAGE_HEALTH, 10);
		wait_health(watch, before + turn * 10, 10 * HZ_NS_PER_S);
		if (health_of_all(watch) != before + turn * 10)
			return "it did not fire again";
	}
	return NULL;
}

/* As long as prog_flush runs, whatever it is asked for, the timer leaves everything to it. */
static const char *timer_rests_while_flush_runs(struct watch *watch)
{
	uint64_t rounds, before = health_of_all(watch), until_ns;
	struct hz_flush_ctx ctx;

	if (flush(watch, 0, &ctx) != 0)
		return "prog_flush failed";
	rounds = stats_of(watch).timer_rounds;
	record(watch, 2, HZ_STAGE_HEALTH, 7);
	for (until_ns = rig_now_ns() + 2500 * HZ_NS_PER_MS; rig_now_ns() < until_ns;) {
		flush(watch, 0, &ctx);
		usleep(50000);
	}
	ring_buffer__consume(watch->ring);
	if (stats_of(watch).timer_rounds != rounds || health_of_all(watch) != before)
		return "it did not rest";
	wait_health(watch, before + 7, 10 * HZ_NS_PER_S);
	return health_of_all(watch) == before + 7 ? NULL : "it did not take over again";
}

/* --- both at once ----------------------------------------------------------------------------------- */

struct racer {
	struct watch *watch;
	bool is_done;
	uint64_t flushes;
};

static void *flush_forever(void *ctx)
{
	struct racer *racer = ctx;
	struct hz_flush_ctx out;

	while (!__atomic_load_n(&racer->is_done, __ATOMIC_RELAXED)) {
		for (uint32_t cpu = 0; cpu < CPUS; cpu++)
			flush(racer->watch, cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH, &out);
		racer->flushes++;
	}
	return NULL;
}

/* Two threads flush the same histograms. */
static const char *turn_is_one_at_a_time(struct watch *watch)
{
	struct racer racer[2] = { { .watch = watch }, { .watch = watch } };
	const uint64_t before = health_of_all(watch), left = stats_of(watch).left;
	uint64_t recorded = 0;
	struct hz_flush_ctx ctx;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, flush_forever, &racer[i]) != 0)
			return "no thread";
	for (int turn = 0; turn < 3000; turn++) {
		record(watch, (uint32_t)turn % CPUS, HZ_STAGE_HEALTH, 20);
		recorded += 20;
		ring_buffer__consume(watch->ring);
		usleep(100);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&racer[i].is_done, true, __ATOMIC_RELAXED);
		pthread_join(thread[i], NULL);
	}
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		flush(watch, cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH, &ctx);
	ring_buffer__consume(watch->ring);
	printf("# watch: %lu and %lu rounds at once, %lu turns left to the other\n",
	       (unsigned long)racer[0].flushes, (unsigned long)racer[1].flushes,
	       (unsigned long)(stats_of(watch).left - left));
	return health_of_all(watch) == before + recorded ? NULL : "samples were lost or came twice";
}

/* A write from outside ends the timer, so it is armed again. */
static int turn_write(const struct watch *watch, uint32_t is_taken)
{
	int fd = bpf_object__find_map_fd_by_name(watch->object, "flush_turn");
	struct hz_flush_turn turn;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(fd, &zero, &turn) != 0)
		return -errno;
	turn.is_taken = is_taken;
	if (bpf_map_update_elem(fd, &zero, &turn, BPF_ANY) != 0)
		return -errno;
	return watch_arm(watch, 0);
}

/* Who holds the turn is never waited for: what was recorded stays for later. */
static const char *taken_turn_is_left(struct watch *watch)
{
	struct hz_stream_stats was, is;
	uint64_t before = health_of_all(watch);
	struct hz_flush_ctx ctx;

	if (turn_write(watch, 1) != 0)
		return "it cannot be taken";
	record(watch, 1, HZ_STAGE_HEALTH, 9);
	was = stats_of(watch);
	if (flush(watch, HZ_STAGE_COUNT + HZ_STAGE_HEALTH, &ctx) != 0 || ctx.emitted != 0)
		return "sent by prog_flush";
	wait_health(watch, before + 1, 2500 * HZ_NS_PER_MS);
	is = stats_of(watch);
	if (health_of_all(watch) != before || is.timer_rounds != was.timer_rounds)
		return "sent by the timer";
	if (is.left < was.left + 2)
		return "not counted for both";
	if (turn_write(watch, 0) != 0)
		return "it cannot be given back";
	wait_health(watch, before + 9, 10 * HZ_NS_PER_S);
	return health_of_all(watch) == before + 9 ? NULL : "not sent when it was free again";
}

/* --- the end ------------------------------------------------------------------------------------------ */

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 ? info.id : 0;
}

/* A timer holds its program: when that is gone, so is the timer. Closes the object. */
static const char *timer_ends_with_its_map(struct watch *watch)
{
	uint32_t id = id_of(watch->watch_fd);
	int fd = -1;

	if (id == 0 || watch_arm(watch, 0) != 0)
		return "cannot be armed";
	watch_close(watch);
	memset(watch, 0, sizeof(*watch));
	for (int turn = 0; turn < 500; turn++) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			return errno == ENOENT ? NULL : strerror(errno);
		close(fd);
		usleep(10000);
	}
	return "its program is still there";
}

void watch_tests(struct tap *tap, const char *object_path)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int status = watch == NULL ? -ENOMEM : watch_open(watch, object_path);

	if (status != 0) {
		tap_fail(tap, "watch", "cannot load %s: %s", object_path, strerror(-status));
		free(watch);
		return;
	}
	srandom(3);
	tap_result(tap, "watch.timer_sends_all_that_was_recorded",
	           timer_sends_all_that_was_recorded(watch));
	tap_result(tap, "watch.sample_is_sent_though_its_sum_stands_still",
	           sample_is_sent_though_its_sum_stands_still(watch));
	tap_result(tap, "watch.sample_is_sent_though_its_sum_went_ahead",
	           sample_is_sent_though_its_sum_went_ahead(watch));
	tap_result(tap, "watch.timer_goes_on", timer_goes_on(watch));
	tap_result(tap, "watch.timer_rests_while_flush_runs", timer_rests_while_flush_runs(watch));
	tap_result(tap, "watch.taken_turn_is_left", taken_turn_is_left(watch));
	tap_result(tap, "watch.turn_is_one_at_a_time", turn_is_one_at_a_time(watch));
	tap_result(tap, "watch.timer_ends_with_its_map", timer_ends_with_its_map(watch));
	free(watch);
}
