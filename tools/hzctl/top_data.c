#include "top_data.h"
#include "telemetry/hist.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Beyond it what came since the sample before is not of one second: after a pause, ^Z, or figures that could not be read. */
#define COLUMN_NS_MAX (HZ_NS_PER_S + HZ_NS_PER_S / 2)

struct hz_top_data *hz_top_data_open(const char *instance)
{
	struct hz_top_data *data = calloc(1, sizeof(*data));

	if (data == NULL)
		return NULL;
	data->instance = instance;
	for (unsigned i = 0; i < HZ_TOP_DATA_SAMPLES; i++) {
		data->sample[i] = calloc(1, sizeof(*data->sample[i]));
		if (data->sample[i] == NULL) {
			hz_top_data_close(data);
			return NULL;
		}
	}
	return data;
}

void hz_top_data_close(struct hz_top_data *data)
{
	if (data == NULL)
		return;
	for (unsigned i = 0; i < HZ_TOP_DATA_SAMPLES; i++)
		free(data->sample[i]);
	free(data);
}

const struct hz_top_sample *hz_top_data_sample(const struct hz_top_data *data, unsigned i)
{
	return data->sample[(data->newest + HZ_TOP_DATA_SAMPLES - i) % HZ_TOP_DATA_SAMPLES];
}

/* Opened anew each time: attach, detach and a restart with other files make new ones. */
int hz_top_data_take(struct hz_top_data *data, bool wants_sources, struct hz_err *err)
{
	unsigned at = (data->newest + 1) % HZ_TOP_DATA_SAMPLES;
	struct hz_top_reader reader;
	int status = hz_top_reader_open(data->instance, &reader, err);

	if (status != 0)
		return status;
	status = hz_top_sample_read(&reader, wants_sources, data->sample[at], err);
	hz_top_reader_close(&reader);
	if (status != 0) {
		/* it was the oldest, which is in pieces now */
		data->count = HZ_MIN(data->count, HZ_TOP_DATA_SAMPLES - 1);
		return status;
	}
	data->newest = at;
	data->count = HZ_MIN(data->count + 1, HZ_TOP_DATA_SAMPLES);
	hz_top_model_make(&data->model, hz_top_data_sample(data, 0),
	                  hz_top_data_sample(data, data->count > 1 ? 1 : 0),
	                  hz_top_data_sample(data, data->count - 1));
	return 0;
}

void hz_top_data_sources(struct hz_top_data *data)
{
	if (data->count > 0)
		hz_top_sample_sources(data->instance, data->sample[data->newest]);
}

void hz_top_data_heat(struct hz_top_heat *heat, const struct hz_top_sample *now,
                      const struct hz_top_sample *before)
{
	bool is_second = now->time_ns - before->time_ns <= COLUMN_NS_MAX;
	struct hz_hist gained;

	hz_hist_since(&gained, &now->stage[HZ_STAGE_TOTAL], &before->stage[HZ_STAGE_TOTAL]);
	hz_top_heat_add(heat, is_second && hz_top_model_is_alive(now) ? &gained : NULL,
	                hz_top_model_mark(now, before));
}

void hz_top_data_tick(struct hz_top_data *data, bool wants_sources)
{
	struct hz_err err = { 0 };
	struct timespec wall = { 0 };

	if (hz_top_data_take(data, wants_sources, &err) == 0) {
		data->problem[0] = '\0';
		if (data->count > 1)
			hz_top_data_heat(&data->heat, hz_top_data_sample(data, 0),
			                 hz_top_data_sample(data, 1));
	} else {
		snprintf(data->problem, sizeof(data->problem), "nothing newer: %.140s", err.why);
		hz_top_heat_add(&data->heat, NULL, HZ_TOP_MARK_NONE);
	}
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	hz_top_slow_age(&data->slow, (uint64_t)wall.tv_sec * 1000);
}
