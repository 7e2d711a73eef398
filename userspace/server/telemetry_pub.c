/* Housekeeping's share of telemetry: merges the workers' histograms into latency_pct, latency_log2 and the topic hz.latency once
 * per second, and has the kernel diff them into the ring buffer every telemetry/interval_ms. */
#include "core/cpu_ids.h"
#include "core/log.h"
#include "server/server_priv.h"
#include "telemetry/hist_log2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hz_publish {
	uint64_t pct_ns;   /* when latency_pct was last written */
	uint64_t flush_ns; /* when deltas last went out */
	uint32_t cpus;     /* hz_cpu_ids: XDP records health by CPU number */
	uint64_t watch_ns; /* what the kernel's timer was told to wait for us; 0: nothing yet */
	uint64_t emitted, refused;
	uint64_t count_before[HZ_STAGE_COUNT];
	struct hz_hist merged;
};

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

int hz_publish_open(struct hz_server *server, struct hz_publish **out)
{
	struct hz_publish *publish = calloc(1, sizeof(*publish));

	if (publish == NULL)
		return -ENOMEM;
	publish->cpus = hz_cpu_ids(HZ_WORKERS_MAX);
	publish->pct_ns = publish->flush_ns = server->started_ns;
	if (!HZ_TELEMETRY)
		hz_server_degrade(server, "built without latency (HZ_TELEMETRY=0)");
	*out = publish;
	return 0;
}

void hz_publish_close(struct hz_publish *publish)
{
	free(publish);
}

/* Both readable forms of one stage, for whoever has no tool of ours. */
static void maps_write(const struct hz_publish *publish, const struct hz_server *server,
                       uint32_t stage, const struct hz_latency_pct *pct)
{
	struct hz_latency_log2 log2 = { .updated_unix = pct->updated_unix };
	int status = hz_xdp_pct_write(&server->maps, stage, pct);

	memcpy(log2.stage, stage_names[stage], strlen(stage_names[stage]));
	hz_hist_log2_fill(&log2, &publish->merged);
	if (status == 0)
		status = hz_xdp_log2_write(&server->maps, stage, &log2);
	if (status != 0)
		hz_log(HZ_LOG_WARN, "cannot write latency_pct and latency_log2: %s",
		       strerror(-status));
}

/* Histograms of dead workers of an earlier run count too: the view is the map's, not this process's. */
static void pct_refresh(struct hz_publish *publish, const struct hz_server *server,
                        const struct hz_hist *latency, uint64_t interval_ns)
{
	struct hz_latency_pct pct[HZ_STAGE_COUNT] = { 0 };

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		pct[stage].updated_unix = (uint64_t)time(NULL);
		memset(&publish->merged, 0, sizeof(publish->merged));
		for (uint32_t worker = 0; worker < HZ_WORKERS_MAX; worker++)
			hz_hist_merge(&publish->merged, &latency[worker * HZ_STAGE_COUNT + stage]);
		hz_hist_pct(&pct[stage], &publish->merged, publish->count_before[stage],
		            interval_ns);
		publish->count_before[stage] = pct[stage].count;
		memcpy(pct[stage].stage, stage_names[stage], strlen(stage_names[stage]));
		if (server->maps.latency != NULL)
			maps_write(publish, server, stage, &pct[stage]);
	}
	hz_server_topics_latency(server, pct);
}

static void deltas_flush(struct hz_publish *publish, const struct hz_server *server)
{
	uint32_t workers = HZ_MAX(server->seats.count, publish->cpus);
	uint32_t last = workers * HZ_STAGE_COUNT - 1;

	for (uint32_t index = 0; index <= last; index++)
		(void)hz_xdp_flush(&server->maps, index, index == last, &publish->emitted,
		                   &publish->refused);
}

/* Should we die, the kernel goes on after two intervals of ours. Detached under us it cannot, and need not. */
static void watch_set(struct hz_publish *publish, const struct hz_server *server,
                      uint64_t interval_ns)
{
	int status;

	if (publish->watch_ns == 2 * interval_ns)
		return;
	publish->watch_ns = 2 * interval_ns;
	status = hz_xdp_watch(server->maps.watch_prog_fd, publish->watch_ns);
	if (status != 0 && status != -EPERM)
		hz_log(HZ_LOG_WARN, "the kernel will not tell of health answers without us: %s",
		       strerror(-status));
}

void hz_publish_turn(struct hz_publish *publish, struct hz_server *server, uint64_t now_ns)
{
	uint64_t interval_ns = server->conf->tune.telemetry_interval_ms * HZ_NS_PER_MS;
	const struct hz_hist *latency;

	if (!HZ_TELEMETRY)
		return;
	latency = server->maps.latency != NULL ? server->maps.latency : server->shared.latency;
	if (now_ns - publish->pct_ns >= HZ_NS_PER_S) {
		pct_refresh(publish, server, latency, now_ns - publish->pct_ns);
		publish->pct_ns = now_ns;
	}
	if (server->maps.latency == NULL)
		return;
	watch_set(publish, server, interval_ns);
	if (now_ns - publish->flush_ns >= interval_ns) {
		deltas_flush(publish, server);
		publish->flush_ns = now_ns;
	}
}
