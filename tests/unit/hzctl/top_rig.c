#include "top_rig.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <stdlib.h>
#include <string.h>

static void route_set(struct hz_top_sample *sample, unsigned slot, const char *name,
                      uint64_t answers, uint64_t ns)
{
	struct hz_top_route *route = &sample->route[slot];

	snprintf(route->name.name, sizeof(route->name.name), "%s", name);
	route->hist.answers[1] = answers;
	route->hist.answers[4] = answers / 10;
	route->hist.bucket[hz_hist_bucket(ns) >> 2] = answers + answers / 10;
	route->hist.max_ns = ns;
}

struct top_rig *top_rig_open(void)
{
	static const uint64_t seconds[] = { 10, 9, 0 };
	struct top_rig *rig = calloc(1, sizeof(*rig));

	for (unsigned i = 0; rig != NULL && i < 3; i++) {
		struct hz_top_sample *sample = &rig->sample[i];

		sample->time_ns = (100 + seconds[i]) * HZ_NS_PER_S;
		sample->beat_timeout_ns = HZ_NS_PER_S / 2;
		sample->has_kernel = sample->has_routes = true;
		sample->cfg.state = HZ_STATE_READY;
		sample->cfg.generation = 7;
		sample->cfg.workers = 1;
		sample->workers.beat[0].state = HZ_STATE_READY;
		sample->workers.beat[0].beat_ns = sample->time_ns;
		sample->workers.worker[0].started_ns = 50 * HZ_NS_PER_S;
		sample->workers.worker[0].requests = 1000 * seconds[i];
		sample->workers.worker[0].busy_ns = seconds[i] * HZ_NS_PER_S / 4;
		sample->workers.worker[0].connections = 4096;
		sample->verdicts.steer = 2000 * seconds[i];
		for (uint64_t k = 0; k < 1000 * seconds[i]; k++)
			hz_hist_record(&sample->stage[HZ_STAGE_TOTAL], 8000);
		route_set(sample, 1, "users", 1000 * seconds[i], 8000);
		route_set(sample, 2, "orders", 5 * seconds[i], 900000);
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	rig->state = (struct hz_top_state){ .model = &rig->model,
		                            .heat = &rig->heat,
		                            .slow = &rig->slow,
		                            .instance = "t",
		                            .problem = "",
		                            .is_live = true,
		                            .is_utf8 = true };
	return rig;
}

void top_rig_close(struct top_rig *rig)
{
	hz_top_grid_close(&rig->grid);
	free(rig->text);
	free(rig);
}

const char *top_rig_screen(struct top_rig *rig, unsigned rows, unsigned cols)
{
	size_t len = 0;
	FILE *to;

	hz_top_grid_close(&rig->grid);
	free(rig->text);
	CU_ASSERT_FATAL(hz_top_grid_open(rows, cols, &rig->grid) == 0);
	hz_top_layout_draw(&rig->state, &rig->grid);
	to = open_memstream(&rig->text, &len);
	hz_top_grid_plain(to, &rig->grid);
	fclose(to);
	return rig->text;
}

bool top_rig_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fprintf(stderr, "# no '%s' in:\n%s", part, text);
	return strstr(text, part) != NULL;
}
