#include "server/seats.h"
#include "middleware/jwt_worker.h"
#include "middleware/rate_table.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Worker i's CPU: from boot/cpus, else the last cores first, so that core 0 keeps housekeeping and
 * interrupts. A machine with one core shares it. */
static int seat_cpu(const struct hz_tune *tune, uint32_t index)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (tune->cpu_count > 0)
		return tune->cpu[index % tune->cpu_count];
	if (online < 1)
		return -1;
	return (int)(online - 1 - (long)index % online);
}

/* A slot outlives its worker: counters go on, gauges of a dead one are cleared. */
static void slot_adopt(const struct hz_slot *slot, uint64_t now_ns)
{
	memset(slot->conns, 0, sizeof(*slot->conns));
	slot->worker->connections = 0;
	slot->worker->started_ns = now_ns;
	slot->worker->started_busy_ns = slot->worker->busy_ns;
	slot->worker->state = HZ_STATE_STARTING;
	*slot->beat = (struct hz_beat){ .state = HZ_STATE_STARTING, .pid = (uint32_t)getpid() };
}

static int slow_open(struct hz_seat *seat, const struct hz_slow_conf *conf)
{
	if (conf == NULL)
		return 0;
	seat->slow = aligned_alloc(_Alignof(struct hz_slow_ring), sizeof(*seat->slow));
	if (seat->slow == NULL)
		return -ENOMEM;
	hz_slow_ring_init(seat->slow, conf);
	return 0;
}

static int seat_open(struct hz_seats *seats, uint32_t index, const struct hz_seats_conf *conf,
                     const struct hz_clock *clock)
{
	struct hz_seat *seat = &seats->seat[index];
	uint64_t seed;
	int err;

	err = hz_rng_secret(&seed, sizeof(seed));
	if (err == 0)
		err = slow_open(seat, conf->slow);
	if (err != 0)
		return err;
	seat->clock = *clock;
	seat->env.clock = &seat->clock;
	seat->env.now_ns = hz_clock_monotonic_ns();
	seat->env.unix_s = (uint64_t)time(NULL);
	seat->env.worker_index = index;
	hz_rng_seed(&seat->env.rng, seed);
	seat->slot = (struct hz_slot){
		.hist = &conf->latency[(size_t)index * HZ_STAGE_COUNT],
		.beat = &conf->beat[index],
		.worker = &conf->worker[index],
		.conns = &conf->conns[index],
		.routes = index < conf->route_workers
		                  ? &conf->routes[(size_t)index * HZ_ROUTE_SLOTS]
		                  : NULL,
	};
	slot_adopt(&seat->slot, seat->env.now_ns);
	seats->conf[index] = (struct hz_worker_conf){
		.env = &seat->env,
		.slot = &seat->slot,
		.proto = &hz_h1_proto_ops,
		.census = &seat->census,
		.overload = conf->overload,
		.cpu = seat_cpu(conf->tune, index),
	};
	struct hz_http_worker_conf http = {
		.env = &seat->env,
		.slot = &seat->slot,
		.ops = conf->ops,
		.app = conf->app,
		.connections_max = conf->tune->boot_connections_max / conf->count,
		.slow = seat->slow,
	};
	err = hz_conn_census_open(&seat->census);
	if (err == 0)
		err = hz_http_worker_open(&http, &seat->http);
	seats->conf[index].proto_ctx = seat->http;
	conf->app->worker[index] = (struct hz_mw_worker){
		.env = &seat->env,
		.http = seat->http,
		.jobs = conf->app->jobs,
		.slot = &seat->slot,
		.rate = seats->rate,
	};
	if (err == 0)
		err = hz_jwt_worker_open(&conf->app->worker[index], &seat->jwt);
	conf->app->worker[index].jwt = seat->jwt;
	return err;
}

int hz_seats_open(struct hz_seats *seats, const struct hz_seats_conf *conf, struct hz_err *err)
{
	struct hz_clock clock;
	int status;

	seats->seat = aligned_alloc(_Alignof(struct hz_seat), conf->count * sizeof(*seats->seat));
	if (seats->seat == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "",
		                  "Cannot allocate memory for workers");
	memset(seats->seat, 0, conf->count * sizeof(*seats->seat));
	seats->count = conf->count;
	for (uint32_t i = conf->count; i < HZ_WORKERS_MAX; i++) /* of a run with more workers */
		if (conf->beat[i].state != HZ_STATE_NONE)
			conf->beat[i].state = conf->worker[i].state = HZ_STATE_DOWN;
	status = hz_rate_table_open(HZ_LIMIT_rate_sets, &seats->rate);
	if (status == 0)
		status = hz_clock_open(&clock);
	for (uint32_t i = 0; i < conf->count && status == 0; i++)
		status = seat_open(seats, i, conf, &clock);
	if (status != 0) {
		hz_seats_close(seats);
		return hz_err_set(err, status, 5, "memory", "lower boot/connections_max",
		                  "cannot set up workers: %s", strerror(-status));
	}
	return 0;
}

void hz_seats_slow_end(struct hz_seats *seats, uint64_t now_ns)
{
	for (uint32_t i = 0; i < seats->count; i++)
		if (seats->seat[i].slow != NULL)
			(void)hz_slow_ring_second(seats->seat[i].slow, now_ns);
}

void hz_seats_close(struct hz_seats *seats)
{
	for (uint32_t i = 0; i < seats->count; i++) {
		hz_http_worker_close(seats->seat[i].http);
		hz_jwt_worker_close(seats->seat[i].jwt);
		hz_conn_census_close(&seats->seat[i].census);
		free(seats->seat[i].slow);
	}
	hz_rate_table_close(seats->rate);
	free(seats->seat);
	*seats = (struct hz_seats){ 0 };
}
