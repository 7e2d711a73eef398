#include "collector/event_json.h"
#include "abi/hist_bucket.h"
#include "core/base.h"
#include "core/clock.h"
#include "telemetry/names.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A pair is at most 2 brackets, 2 commas, 3 numbers of 20 digits and a separator. */
_Static_assert(HZ_DELTA_PAIRS * 66 + 512 <= HZ_EVENT_JSON_BYTES, "the longest line fits");

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
static const char *const state_names[] = HZ_STATE_NAMES;
static const char *const what_names[] = {
	[HZ_STATE_OF_DAEMON] = "daemon", [HZ_STATE_OF_WORKER] = "worker",
	[HZ_STATE_OF_SITE] = "site",     [HZ_STATE_OF_SHED] = "shed",
	[HZ_STATE_OF_XDP] = "xdp",       [HZ_STATE_OF_UPSTREAM] = "upstream",
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

/* How every line but a delta's begins; whose: what header.worker is called there, NULL: it says nothing. */
static size_t head_append(char *out, const struct hz_event *header, const char *kind,
                          const char *whose, uint64_t unix_minus_ns)
{
	size_t at = append(out, 0, "{\"kind\":\"%s\",", kind);

	if (whose != NULL)
		at = append(out, at, "\"%s\":%u,", whose, header->worker);
	return append(out, at, "\"sequence\":%llu,\"time_ns\":%llu,\"time_unix_ms\":%llu",
	              header->sequence, header->time_ns,
	              (unsigned long long)(header->time_ns + unix_minus_ns) / HZ_NS_PER_MS);
}

/* A field of text that ends with zeroes, or not at all; null when it is empty. */
static size_t text_append(char *out, size_t at, const char *key, const char *text, size_t bytes)
{
	size_t len = strnlen(text, bytes);

	at = append(out, at, len > 0 ? ",\"%s\":\"" : ",\"%s\":null", key);
	for (size_t i = 0; i < len; i++) {
		bool is_plain = text[i] >= ' ' && text[i] < 0x7f;

		at = append(out, at, "%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "",
		            is_plain ? text[i] : '?');
	}
	return len > 0 ? append(out, at, "\"") : at;
}

/* An identifier; null when it is all zeroes. */
static size_t hex_append(char *out, size_t at, const char *key, const uint8_t *id, size_t bytes)
{
	uint8_t any = 0;

	for (size_t i = 0; i < bytes; i++)
		any |= id[i];
	at = append(out, at, any != 0 ? ",\"%s\":\"" : ",\"%s\":null", key);
	for (size_t i = 0; i < bytes && any != 0; i++)
		at = append(out, at, "%02x", id[i]);
	return any != 0 ? append(out, at, "\"") : at;
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

static int sample_line(const struct hz_sample *sample, uint64_t unix_minus_ns, char *out)
{
	uint32_t bytes = HZ_MIN(sample->frame_bytes, (uint32_t)HZ_SAMPLE_BYTES);
	size_t at = head_append(out, &sample->header, "drop", "cpu", unix_minus_ns);

	at = append(out, at,
	            ",\"reason\":\"%s\",\"ifindex\":%u,\"queue\":%u,\"frames\":%llu,"
	            "\"frame_bytes\":%u,\"data\":\"",
	            hz_names_reason(sample->reason)->name, sample->ifindex, sample->queue,
	            sample->frames, sample->frame_bytes);
	for (uint32_t i = 0; i < bytes; i++)
		at = append(out, at, "%02x", sample->data[i]);
	return (int)append(out, at, "\"}\n");
}

/* A stage that was not measured is null, not 0. */
static int slow_line(const struct hz_event_slow *slow, uint64_t unix_minus_ns, char *out)
{
	size_t at = head_append(out, &slow->header, "slow", "worker", unix_minus_ns);

	at = append(out, at, ",\"connection\":%llu,\"status\":%u,\"is_example\":%s",
	            slow->connection, slow->status, slow->is_example ? "true" : "false");
	at = text_append(out, at, "route", slow->route_name, sizeof(slow->route_name));
	at = text_append(out, at, "method", slow->method, sizeof(slow->method));
	at = text_append(out, at, "path", slow->path, sizeof(slow->path));
	at = hex_append(out, at, "trace_id", slow->trace_id, sizeof(slow->trace_id));
	at = hex_append(out, at, "span_id", slow->span_id, sizeof(slow->span_id));
	at = append(out, at, ",\"total_ns\":%llu,\"stages_ns\":{", slow->stage_ns[HZ_STAGE_TOTAL]);
	for (uint32_t i = HZ_STAGE_QUEUE; i < HZ_STAGE_HEALTH; i++) {
		at = append(out, at, "%s\"%s\":", i > HZ_STAGE_QUEUE ? "," : "", stage_names[i]);
		at = slow->stage_ns[i] != 0 ? append(out, at, "%llu", slow->stage_ns[i])
		                            : append(out, at, "null");
	}
	return (int)append(out, at, "}}\n");
}

static bool is_ip4(const struct hz_addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr->byte, mapped, sizeof(mapped)) == 0;
}

/* "10.7.3.0/24"; null: all those that have no record of their own. */
static size_t prefix_append(char *out, size_t at, const struct hz_event_shed *shed)
{
	bool is_four = is_ip4(&shed->prefix);
	char text[INET6_ADDRSTRLEN];

	if (shed->prefix_bits == 0 ||
	    inet_ntop(is_four ? AF_INET : AF_INET6, shed->prefix.byte + (is_four ? 12 : 0), text,
	              sizeof(text)) == NULL)
		return append(out, at, ",\"prefix\":null");
	return append(out, at, ",\"prefix\":\"%s/%u\"", text, shed->prefix_bits);
}

static int shed_line(const struct hz_event_shed *shed, uint64_t unix_minus_ns, char *out)
{
	/* sums are of all CPUs */
	size_t at = head_append(out, &shed->header, "shed", shed->span_ns == 0 ? "cpu" : NULL,
	                        unix_minus_ns);

	at = append(out, at, ",\"reason\":\"%s\"", hz_names_reason(shed->reason)->name);
	at = prefix_append(out, at, shed);
	return (int)append(out, at, ",\"prefix_bits\":%u,\"count\":%llu,\"span_ns\":%llu}\n",
	                   shed->prefix_bits, shed->count, shed->span_ns);
}

/* A state by its name, all else as a number. */
static size_t value_append(char *out, size_t at, const char *key, uint32_t what, uint64_t value)
{
	bool is_state = what == HZ_STATE_OF_DAEMON || what == HZ_STATE_OF_WORKER;

	if (is_state && value < HZ_ARRAY_LEN(state_names))
		return append(out, at, ",\"%s\":\"%s\"", key, state_names[value]);
	return append(out, at, ",\"%s\":%llu", key, (unsigned long long)value);
}

static int state_line(const struct hz_event_state *state, uint64_t unix_minus_ns, char *out)
{
	const char *whose = state->what == HZ_STATE_OF_WORKER ? "worker" : NULL;
	size_t at = head_append(out, &state->header, "state", whose, unix_minus_ns);

	at = append(out, at, ",\"what\":\"%s\"", what_names[state->what]);
	at = text_append(out, at, "name", state->name, sizeof(state->name));
	at = value_append(out, at, "before", state->what, state->before);
	at = value_append(out, at, "now", state->what, state->now);
	return (int)append(out, at, "}\n");
}

static int delta_event(const void *record, size_t bytes, char *out)
{
	struct hz_event_hist_delta delta;

	return delta_read(&delta, record, bytes) ? delta_line(&delta, out) : -EBADMSG;
}

static int sample_event(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out)
{
	struct hz_sample sample;

	if (bytes < sizeof(sample))
		return -EBADMSG;
	memcpy(&sample, record, sizeof(sample));
	return sample.reason < HZ_REASON_COUNT ? sample_line(&sample, unix_minus_ns, out)
	                                       : -EBADMSG;
}

static int slow_event(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out)
{
	struct hz_event_slow slow;

	if (bytes < sizeof(slow))
		return -EBADMSG;
	memcpy(&slow, record, sizeof(slow));
	return slow_line(&slow, unix_minus_ns, out);
}

static int shed_event(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out)
{
	struct hz_event_shed shed;

	if (bytes < sizeof(shed))
		return -EBADMSG;
	memcpy(&shed, record, sizeof(shed));
	if (shed.reason >= HZ_REASON_COUNT ||
	    shed.prefix_bits > (is_ip4(&shed.prefix) ? 32u : 128u))
		return -EBADMSG;
	return shed_line(&shed, unix_minus_ns, out);
}

static int state_event(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out)
{
	struct hz_event_state state;

	if (bytes < sizeof(state))
		return -EBADMSG;
	memcpy(&state, record, sizeof(state));
	if (state.what >= HZ_ARRAY_LEN(what_names) || what_names[state.what] == NULL)
		return -EBADMSG;
	return state_line(&state, unix_minus_ns, out);
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

int hz_event_json_line(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out)
{
	struct hz_event header;
	int status = hz_event_json_header(&header, record, bytes);

	if (status != 0)
		return status;
	switch (header.kind) {
	case HZ_EVENT_HIST_DELTA:
		return delta_event(record, header.bytes, out);
	case HZ_EVENT_SLOW:
		return slow_event(record, header.bytes, unix_minus_ns, out);
	case HZ_EVENT_SHED:
		return shed_event(record, header.bytes, unix_minus_ns, out);
	case HZ_EVENT_DROP:
		return sample_event(record, header.bytes, unix_minus_ns, out);
	case HZ_EVENT_STATE:
		return state_event(record, header.bytes, unix_minus_ns, out);
	default:
		return -ENOTSUP;
	}
}
