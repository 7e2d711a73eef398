/* Records of the ring, and packed columns as a file gives them back: one byte says which. What is taken is counted once and
 * nowhere else; what is refused changes nothing; lines are JSON of one line. */
#include "collector/event_json.h"
#include "collector/hist_pack.h"
#include "collector/stage_series.h"
#include "fuzz_target.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static uint64_t samples_of(const struct hz_hist stage[HZ_STAGE_COUNT])
{
	uint64_t samples = 0;

	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++)
		samples += hz_hist_count(&stage[i]);
	return samples;
}

/* From the definition: header, stage, count, sum and maximum, then pairs of two words. */
static uint64_t opinion(const uint8_t *data)
{
	uint32_t pairs, gained;
	uint64_t samples = 0;

	memcpy(&pairs, data + 28, 4);
	for (uint32_t i = 0; i < pairs; i++) {
		memcpy(&gained, data + 48 + i * 8 + 4, 4);
		samples += gained;
	}
	return samples;
}

/* One for all inputs, a second each: its tiers are large to make. */
static struct hz_series *series_get(void)
{
	static struct hz_series *series;

	if (series == NULL) {
		series = calloc(1, sizeof(*series));
		FUZZ_HOLDS(series != NULL && hz_series_open(series, NULL, NULL) == 0);
		hz_series_tick(series, 1800000000, HZ_SERIES_DEAD);
	}
	return series;
}

static void record_feed(const uint8_t *data, size_t size)
{
	struct hz_series *series = series_get();
	char *line = malloc(HZ_EVENT_JSON_BYTES);
	int64_t second = series->open_s + 1;
	struct hz_hist sum;
	int len, status;

	FUZZ_HOLDS(line != NULL);
	status = hz_series_add(series, data, size, second);
	len = hz_event_json_line(data, size, 1700000000000000000u, line);
	if (status == 0) {
		FUZZ_HOLDS(len > 0 && samples_of(series->open) == opinion(data));
		hz_series_tick(series, second + 1, HZ_SERIES_DEAD);
		FUZZ_HOLDS(hz_tier_find(&series->near, second) != NULL);
	} else {
		FUZZ_HOLDS(status == -EBADMSG || status == -ENOTSUP);
		FUZZ_HOLDS(!series->is_known && series->open_s == second - 1);
	}
	FUZZ_HOLDS(samples_of(series->open) == 0);
	(void)hz_series_last(series, HZ_STAGE_TOTAL, 10, &sum);
	if (len > 0) { /* jansson's integers end at 2^63, ours at 2^64 */
		json_t *root = json_loadb(line, (size_t)len, JSON_DECODE_INT_AS_REAL, NULL);

		FUZZ_HOLDS(json_is_object(root) && len <= HZ_EVENT_JSON_BYTES);
		FUZZ_HOLDS(memchr(line, '\n', (size_t)len) == line + len - 1);
		json_decref(root);
	}
	free(line);
}

/* What is unpacked and packed again is the same, up to numbers that were longer than they need to be. */
static void column_unpack(const uint8_t *data, size_t size)
{
	struct hz_hist *stage = calloc(2 * HZ_STAGE_COUNT, sizeof(*stage));
	struct hz_hist *again = stage + HZ_STAGE_COUNT;
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	size_t bytes;
	int status = 0;

	FUZZ_HOLDS(stage != NULL && packed != NULL);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT && status == 0; i++)
		status = hz_hist_unpack(data, size, i, &stage[i]);
	FUZZ_HOLDS(status == 0 || (status == -EBADMSG && samples_of(stage) == 0));
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		struct hz_hist sum = { 0 };

		/* Steps over other stages: it may find well what is not. */
		FUZZ_HOLDS(hz_hist_sum(data, size, i, &sum) == 0 || status != 0);
		FUZZ_HOLDS(status != 0 || memcmp(&sum, &stage[i], sizeof(sum)) == 0);
	}
	bytes = hz_hist_pack(stage, packed);
	FUZZ_HOLDS(bytes <= HZ_HIST_PACK_MAX);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		FUZZ_HOLDS(hz_hist_unpack(packed, bytes, i, &again[i]) == 0);
		FUZZ_HOLDS(memcmp(again[i].bucket, stage[i].bucket, sizeof(stage[i].bucket)) == 0);
		hz_hist_coarsen(&again[i]);
		FUZZ_HOLDS(hz_hist_count(&again[i]) == hz_hist_count(&stage[i]));
	}
	free(stage);
	free(packed);
}

int fuzz_record_run(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (size == 0)
		return 0;
	exact = malloc(size); /* as long as it is, for the sanitizer */
	if (exact == NULL)
		return 0;
	memcpy(exact, data + 1, size - 1);
	exact = realloc(exact, size > 1 ? size - 1 : 1);
	FUZZ_HOLDS(exact != NULL);
	if (data[0] % 2 == 0)
		record_feed(exact, size - 1);
	else
		column_unpack(exact, size - 1);
	free(exact);
	return 0;
}

FUZZ_ENTRY(fuzz_record_run)
