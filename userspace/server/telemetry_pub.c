/* Housekeeping's share of telemetry: merges the workers' histograms into latency_pct, latency_log2 and the topic hz.latency once
 * per second, and has the kernel diff them into the ring buffer every telemetry/interval_ms. */
#include "core/log.h"
#include "server/server_priv.h"
#include "server/watch_arm.h"
#include "telemetry/hist_log2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hz_publish {        /* owned by the server */
	uint64_t pct_ns;   /* when latency_pct was last written */
	uint64_t flush_ns; /* when deltas last went out */
	struct hz_watch_arm watch;
	int write_status; /* of latency_pct and latency_log2 when they were last written */
	uint64_t emitted, refused;
	uint64_t count_before[HZ_STAGE_COUNT];
	struct hz_hist merged;
};

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

/* Over boot/io=socket nobody diffs them, but they are read. */
static const struct hz_hist *histograms(const struct hz_server *server)
{
	return server->maps.latency != NULL ? server->maps.latency : server->shared.latency;
}

/* Histograms of dead workers of an earlier run count too: the view is the map's, not this
 * process's. */
static void stage_merge(struct hz_publish *publish, const struct hz_hist *latency, uint32_t stage)
{
	memset(&publish->merged, 0, sizeof(publish->merged));
	for (uint32_t worker = 0; worker < HZ_WORKERS_MAX; worker++)
		hz_hist_merge(&publish->merged, &latency[worker * HZ_STAGE_COUNT + stage]);
}

/* What is there already was not gained in our first second. */
int hz_publish_open(struct hz_server *server, struct hz_publish **out)
{
	const struct hz_hist *latency = histograms(server);
	struct hz_publish *publish = calloc(1, sizeof(*publish));

	if (publish == NULL)
		return -ENOMEM;
	publish->pct_ns = publish->flush_ns = hz_clock_monotonic_ns();
	for (uint32_t stage = 0; HZ_TELEMETRY && stage < HZ_STAGE_COUNT; stage++) {
		stage_merge(publish, latency, stage);
		publish->count_before[stage] = hz_hist_count(&publish->merged);
	}
	if (!HZ_TELEMETRY)
		hz_server_degrade(server, "built without latency (HZ_TELEMETRY=0)");
	*out = publish;
	return 0;
}

void hz_publish_close(struct hz_publish *publish)
{
	free(publish);
}

/* Both readable forms of one stage, for whoever has no tool of ours. 0 or -errno. */
static int maps_write(const struct hz_publish *publish, const struct hz_server *server,
                      uint32_t stage, const struct hz_latency_pct *pct)
{
	struct hz_latency_log2 log2 = { .updated_unix = pct->updated_unix };
	int status = hz_xdp_pct_write(&server->maps, stage, pct);

	memcpy(log2.stage, stage_names[stage], strlen(stage_names[stage]));
	hz_hist_log2_fill(&log2, &publish->merged);
	if (status == 0)
		status = hz_xdp_log2_write(&server->maps, stage, &log2);
	return status;
}

/* Once, not with each second. */
static void write_status_note(struct hz_publish *publish, int status)
{
	if (status == publish->write_status)
		return;
	publish->write_status = status;
	if (status != 0)
		hz_log(HZ_LOG_WARN, "cannot write latency_pct and latency_log2: %s",
		       strerror(-status));
	else
		hz_log(HZ_LOG_INFO, "latency_pct and latency_log2 are written again");
}

static void pct_refresh(struct hz_publish *publish, const struct hz_server *server,
                        uint64_t interval_ns)
{
	const struct hz_hist *latency = histograms(server);
	struct hz_latency_pct pct[HZ_STAGE_COUNT] = { 0 };
	int status = 0;

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		int one = 0;

		pct[stage].updated_unix = (uint64_t)time(NULL);
		stage_merge(publish, latency, stage);
		hz_hist_pct(&pct[stage], &publish->merged, publish->count_before[stage],
		            interval_ns);
		publish->count_before[stage] = pct[stage].count;
		memcpy(pct[stage].stage, stage_names[stage], strlen(stage_names[stage]));
		if (server->maps.latency != NULL)
			one = maps_write(publish, server, stage, &pct[stage]);
		if (status == 0)
			status = one;
	}
	write_status_note(publish, status);
	hz_server_topics_latency(server, pct);
}

/* All that were ever recorded into, whoever did: XDP by number of CPU, workers of a run that had
 * more of them. The last call rings the bell. */
static void deltas_flush(struct hz_publish *publish, const struct hz_server *server)
{
	const uint32_t last = HZ_HIST_ENTRIES - 1;

	for (uint32_t index = 0; index <= last; index++)
		if (index == last || !hz_hist_is_unused(&server->maps.latency[index]))
			(void)hz_xdp_flush(&server->maps, index, index == last, &publish->emitted,
			                   &publish->refused);
}

static int watch_call(void *ctx, uint64_t wait_ns)
{
	const struct hz_server *server = ctx;

	return hz_xdp_watch(server->maps.watch_prog_fd, wait_ns);
}

/* The kernel's timer is moved here from the CPU of whoever attached also where nothing is
 * recorded. */
void hz_publish_turn(struct hz_publish *publish, struct hz_server *server, uint64_t now_ns)
{
	uint64_t interval_ns = server->conf->tune.telemetry_interval_ms * HZ_NS_PER_MS;

	if (server->maps.latency != NULL) /* should we die, it goes on after two of ours */
		hz_watch_arm_turn(&publish->watch, 2 * interval_ns, now_ns, watch_call, server);
	if (!HZ_TELEMETRY)
		return;
	if (now_ns > publish->pct_ns && now_ns - publish->pct_ns >= HZ_NS_PER_S) {
		pct_refresh(publish, server, now_ns - publish->pct_ns);
		publish->pct_ns = now_ns;
	}
	if (server->maps.latency != NULL && now_ns > publish->flush_ns &&
	    now_ns - publish->flush_ns >= interval_ns) {
		deltas_flush(publish, server);
		publish->flush_ns = now_ns;
	}
}

/* Twice: the kernel's timer may have been at one of them when the first round began, and the
 * bell has made a slow reader take what filled the ring. What is left all the same the timer
 * sends, as long as the maps are pinned. */
void hz_publish_finish(struct hz_publish *publish, const struct hz_server *server)
{
	if (!HZ_TELEMETRY || publish == NULL || server->maps.latency == NULL)
		return;
	deltas_flush(publish, server);
	deltas_flush(publish, server);
}
