#include "probe_fate.h"
#include "core/base.h"
#include "telemetry/names.h"
#include "telemetry/server_view.h"
#include <stdbool.h>
#include <stdio.h>

/* Says in why who is to blame for a server that is not ready; a worker that does not turn before all others. */
static bool is_dead(const struct hz_cfg *cfg, const struct hz_beat *beat, uint64_t now_ns,
                    struct hz_probe_fate *fate)
{
	if (cfg->workers == 0)
		snprintf(fate->why, sizeof(fate->why), "no server ever started");
	else if (cfg->state != HZ_STATE_READY)
		snprintf(fate->why, sizeof(fate->why), "the server is %s%s",
		         cfg->state == HZ_STATE_MAINTENANCE ? "in " : "",
		         hz_names_state(cfg->state));
	for (uint32_t i = 0; i < cfg->workers && i < HZ_WORKERS_MAX; i++) {
		if (hz_server_view_is_old(beat[i].beat_ns, now_ns, cfg->beat_timeout_ns)) {
			snprintf(fate->why, sizeof(fate->why),
			         "worker %u has not moved for %llu ms", i,
			         (unsigned long long)((now_ns - beat[i].beat_ns) / HZ_NS_PER_MS));
			return true;
		}
		if (fate->why[0] == '\0' && beat[i].state != HZ_STATE_READY)
			snprintf(fate->why, sizeof(fate->why), "worker %u is %s", i,
			         hz_names_state(beat[i].state));
	}
	return false;
}

void hz_probe_fate_find(const struct hz_cfg *cfg, const struct hz_beat beat[HZ_WORKERS_MAX],
                        uint64_t now_ns, struct hz_probe_fate *out)
{
	*out = (struct hz_probe_fate){ 0 };
	if (cfg->health_off != 0) {
		snprintf(out->why, sizeof(out->why), "health/in_kernel is off");
		out->tcp = out->udp = HZ_PROBE_PASSED;
		return;
	}
	if (is_dead(cfg, beat, now_ns, out) && cfg->on_dead != HZ_ON_DEAD_ANSWER503) {
		/* `drop` is for other traffic: a TCP probe of a dead server is told */
		out->tcp = cfg->on_dead == HZ_ON_DEAD_PASS ? HZ_PROBE_PASSED : HZ_PROBE_ANSWERED;
		out->udp = cfg->on_dead == HZ_ON_DEAD_DROP ? HZ_PROBE_DROPPED : HZ_PROBE_PASSED;
	} else if (out->why[0] != '\0') {
		out->udp = HZ_PROBE_PASSED;
	}
	out->status = out->why[0] == '\0' ? 200 : 503;
}
