/* Refusals seen by several CPUs: what wakes a reader of their first ones; a row that two of them share loses no count. */
#include "prog_shed.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define BURSTS 20
#define REPEAT 20000 /* SYNs of each CPU in a burst */
#define WOKEN  1000  /* ms */
#define ASLEEP 20

struct cpus {
	struct rig rig;
	struct hz_shed_row *row; /* mapped, HZ_WORKERS_MAX */
	size_t row_bytes;
	struct ring_buffer *ring;
	uint64_t flows; /* that records tell of */
	struct wire syn;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	struct cpus *cpus = ctx;
	const struct hz_event_shed *shed = data;

	if (bytes >= sizeof(*shed) && shed->header.kind == HZ_EVENT_SHED)
		cpus->flows += shed->count;
	return 0;
}

static int cpus_open(struct cpus *cpus, const char *object_path)
{
	const struct wire_spec spec = {
		.version = 4, .port = RIG_SITE_PORT, .source_port = 99, .flags = WIRE_SYN
	};
	int status = rig_open(&cpus->rig, object_path);

	if (status != 0)
		return status;
	wire_build(&cpus->syn, &spec);
	cpus->row_bytes = (sizeof(*cpus->row) * HZ_WORKERS_MAX + 4095) / 4096 * 4096;
	cpus->row = mmap(NULL, cpus->row_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	                 bpf_object__find_map_fd_by_name(cpus->rig.object, "shed_rows"), 0);
	if (cpus->row == MAP_FAILED)
		return -errno;
	cpus->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(cpus->rig.object, "events"),
	                              on_record, cpus, NULL);
	return cpus->ring == NULL ? -errno : 0;
}

static void cpus_close(struct cpus *cpus)
{
	ring_buffer__free(cpus->ring);
	if (cpus->row != NULL && cpus->row != MAP_FAILED)
		munmap(cpus->row, cpus->row_bytes);
	rig_close(&cpus->rig);
}

static void round_begin(struct cpus *cpus)
{
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		cpus->row[i].round++;
}

static uint64_t untold(const struct cpus *cpus)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		for (uint32_t j = 0; j < HZ_SHED_PLACES; j++)
			sum += cpus->row[i].place[j].count;
		for (uint32_t j = 0; j < HZ_SHED_REASONS; j++)
			sum += cpus->row[i].rest[j].count;
	}
	return sum;
}

static bool thread_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned)cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static bool is_woken(const struct cpus *cpus, int timeout_ms)
{
	struct epoll_event event;

	return epoll_wait(ring_buffer__epoll_fd(cpus->ring), &event, 1, timeout_ms) == 1;
}

/* All is read, and no waking is left over. */
static void reader_sleep(struct cpus *cpus)
{
	(void)ring_buffer__consume(cpus->ring);
	(void)is_woken(cpus, 0);
}

static const char *first_wakes_and_the_next_does_not(struct cpus *cpus)
{
	memset(cpus->row, 0, sizeof(*cpus->row) * HZ_WORKERS_MAX);
	prog_shed_set(&cpus->rig, prog_shed_all(1000), HZ_SHED_DROP);
	round_begin(cpus);
	reader_sleep(cpus);
	if (prog_shed_syn(&cpus->rig, 4, 99, 1) != HZ_REASON_shed_drop)
		return "not refused";
	if (!is_woken(cpus, WOKEN))
		return "not told at once";
	reader_sleep(cpus);
	cpus->flows = 0;
	if (prog_shed_syn(&cpus->rig, 6, 99, 1) != HZ_REASON_shed_drop)
		return "the other one is not refused";
	if (is_woken(cpus, ASLEEP))
		return "woken twice in a round";
	(void)ring_buffer__consume(cpus->ring);
	if (cpus->flows != 1)
		return "the other one has no record";
	round_begin(cpus);
	reader_sleep(cpus);
	prog_shed_set(&cpus->rig, prog_shed_all(1000), HZ_SHED_RESET);
	(void)prog_shed_syn(&cpus->rig, 4, 99, 1);
	return is_woken(cpus, WOKEN) ? NULL : "asleep in the next round";
}

