#include "worker_json.h"
#include "core/clock.h"
#include "figures.h"
#include "out.h"
#include "telemetry/server_view.h"
#include "worker_counters.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static uint64_t gained(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static uint64_t per_second(uint64_t now, uint64_t before, uint64_t interval_ns)
{
	if (interval_ns == 0)
		return 0;
	return (uint64_t)((unsigned __int128)gained(now, before) * HZ_NS_PER_S / interval_ns);
}

static uint64_t errors_of(const struct hz_worker *worker)
{
	return worker->responses_5xx + worker->bad_requests;
}

static json_t *worker_make(const struct hz_worker *before, const struct hz_worker *now,
                           const struct hz_server_view *server, uint64_t interval_ns, int id)
{
	uint32_t worker = (uint32_t)id;
	uint64_t busy =
		interval_ns > 0 ? gained(now->busy_ns, before->busy_ns) * 100 / interval_ns : 0;

	return json_pack(
		"{s:i, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I}", "id", id,
		"cpu", (json_int_t)now->cpu, "state", hz_server_view_worker_state(server, worker),
		"is_stale", hz_server_view_is_stale(server, worker), "busy_percent",
		(json_int_t)HZ_MIN(busy, 100u), "requests", (json_int_t)now->requests,
		"requests_per_s",
		(json_int_t)per_second(now->requests, before->requests, interval_ns), "connections",
		(json_int_t)now->connections, "burst_avg",
		now->rx_bursts > 0 ? (double)now->rx_packets / (double)now->rx_bursts : 0.0,
		"longest_gap_ns", (json_int_t)now->longest_gap_ns, "beat_age_ms",
		(json_int_t)(hz_server_view_beat_age_ns(server, worker) / HZ_NS_PER_MS), "errors",
		(json_int_t)errors_of(now), "errors_per_s",
		(json_int_t)per_second(errors_of(now), errors_of(before), interval_ns));
}

json_t *hz_worker_json_make(const struct hz_telemetry_view_workers *before,
                            const struct hz_telemetry_view_workers *now, uint64_t interval_ns,
                            uint64_t beat_timeout_ns, int id)
{
	const struct hz_server_view server = { .beat = now->beat,
		                               .worker = now->worker,
		                               .workers = HZ_WORKERS_MAX,
		                               .now_ns = now->time_ns,
		                               .beat_timeout_ns = beat_timeout_ns };
	json_t *workers = json_array(), *worker;

	for (int i = 0; i < HZ_WORKERS_MAX; i++) {
		if ((id >= 0 && i != id) || !hz_server_view_is_worker(&server, (uint32_t)i))
			continue;
		worker = worker_make(&before->worker[i], &now->worker[i], &server, interval_ns, i);
		if (id >= 0)
			json_object_set_new(worker, "counters",
			                    hz_worker_counters_make(&before->worker[i],
			                                            &now->worker[i], interval_ns));
		json_array_append_new(workers, worker);
	}
	return workers;
}

static void row_print(FILE *to, const json_t *worker)
{
	char rate[HZ_FIGURES_MAX], conns[HZ_FIGURES_MAX], gap[HZ_FIGURES_MAX];
	const char *state = hz_out_string(worker, "state");

	hz_figures_count(hz_out_u64(worker, "requests_per_s"), rate);
	hz_figures_count(hz_out_u64(worker, "connections"), conns);
	hz_figures_ns(hz_out_u64(worker, "longest_gap_ns"), gap);
	fprintf(to, "%2llu %3llu %-11s %3llu%% %10s %9s %9.1f %12s %8llu ms\n",
	        (unsigned long long)hz_out_u64(worker, "id"),
	        (unsigned long long)hz_out_u64(worker, "cpu"), state,
	        (unsigned long long)hz_out_u64(worker, "busy_percent"), rate, conns,
	        json_number_value(json_object_get(worker, "burst_avg")), gap,
	        (unsigned long long)hz_out_u64(worker, "beat_age_ms"));
}

void hz_worker_json_text(FILE *to, const json_t *result)
{
	const json_t *worker, *workers = json_object_get(result, "workers");
	size_t i;

	if (json_array_size(workers) == 0) {
		fputs("no worker ever started\n", to);
		return;
	}
	fputs("id cpu state       busy      req/s     conns burst avg  longest gap    beat age\n",
	      to);
	json_array_foreach (workers, i, worker)
		row_print(to, worker);
	json_array_foreach (workers, i, worker) {
		const json_t *counters = json_object_get(worker, "counters");

		if (counters != NULL) {
			fputc('\n', to);
			hz_worker_counters_text(to, counters);
		}
	}
}

int hz_worker_json_sample(const struct hz_telemetry_view *view, int id, json_t **out,
                          struct hz_err *err)
{
	struct hz_telemetry_view_workers *sample = calloc(2, sizeof(*sample));
	struct timespec wait = { .tv_nsec = HZ_WORKER_JSON_SAMPLE_MS * (long)HZ_NS_PER_MS };
	uint64_t began_ns = hz_clock_monotonic_ns();
	int status;

	if (sample == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = hz_telemetry_view_workers(view, &sample[0], err);
	if (status == 0) {
		nanosleep(&wait, NULL);
		status = hz_telemetry_view_workers(view, &sample[1], err);
	}
	if (status == 0)
		*out = hz_worker_json_make(&sample[0], &sample[1],
		                           hz_clock_monotonic_ns() - began_ns,
		                           hz_telemetry_view_beat_timeout_ns(view), id);
	free(sample);
	return status;
}
