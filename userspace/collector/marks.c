#include "collector/marks.h"

static bool is_restarted(const struct hz_map_view *before, const struct hz_map_view *now)
{
	for (uint32_t i = 0; i < now->workers; i++)
		if (now->worker[i].started_ns > before->worker[i].started_ns &&
		    now->beat[i].pid != before->beat[i].pid)
			return true;
	return false;
}

/* One worker of several that stands still; all of them is the whole server. */
static void stalls_find(struct hz_event_log *log, int64_t unix_s, const struct hz_map_view *before,
                        const struct hz_map_view *now)
{
	for (uint32_t i = 0; i < now->workers; i++) {
		if (!hz_map_view_is_worker(now, i) || now->beat[i].state == HZ_STATE_DOWN ||
		    now->beat[i].pid != before->beat[i].pid)
			continue;
		if (hz_map_view_is_stale(now, i) && !hz_map_view_is_stale(before, i))
			hz_event_log_mark(log, unix_s, "stall", "worker %u does not turn", i);
	}
}

void hz_marks_find(struct hz_event_log *log, int64_t unix_s, const struct hz_map_view *before,
                   const struct hz_map_view *now)
{
	uint32_t was = hz_map_view_shed_permille(before), is = hz_map_view_shed_permille(now);
	bool restarted = is_restarted(before, now);

	if (restarted)
		hz_event_log_mark(log, unix_s, "restart", "hzd started, process %u",
		                  now->beat[0].pid);
	else if (before->is_alive && !now->is_alive && now->cfg.state != HZ_STATE_DOWN)
		hz_event_log_mark(log, unix_s, "stall", "no worker turns");
	else if (now->is_alive)
		stalls_find(log, unix_s, before, now);
	if (!restarted && now->cfg.generation != before->cfg.generation)
		hz_event_log_mark(log, unix_s, "reload", "generation %llu", now->cfg.generation);
	if (was == 0 && is > 0)
		hz_event_log_mark(log, unix_s, "shed_on", "%u of 1000 new flows refused", is);
	if (was > 0 && is == 0)
		hz_event_log_mark(log, unix_s, "shed_off", "all flows are taken");
	if (now->is_alive && now->cfg.state == HZ_STATE_DRAINING &&
	    before->cfg.state != HZ_STATE_DRAINING)
		hz_event_log_mark(log, unix_s, "drain", "draining");
}
