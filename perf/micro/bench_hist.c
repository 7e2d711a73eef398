/* What recording costs: one stage, all stages of a request, and the same with its route; beyond an empty loop
 * over the same times, which takes turns with them, round by round. The clock is not read.
 *   bench_hist [-n SAMPLES] [-r ROUNDS] [-o record|request|routed|empty: that alone, for callgrind] */
#include "core/clock.h"
#include "core/rng.h"
#include "telemetry/slot.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES      4096u /* kept in the cache, power of two */
#define STAGES     5u    /* of a request: queue, parse, route, handler, tx; and the total */
#define ROUNDS_MAX 1001u

#ifdef __clang__
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noinline, noclone))
#endif

struct bench {
	uint64_t ns[TIMES][STAGES];
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_route_hist routes[HZ_ROUTE_SLOTS];
	struct hz_worker worker;
	struct hz_slot slot;
};

/* Skewed as times are: most within two octaves, some far beyond. */
static void times_fill(struct bench *bench)
{
	static const uint64_t typical_ns[STAGES] = { 2000, 300, 250, 700, 200 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 1);
	for (uint32_t i = 0; i < TIMES; i++) {
		for (uint32_t k = 0; k < STAGES; k++) {
			uint64_t ns = typical_ns[k] / 2 + hz_rng_below(&rng, typical_ns[k]);

			bench->ns[i][k] = hz_rng_below(&rng, 100) == 0 ? 50 * ns : ns;
		}
	}
}

ALONE static void loop_empty(struct bench *bench, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++) {
		uint64_t ns = bench->ns[i % TIMES][3];

		__asm__ volatile("" : : "r"(ns) : "memory");
	}
}

ALONE static void loop_record(struct bench *bench, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++) {
		hz_slot_record(&bench->slot, HZ_STAGE_HANDLER, bench->ns[i % TIMES][3]);
		__asm__ volatile("" : : : "memory");
	}
}

static inline uint64_t request_record(struct bench *bench, const uint64_t ns[STAGES])
{
	static const enum hz_stage stage[STAGES] = { HZ_STAGE_QUEUE, HZ_STAGE_PARSE, HZ_STAGE_ROUTE,
		                                     HZ_STAGE_HANDLER, HZ_STAGE_TX };
	uint64_t total_ns = 0;

	for (uint32_t k = 0; k < STAGES; k++) {
		hz_slot_record(&bench->slot, stage[k], ns[k]);
		total_ns += ns[k];
	}
	hz_slot_record(&bench->slot, HZ_STAGE_TOTAL, total_ns);
	return total_ns;
}

ALONE static void loop_request(struct bench *bench, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++) {
		(void)request_record(bench, bench->ns[i % TIMES]);
		__asm__ volatile("" : : : "memory");
	}
}

ALONE static void loop_routed(struct bench *bench, uint32_t samples)
{
	for (uint32_t i = 0; i < samples; i++) {
		uint64_t total_ns = request_record(bench, bench->ns[i % TIMES]);

		hz_slot_record_route(&bench->slot, 1 + i % 4, 200, total_ns);
		__asm__ volatile("" : : : "memory");
	}
}

static const struct loop {
	const char *name;
	void (*run)(struct bench *bench, uint32_t samples);
	unsigned records; /* of a histogram */
} loops[] = {
	{ "empty", loop_empty, 1 },
	{ "record", loop_record, 1 },
	{ "request", loop_request, STAGES + 1 },
	{ "routed", loop_routed, STAGES + 2 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double timed(const struct loop *loop, struct bench *bench, uint32_t samples)
{
	uint64_t began_ns = hz_clock_monotonic_ns();

	loop->run(bench, samples);
	return (double)(hz_clock_monotonic_ns() - began_ns) / samples;
}

static void compare_all(struct bench *bench, uint32_t samples, uint32_t rounds)
{
	static double spent[HZ_ARRAY_LEN(loops)][ROUNDS_MAX];

	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < HZ_ARRAY_LEN(loops); i++)
			spent[i][round] = timed(&loops[i], bench, samples);
		for (uint32_t i = 1; i < HZ_ARRAY_LEN(loops); i++)
			spent[i][round] -= spent[0][round];
	}
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(loops); i++) {
		qsort(spent[i], rounds, sizeof(double), compare);
		printf("%-8s %6.2f ns, %5.2f each record (quartiles %.2f to %.2f)\n", loops[i].name,
		       spent[i][rounds / 2], spent[i][rounds / 2] / loops[i].records,
		       spent[i][rounds / 4], spent[i][rounds * 3 / 4]);
	}
}

int main(int argc, char **argv)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	uint32_t samples = 200000, rounds = 101;
	const char *only = NULL;
	int option;

	while ((option = getopt(argc, argv, "n:r:o:")) != -1) {
		if (option == 'n')
			samples = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			rounds = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'o')
			only = optarg;
		else
			return 2;
	}
	if (bench == NULL || samples == 0 || rounds == 0 || rounds > ROUNDS_MAX)
		return 2;
	bench->slot = (struct hz_slot){ .hist = bench->hist,
		                        .worker = &bench->worker,
		                        .routes = bench->routes };
	times_fill(bench);
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(loops) && only != NULL; i++) {
		if (strcmp(loops[i].name, only) == 0)
			loops[i].run(bench, samples);
	}
	if (only == NULL)
		compare_all(bench, samples, rounds);
	free(bench);
	return 0;
}
