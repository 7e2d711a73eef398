/* The kernel's timer sends what health answers gained when nobody runs prog_flush, and only then; both at once count
 * nothing twice and lose nothing; it ends with the last user of its map. */
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
	uint64_t got[CPUS], others; /* samples of health by CPU; of other stages */
	uint64_t sum_ns;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	const struct hz_event_hist_delta *delta = data;
	struct watch *watch = ctx;
	uint64_t samples = 0;

	(void)bytes;
	for (uint32_t i = 0; i < delta->pair_count && i < HZ_DELTA_PAIRS; i++)
		samples += delta->pair[i].gained;
	if (delta->stage == HZ_STAGE_HEALTH && delta->header.worker < CPUS)
		watch->got[delta->header.worker] += samples;
	else
		watch->others += samples;
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
		sum += watch->got[cpu];
	return sum;
}

/* Reads until so many samples of health came or the time is over; how long it took. */
static uint64_t wait_health(struct watch *watch, uint64_t samples, uint64_t timeout_ns)
{
	uint64_t started_ns = rig_now_ns();

	while (health_of_all(watch) < samples && rig_now_ns() - started_ns < timeout_ns) {
		usleep(5000);
		ring_buffer__consume(watch->ring);
	}
	return rig_now_ns() - started_ns;
}

/* Before it is armed nothing comes; armed, what each CPU gained, and of other stages nothing. */
static const char *timer_sends_health_of_each_cpu(struct watch *watch)
{
	uint64_t took_ns;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		record(watch, cpu, HZ_STAGE_HEALTH, 100 + cpu);
	record(watch, 0, HZ_STAGE_TOTAL, 50);
	wait_health(watch, 1, 1300 * HZ_NS_PER_MS);
	if (health_of_all(watch) != 0)
		return "sent by nobody";
	if (watch_arm(watch, 0) != 0)
		return "cannot be armed";
	took_ns = wait_health(watch, 828, 10 * HZ_NS_PER_S);
	printf("# watch: %lu samples after %lu ms\n", (unsigned long)health_of_all(watch),
	       (unsigned long)(took_ns / HZ_NS_PER_MS));
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		if (watch->got[cpu] != 100 + cpu)
			return "not what a CPU recorded";
	if (took_ns < HZ_WATCH_MIN_NS * 9 / 10)
		return "before a second was over";
	return watch->others == 0 && stats_of(watch).timer_rounds >= 1 ? NULL : "of other stages";
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
static int turn_write(const struct watch *watch, uint64_t is_taken)
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
	tap_result(tap, "watch.timer_sends_health_of_each_cpu",
	           timer_sends_health_of_each_cpu(watch));
	tap_result(tap, "watch.timer_goes_on", timer_goes_on(watch));
	tap_result(tap, "watch.timer_rests_while_flush_runs", timer_rests_while_flush_runs(watch));
	tap_result(tap, "watch.taken_turn_is_left", taken_turn_is_left(watch));
	tap_result(tap, "watch.turn_is_one_at_a_time", turn_is_one_at_a_time(watch));
	tap_result(tap, "watch.timer_ends_with_its_map", timer_ends_with_its_map(watch));
	free(watch);
}
