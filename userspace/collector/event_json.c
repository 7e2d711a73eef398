#include "collector/event_json.h"
#include "abi/hist_bucket.h"
#include "core/base.h"
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A pair is at most 2 brackets, 2 commas, 3 numbers of 20 digits and a separator. */
_Static_assert(HZ_DELTA_PAIRS * 66 + 512 <= HZ_EVENT_JSON_BYTES, "the longest line fits");

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
static const char *const reason_names[HZ_REASON_COUNT] = {
#define HZ_REASON(name, action, help) #name,
#include "abi/reasons.def"
#undef HZ_REASON
};

#define PAIRS_AT offsetof(struct hz_event_hist_delta, pair)

/* Copies what is there: records need not be aligned, nor as long as the struct. */
static bool delta_read(struct hz_event_hist_delta *delta, const void *record, size_t bytes)
{
	if (bytes < PAIRS_AT)
		return false;
	memcpy(delta, record, PAIRS_AT);
	if (delta->stage >= HZ_STAGE_COUNT || delta->pair_count > HZ_DELTA_PAIRS)
		return false;
	if (bytes - PAIRS_AT < delta->pair_count * sizeof(delta->pair[0]))
		return false;
	memcpy(delta->pair, (const char *)record + PAIRS_AT,
	       delta->pair_count * sizeof(delta->pair[0]));
	for (uint32_t i = 0; i < delta->pair_count; i++)
		if (delta->pair[i].bucket >= HZ_HIST_BUCKETS)
			return false;
	return true;
}

static size_t append(char *out, size_t at, const char *format, ...) HZ_PRINTF(3, 4);

static size_t append(char *out, size_t at, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(out + at, HZ_EVENT_JSON_BYTES - at, format, args);
	va_end(args);
	return at + (size_t)HZ_MAX(len, 0);
}

static int delta_line(const struct hz_event_hist_delta *delta, char *out)
{
	uint64_t samples = 0;
	size_t at;

	for (uint32_t i = 0; i < delta->pair_count; i++)
		samples += delta->pair[i].gained;
	at = append(
		out, 0,
		"{\"kind\":\"hist_delta\",\"worker\":%u,\"stage\":\"%s\",\"sequence\":%llu,"
		"\"time_ns\":%llu,\"samples\":%llu,\"sum_ns\":%llu,\"max_ns\":%llu,\"buckets\":[",
		delta->header.worker, stage_names[delta->stage], delta->header.sequence,
		delta->header.time_ns, (unsigned long long)samples, delta->sum_ns, delta->max_ns);
	for (uint32_t i = 0; i < delta->pair_count; i++)
		at = append(out, at, "%s[%llu,%llu,%u]", i > 0 ? "," : "",
		            hz_hist_bucket_low(delta->pair[i].bucket),
		            hz_hist_bucket_width(delta->pair[i].bucket), delta->pair[i].gained);
	return (int)append(out, at, "]}\n");
}

static int sample_line(const struct hz_sample *sample, char *out)
{
	uint32_t bytes = HZ_MIN(sample->frame_bytes, (uint32_t)HZ_SAMPLE_BYTES);
	size_t at = append(out, 0,
	                   "{\"kind\":\"drop\",\"cpu\":%u,\"sequence\":%llu,\"time_ns\":%llu,"
	                   "\"reason\":\"%s\",\"ifindex\":%u,\"queue\":%u,\"frames\":%llu,"
	                   "\"frame_bytes\":%u,\"data\":\"",
	                   sample->header.worker, sample->header.sequence, sample->header.time_ns,
	                   reason_names[sample->reason], sample->ifindex, sample->queue,
	                   sample->frames, sample->frame_bytes);

	for (uint32_t i = 0; i < bytes; i++)
		at = append(out, at, "%02x", sample->data[i]);
	return (int)append(out, at, "\"}\n");
}

static int delta_event(const void *record, size_t bytes, char *out)
{
	struct hz_event_hist_delta delta;

	return delta_read(&delta, record, bytes) ? delta_line(&delta, out) : -EBADMSG;
}

static int sample_event(const void *record, size_t bytes, char *out)
{
	struct hz_sample sample;

	if (bytes < sizeof(sample))
		return -EBADMSG;
	memcpy(&sample, record, sizeof(sample));
	return sample.reason < HZ_REASON_COUNT ? sample_line(&sample, out) : -EBADMSG;
}

int hz_event_json_header(struct hz_event *header, const void *record, size_t bytes)
{
	struct hz_event tmp;

	if (bytes < sizeof(tmp))
		return -EBADMSG;
	memcpy(&tmp, record, sizeof(tmp));
	/* The ring rounds sizes up, so a record may claim less than it occupies, never more. */
	if (tmp.bytes < sizeof(tmp) || tmp.bytes > bytes)
		return -EBADMSG;
	*header = tmp;
	return 0;
}

int hz_event_json_delta(struct hz_event_hist_delta *delta, const void *record, size_t bytes)
{
	struct hz_event header;
	int status = hz_event_json_header(&header, record, bytes);

	if (status != 0)
		return status;
	if (header.kind != HZ_EVENT_HIST_DELTA)
		return -ENOTSUP;
	return delta_read(delta, record, header.bytes) ? 0 : -EBADMSG;
}

int hz_event_json_line(const void *record, size_t bytes, char *out)
{
	struct hz_event header;
	int status = hz_event_json_header(&header, record, bytes);

	if (status != 0)
		return status;
	switch (header.kind) {
	case HZ_EVENT_HIST_DELTA:
		return delta_event(record, header.bytes, out);
	case HZ_EVENT_DROP:
		return sample_event(record, header.bytes, out);
	default:
		return -ENOTSUP;
	}
}
