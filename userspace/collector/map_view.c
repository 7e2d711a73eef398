#include "collector/map_view.h"
#include "core/clock.h"
#include "telemetry/route_hist.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int entry_read(const struct hz_map_source *source, enum hz_stream_map map, uint32_t key,
                      void *value)
{
	return bpf_map_lookup_elem(source->fd[map], &key, value) == 0 ? 0 : -errno;
}

struct hz_server_view hz_map_view_server(const struct hz_map_view *view)
{
	return (struct hz_server_view){ .beat = view->beat,
		                        .worker = view->worker,
		                        .workers = view->workers,
		                        .now_ns = view->time_ns,
		                        .beat_timeout_ns = view->cfg.beat_timeout_ns };
}

static int verdicts_read(const struct hz_map_source *source, struct hz_map_view *view)
{
	int status, cpus = libbpf_num_possible_cpus();
	struct hz_verdicts *of_cpu;

	if (cpus <= 0)
		return cpus < 0 ? cpus : -ENOENT;
	of_cpu = calloc((size_t)cpus, sizeof(*of_cpu));
	if (of_cpu == NULL)
		return -ENOMEM;
	status = entry_read(source, HZ_STREAM_verdicts, 0, of_cpu);
	memset(view->verdicts, 0, sizeof(view->verdicts));
	for (int cpu = 0; cpu < cpus && status == 0; cpu++) {
		const __u64 *counter = (const __u64 *)(const void *)&of_cpu[cpu];

		for (uint32_t i = 0; i < HZ_REASONS_MAX; i++)
			view->verdicts[i] += counter[i];
	}
	free(of_cpu);
	return status;
}

/* Gauges of a dead worker are what they were when it died: nobody's. */
static int conns_read(const struct hz_map_source *source, struct hz_map_view *view)
{
	const struct hz_server_view server = hz_map_view_server(view);
	struct hz_connections conns;
	__u64 of_state[HZ_MAP_VIEW_CONN_STATES];
	int status = 0;

	memset(view->conns, 0, sizeof(view->conns));
	for (uint32_t i = 0; i < view->workers && status == 0; i++) {
		if (!hz_server_view_is_live(&server, i))
			continue;
		status = entry_read(source, HZ_STREAM_connections, i, &conns);
		memcpy(of_state, &conns, sizeof(of_state));
		for (uint32_t j = 0; j < HZ_MAP_VIEW_CONN_STATES && status == 0; j++)
			view->conns[j] += of_state[j];
	}
	return status;
}

static int route_read(const struct hz_map_source *source, uint32_t slot,
                      struct hz_route_view *route)
{
	uint32_t workers = source->entries[HZ_STREAM_route_latency] / HZ_ROUTE_SLOTS;
	struct hz_route_name name;
	struct hz_route_hist part;
	int status = entry_read(source, HZ_STREAM_route_names, slot, &name);

	memset(route, 0, sizeof(*route));
	if (status != 0)
		return status;
	memcpy(route->name, name.name, HZ_ROUTE_NAME_BYTES);
	if (slot == 0 && route->name[0] == '\0')
		route->name[0] = '-';
	if (route->name[0] == '\0')
		return 0;
	for (uint32_t i = 0; i < HZ_MIN(workers, (uint32_t)HZ_WORKERS_MAX) && status == 0; i++) {
		status = entry_read(source, HZ_STREAM_route_latency, i * HZ_ROUTE_SLOTS + slot,
		                    &part);
		if (status == 0)
			hz_route_hist_merge(&route->hist, &part);
	}
	return status;
}

static int routes_read(const struct hz_map_source *source, struct hz_map_view *view)
{
	uint32_t slots = HZ_MIN(source->entries[HZ_STREAM_route_names], (uint32_t)HZ_ROUTE_SLOTS);
	int status = 0;

	view->routes = 0;
	if (source->fd[HZ_STREAM_route_names] < 0 || source->fd[HZ_STREAM_route_latency] < 0)
		return 0;
	for (uint32_t i = 0; i < slots && status == 0; i++) {
		status = route_read(source, i, &view->route[i]);
		if (view->route[i].name[0] != '\0')
			view->routes = i + 1;
	}
	return status;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

int hz_map_view_read(const struct hz_map_source *source, struct hz_map_view *view)
{
	struct hz_server_view server;
	int status = entry_read(source, HZ_STREAM_cfg, 0, &view->cfg);

	/* Before the beats: whoever is held up in between finds them newer than that, not old. */
	view->time_ns = hz_clock_monotonic_ns();
	view->unix_ms = realtime_ns() / HZ_NS_PER_MS;
	view->unix_minus_ns = realtime_ns() - hz_clock_monotonic_ns();
	memset(&view->stream, 0, sizeof(view->stream)); /* an older one is shorter */
	if (status == 0)
		status = entry_read(source, HZ_STREAM_stream_stats, 0, &view->stream);
	for (uint32_t i = 0; i < HZ_WORKERS_MAX && status == 0; i++) {
		status = entry_read(source, HZ_STREAM_beat, i, &view->beat[i]);
		if (status == 0)
			status = entry_read(source, HZ_STREAM_workers, i, &view->worker[i]);
	}
	if (status != 0)
		return status;
	view->workers = HZ_MIN(view->cfg.workers, (uint32_t)HZ_WORKERS_MAX);
	server = hz_map_view_server(view);
	view->is_alive = hz_server_view_is_alive(&server);
	status = verdicts_read(source, view);
	if (status == 0)
		status = conns_read(source, view);
	return status == 0 ? routes_read(source, view) : status;
}

int hz_map_view_hist(const struct hz_map_source *source, uint32_t worker, uint32_t stage,
                     struct hz_hist *out)
{
	return entry_read(source, HZ_STREAM_latency, worker * HZ_STAGE_COUNT + stage, out);
}

bool hz_map_view_is_same_run(const struct hz_map_view *before, const struct hz_map_view *now)
{
	for (uint32_t i = 0; i < now->workers; i++)
		if (before->worker[i].started_ns != now->worker[i].started_ns)
			return false;
	return before->is_alive && now->is_alive && before->workers == now->workers;
}

uint64_t hz_map_view_sum(const struct hz_map_view *view, size_t offset)
{
	uint64_t sum = 0, value;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		memcpy(&value, (const char *)&view->worker[i] + offset, sizeof(value));
		sum += value;
	}
	return sum;
}
