#include "top_sample.h"
#include "core/clock.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

int hz_top_reader_open(const char *instance, struct hz_top_reader *out, struct hz_err *err)
{
	struct hz_top_reader reader = { .instance = instance };
	int status = hz_telemetry_view_open(instance, &reader.view, err);

	if (status != 0)
		return status;
	reader.has_routes =
		hz_route_view_open(instance, reader.view.is_shared, &reader.routes) == 0;
	*out = reader;
	return 0;
}

void hz_top_reader_close(struct hz_top_reader *reader)
{
	if (reader->has_routes)
		hz_route_view_close(&reader->routes);
	hz_telemetry_view_close(&reader->view);
}

struct hz_server_view hz_top_sample_server(const struct hz_top_sample *sample)
{
	return (struct hz_server_view){
		.beat = sample->workers.beat,
		.worker = sample->workers.worker,
		/* whoever serves over kernel sockets does not say how many they are */
		.workers = sample->has_kernel ? sample->cfg.workers : HZ_WORKERS_MAX,
		.now_ns = sample->time_ns,
		.beat_timeout_ns = sample->beat_timeout_ns,
	};
}

/* Gauges of a dead worker are what they were when it died: nobody's. */
static int conns_read(const struct hz_xdp_maps *maps, struct hz_top_sample *out)
{
	const struct hz_server_view server = hz_top_sample_server(out);
	struct hz_connections conns;
	__u64 member[HZ_NAMES_CONNS];

	memset(out->conns, 0, sizeof(out->conns));
	for (uint32_t worker = 0; worker < HZ_WORKERS_MAX; worker++) {
		if (!hz_server_view_is_live(&server, worker))
			continue;
		if (bpf_map_lookup_elem(maps->conns_fd, &worker, &conns) != 0)
			return -errno;
		memcpy(member, &conns, sizeof(member));
		for (unsigned i = 0; i < HZ_NAMES_CONNS; i++)
			out->conns[i] += member[i];
	}
	return 0;
}

static int kernel_read(const struct hz_xdp_maps *maps, struct hz_top_sample *out,
                       struct hz_err *err)
{
	int status = hz_xdp_cfg_read(maps, &out->cfg);

	if (status == 0)
		status = hz_xdp_verdicts_read(maps, &out->verdicts);
	if (status == 0)
		status = conns_read(maps, out);
	if (status == 0)
		status = hz_xdp_stream_stats_read(maps, &out->stream);
	if (status != 0)
		return hz_err_set(err, status, 1, "telemetry", "hzctl status",
		                  "cannot read the pinned maps: %s", strerror(-status));
	return 0;
}

/* A slot without a name was never used, but the first: that is of answers without a route. */
static void routes_read(const struct hz_route_view *view, struct hz_top_sample *out)
{
	for (uint32_t slot = 0; slot < HZ_ROUTE_SLOTS; slot++) {
		struct hz_top_route *route = &out->route[slot];

		if (hz_route_view_name(view, slot, &route->name) != 0)
			return;
		if (route->name.name[0] == '\0' && slot != 0) {
			memset(route, 0, sizeof(*route));
			continue;
		}
		if (hz_route_view_hist(view, slot, -1, &route->hist) != 0)
			return;
	}
	out->has_routes = true;
}

void hz_top_sample_sources(const char *instance, struct hz_top_sample *sample)
{
	struct hz_err ignored = { 0 };
	int count = -ENOTSUP;

	if (sample->has_kernel)
		count = hz_xdp_sources_read(instance, &sample->sources, sample->source,
		                            HZ_TOP_SOURCES_MAX, &ignored);
	sample->has_sources = count >= 0;
	sample->source_count = (uint32_t)HZ_MAX(count, 0);
}

int hz_top_sample_read(const struct hz_top_reader *reader, bool wants_sources,
                       struct hz_top_sample *out, struct hz_err *err)
{
	int status = 0;

	out->time_ns = hz_clock_monotonic_ns();
	out->beat_timeout_ns = hz_telemetry_view_beat_timeout_ns(&reader->view);
	out->has_kernel = !reader->view.is_shared;
	out->has_routes = out->has_sources = false;
	out->source_count = 0;
	for (unsigned i = 0; i < HZ_STAGE_COUNT && status == 0; i++)
		status = hz_telemetry_view_hist(&reader->view, (enum hz_stage)i, -1, &out->stage[i],
		                                err);
	if (status == 0)
		status = hz_telemetry_view_workers(&reader->view, &out->workers, err);
	if (status == 0 && out->has_kernel)
		status = kernel_read(&reader->view.maps, out, err);
	if (status != 0)
		return status;
	if (reader->has_routes)
		routes_read(&reader->routes, out);
	if (wants_sources)
		hz_top_sample_sources(reader->instance, out);
	return 0;
}
