/* One look at everything hzctl top shows: copies out of the pinned maps, or of the run directory's files. No worker
 * and no other reader notices, and hzd need not run. */
#ifndef HZ_TOP_SAMPLE_H
#define HZ_TOP_SAMPLE_H

#include "loader/xdp_sources.h"
#include "route_view.h"
#include "telemetry/names.h"
#include "telemetry/server_view.h"
#include "telemetry_view.h"

#define HZ_TOP_SOURCES_MAX 64

struct hz_top_route {
	struct hz_route_name name;
	struct hz_route_hist hist; /* all workers */
};

struct hz_top_sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t beat_timeout_ns;
	bool has_kernel;  /* cfg, verdicts, connections and stream: not with boot/io=socket */
	bool has_routes;  /* route */
	bool has_sources; /* sources, source */
	struct hz_hist stage[HZ_STAGE_COUNT];
	struct hz_telemetry_view_workers workers;
	struct hz_cfg cfg;
	struct hz_verdicts verdicts;
	uint64_t conns[HZ_NAMES_CONNS]; /* of workers that live, as struct hz_connections */
	struct hz_stream_stats stream;
	struct hz_top_route route[HZ_ROUTE_SLOTS]; /* index: slot */
	struct hz_xdp_sources sources;
	struct hz_xdp_source source[HZ_TOP_SOURCES_MAX];
	uint32_t source_count;
};

/* What samples are read from. Owned by the caller. */
struct hz_top_reader {
	const char *instance;
	struct hz_telemetry_view view;
	struct hz_route_view routes;
	bool has_routes;
};

/* 0 or -errno with err filled, as hz_telemetry_view_open. */
int hz_top_reader_open(const char *instance, struct hz_top_reader *out, struct hz_err *err);
void hz_top_reader_close(struct hz_top_reader *reader);

/* wants_sources: also who runs into the limit per source, up to HZ_SOURCES_MAX entries of a map. 0 or -errno with
 * err filled, *out undefined. */
int hz_top_sample_read(const struct hz_top_reader *reader, bool wants_sources,
                       struct hz_top_sample *out, struct hz_err *err);

/* The same for the rules of server_view.h; it points into *sample. */
struct hz_server_view hz_top_sample_server(const struct hz_top_sample *sample);

/* Only the sources, into a sample that is there; has_sources says whether that worked. */
void hz_top_sample_sources(const char *instance, struct hz_top_sample *sample);

#endif