static const char *one_waking_per_round(struct cpus *cpus)
{
	cpu_set_t before;
	const char *why;

	if (sched_getaffinity(0, sizeof(before), &before) != 0 || !thread_pin(sched_getcpu()))
		return "not to be pinned";
	why = first_wakes_and_the_next_does_not(cpus);
	(void)sched_setaffinity(0, sizeof(before), &before);
	return why;
}

struct flood {
	struct cpus *cpus;
	pthread_barrier_t *start;
	int cpu;
	int status;
};

static void *flood_run(void *ctx)
{
	struct flood *flood = ctx;
	const struct wire *syn = &flood->cpus->syn;

	flood->status = thread_pin(flood->cpu) ? 0 : -EINVAL;
	for (int i = 0; i < BURSTS; i++) { /* all of them: the other thread waits for this one */
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = syn->byte,
		            .data_size_in = (uint32_t)syn->len, .repeat = REPEAT);

		(void)pthread_barrier_wait(flood->start);
		flood->status |= bpf_prog_test_run_opts(flood->cpus->rig.prog_fd, &opts);
	}
	return NULL;
}

/* Both CPUs are refused the same SYN many times. has_rounds: the first one has a place for it, the other counts it
 * beside; else both do. */
static const char *sharing_loses_nothing(struct cpus *cpus, bool has_rounds)
{
	pthread_barrier_t start;
	struct flood flood[2] = { { cpus, &start, 0, 0 }, { cpus, &start, 1, 0 } };
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT], refused;
	pthread_t thread[2];

	memset(cpus->row, 0, sizeof(*cpus->row) * HZ_WORKERS_MAX);
	prog_shed_set(&cpus->rig, prog_shed_all(1000), HZ_SHED_DROP);
	if (has_rounds)
		round_begin(cpus);
	reader_sleep(cpus);
	cpus->flows = 0;
	rig_verdicts(&cpus->rig, before);
	if (pthread_barrier_init(&start, NULL, 2) != 0)
		abort();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, flood_run, &flood[i]) != 0)
			abort();
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	rig_verdicts(&cpus->rig, after);
	(void)ring_buffer__consume(cpus->ring);
	refused = after[HZ_REASON_shed_drop] - before[HZ_REASON_shed_drop];
	if (flood[0].status != 0 || flood[1].status != 0 || refused == 0)
		return "nothing is refused";
	if (has_rounds != (cpus->flows == 1))
		return "not the first one of the row's own CPU alone";
	return cpus->flows + untold(cpus) == refused ? NULL : "a flow is lost, or told twice";
}

static bool has_two_cpus(void)
{
	cpu_set_t may;

	return sched_getaffinity(0, sizeof(may), &may) == 0 && CPU_ISSET(0, &may) &&
	       CPU_ISSET(1, &may);
}

static void tests_run(struct tap *tap, struct cpus *cpus, bool is_one_row)
{
	if (!is_one_row) {
		tap_result(tap, "note.first_one_of_a_round_wakes_its_reader",
		           one_waking_per_round(cpus));
		return;
	}
	if (!has_two_cpus()) {
		tap_skip(tap, "note.shared_row", "needs CPUs 0 and 1");
		return;
	}
	tap_result(tap, "note.shared_row_keeps_its_places", sharing_loses_nothing(cpus, true));
	tap_result(tap, "note.shared_row_counts_all_that_has_no_place",
	           sharing_loses_nothing(cpus, false));
}

void note_cpu_tests(struct tap *tap, const char *object_path, bool is_one_row)
{
	struct cpus *cpus = calloc(1, sizeof(*cpus));
	int status = cpus == NULL ? -ENOMEM : cpus_open(cpus, object_path);

	if (status == 0)
		tests_run(tap, cpus, is_one_row);
	else
		tap_fail(tap, "note_cpus", "cannot load %s: %s", object_path, strerror(-status));
	if (cpus != NULL)
		cpus_close(cpus);
	free(cpus);
}
