#include "top_slow.h"
#include "core/base.h"
#include "out.h"
#include <stdio.h>
#include <string.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

bool hz_top_slow_parse(const json_t *object, struct hz_top_slow *out)
{
	const json_t *stages = json_object_get(object, "stages_ns");
	struct hz_top_slow slow = {
		.time_unix_ms = hz_out_u64(object, "time_unix_ms"),
		.total_ns = hz_out_u64(object, "total_ns"),
		.worker = (unsigned)HZ_MIN(hz_out_u64(object, "worker"), 999u),
		.status = (unsigned)HZ_MIN(hz_out_u64(object, "status"), 999u),
	};

	if (strcmp(hz_out_string(object, "kind"), "slow") != 0 || slow.total_ns == 0)
		return false;
	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++)
		slow.stage_ns[i] = hz_out_u64(stages, stage_names[i]);
	snprintf(slow.method, sizeof(slow.method), "%s", hz_out_string(object, "method"));
	snprintf(slow.route, sizeof(slow.route), "%s", hz_out_string(object, "route"));
	snprintf(slow.path, sizeof(slow.path), "%s", hz_out_string(object, "path"));
	snprintf(slow.trace, sizeof(slow.trace), "%s", hz_out_string(object, "trace_id"));
	*out = slow;
	return true;
}

void hz_top_slow_add(struct hz_top_slow_list *list, const struct hz_top_slow *slow)
{
	unsigned at = list->count;

	while (at > 0 && list->slow[at - 1].total_ns < slow->total_ns)
		at--;
	if (at == HZ_TOP_SLOW_MAX)
		return;
	if (list->count < HZ_TOP_SLOW_MAX)
		list->count++;
	memmove(&list->slow[at + 1], &list->slow[at],
	        (list->count - 1 - at) * sizeof(list->slow[0]));
	list->slow[at] = *slow;
}

void hz_top_slow_age(struct hz_top_slow_list *list, uint64_t now_unix_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < list->count; i++)
		if (list->slow[i].time_unix_ms + HZ_TOP_SLOW_AGE_MS >= now_unix_ms)
			list->slow[kept++] = list->slow[i];
	list->count = kept;
}
