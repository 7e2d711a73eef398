#include "collector/otlp_doc.h"
#include "collector/native_hist.h"
#include "collector/status_doc.h"
#include "core/common.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_KIND_SERVER 2
#define STATUS_ERROR     2
#define CUMULATIVE       2

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

struct otlp_writer {
	const struct hz_feed *feed;
	json_t *metrics; /* the array, owned */
	json_t *points;  /* of the family that is being written, borrowed */
	enum hz_metric family;
};

/* JSON of protobuf has numbers of 64 bits as text. */
static json_t *long_json(uint64_t value)
{
	return json_sprintf("%llu", (unsigned long long)value);
}

static json_t *attribute_json(const char *key, json_t *value)
{
	return json_pack("{s:s, s:o}", "key", key, "value", value);
}

static json_t *text_attribute(const char *key, const char *text)
{
	return attribute_json(key, json_pack("{s:o}", "stringValue", hz_status_doc_text(text)));
}

static json_t *resource_json(const char *instance)
{
	json_t *attributes = json_array();

	json_array_append_new(attributes, text_attribute("service.name", "hz"));
	json_array_append_new(attributes, text_attribute("service.version", HZ_VERSION));
	json_array_append_new(attributes, text_attribute("service.instance.id",
	                                                 instance != NULL ? instance : ""));
	return json_pack("{s:o}", "attributes", attributes);
}

static void doc_add(struct hz_doc *out, json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));

	json_decref(root);
	if (text == NULL)
		out->is_failed = true;
	else
		hz_doc_text_add(out, text, strlen(text));
	free(text);
}

/* OTLP counts buckets from their lower edge, Prometheus from the upper one: one less. */
static void hist_set(json_t *point, const struct hz_hist *hist)
{
	json_t *counts = json_array();
	struct hz_native_hist native;

	hz_native_hist_make(hist, &native);
	for (uint32_t i = native.first; i < native.end; i++)
		json_array_append_new(counts, long_json(native.bucket[i]));
	json_object_set_new(point, "count", long_json(native.count));
	json_object_set_new(point, "sum", json_real(native.sum_s));
	json_object_set_new(point, "scale", json_integer(HZ_NATIVE_SCHEMA));
	json_object_set_new(point, "zeroCount", long_json(native.zero));
	json_object_set_new(point, "positive",
	                    json_pack("{s:i, s:o}", "offset",
	                              (int)native.first + HZ_NATIVE_LOWEST - 1, "bucketCounts",
	                              counts));
}

static void family_begin(struct otlp_writer *writer, enum hz_metric metric)
{
	static const char *const kinds[] = { [HZ_METRIC_counter] = "sum",
		                             [HZ_METRIC_gauge] = "gauge",
		                             [HZ_METRIC_histogram] = "exponentialHistogram" };
	const struct hz_metric_info *info = hz_metric_set_info(metric);
	json_t *data = json_object(), *points = json_array();

	json_object_set_new(data, "dataPoints", points);
	if (info->type != HZ_METRIC_gauge)
		json_object_set_new(data, "aggregationTemporality", json_integer(CUMULATIVE));
	if (info->type == HZ_METRIC_counter)
		json_object_set_new(data, "isMonotonic", json_true());
	json_array_append_new(writer->metrics,
	                      json_pack("{s:s, s:s, s:s, s:o}", "name", info->name, "description",
	                                info->help, "unit",
	                                info->type == HZ_METRIC_histogram ? "s" : "1",
	                                kinds[info->type], data));
	writer->points = points;
	writer->family = metric;
}

static void series_take(void *ctx, enum hz_metric metric, const char *const *label, double value,
                        const struct hz_hist *hist)
{
	struct otlp_writer *writer = ctx;
	const struct hz_metric_info *info = hz_metric_set_info(metric);
	const struct hz_map_view *now = &writer->feed->now;
	json_t *point = json_object(), *attributes = json_array();

	if (writer->family != metric)
		family_begin(writer, metric);
	for (uint32_t i = 0; i < HZ_METRIC_LABELS_MAX && info->label[i] != NULL; i++)
		json_array_append_new(attributes, text_attribute(info->label[i], label[i]));
	json_object_set_new(point, "attributes", attributes);
	json_object_set_new(point, "timeUnixNano", long_json(now->time_ns + now->unix_minus_ns));
	/* Another start tells of counters that began anew. Not known: not said, which is allowed. */
	if (info->type != HZ_METRIC_gauge && writer->feed->source.made_unix_ns != 0)
		json_object_set_new(point, "startTimeUnixNano",
		                    long_json(writer->feed->source.made_unix_ns));
	if (hist != NULL)
		hist_set(point, hist);
	else
		json_object_set_new(point, "asDouble", json_real(value));
	json_array_append_new(writer->points, point);
}

void hz_otlp_doc_metrics(const struct hz_feed *feed, struct hz_doc *out)
{
	struct otlp_writer writer = { feed, json_array(), NULL, HZ_METRICS };

	if (hz_metric_set_each(feed, 1, series_take, &writer) == 0) {
		json_decref(writer.metrics);
		out->is_failed = true;
		return;
	}
	doc_add(out,
	        json_pack("{s:[{s:o, s:[{s:{s:s, s:s}, s:o}]}]}", "resourceMetrics", "resource",
	                  resource_json(feed->conf.instance), "scopeMetrics", "scope", "name",
	                  "hz-collector", "version", HZ_VERSION, "metrics", writer.metrics));
}

static void hex_write(const uint8_t *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		*out++ = "0123456789abcdef"[bytes[i] >> 4];
		*out++ = "0123456789abcdef"[bytes[i] & 15];
	}
	*out = '\0';
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* Text of a record need not be terminated. */
static json_t *field_attribute(const char *key, const char *text, size_t room)
{
	char copy[128] = "";

	memcpy(copy, text, HZ_MIN(strnlen(text, room), sizeof(copy) - 1));
	return text_attribute(key, copy);
}

static json_t *attributes_json(const struct hz_event_slow *slow)
{
	json_t *attributes = json_array();
	char key[32];

	json_array_append_new(attributes, field_attribute("http.request.method", slow->method,
	                                                  sizeof(slow->method)));
	json_array_append_new(attributes,
	                      field_attribute("url.path", slow->path, sizeof(slow->path)));
	json_array_append_new(attributes, field_attribute("http.route", slow->route_name,
	                                                  sizeof(slow->route_name)));
	json_array_append_new(attributes, attribute_json("http.response.status_code",
	                                                 json_pack("{s:o}", "intValue",
	                                                           long_json(slow->status))));
	json_array_append_new(
		attributes, attribute_json("hz.worker", json_pack("{s:o}", "intValue",
	                                                          long_json(slow->header.worker))));
	json_array_append_new(
		attributes,
		attribute_json("hz.is_example", json_pack("{s:b}", "boolValue", slow->is_example)));
	for (uint32_t i = HZ_STAGE_TOTAL + 1; i < HZ_STAGE_HEALTH; i++) {
		if (slow->stage_ns[i] == 0) /* not measured: who takes averages wants no zero */
			continue;
		snprintf(key, sizeof(key), "hz.stage.%s_ns", stage_names[i]);
		json_array_append_new(attributes,
		                      attribute_json(key, json_pack("{s:o}", "intValue",
		                                                    long_json(slow->stage_ns[i]))));
	}
	return attributes;
}

void hz_otlp_doc_span(const struct hz_event_slow *slow, uint64_t unix_minus_ns,
                      const uint8_t random[24], struct hz_doc *out)
{
	uint64_t end_ns = slow->header.time_ns + unix_minus_ns;
	bool has_trace = !is_zero(slow->trace_id, sizeof(slow->trace_id));
	bool has_span = has_trace && !is_zero(slow->span_id, sizeof(slow->span_id));
	char trace[33], span[17];

	hex_write(has_trace ? slow->trace_id : random, 16, trace);
	hex_write(has_span ? slow->span_id : random + 16, 8, span);
	if (out->bytes > 0)
		hz_doc_text_add(out, ",", 1);
	doc_add(out,
	        json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:{s:i}}", "traceId", trace,
	                  "spanId", span, "name", "request", "kind", SPAN_KIND_SERVER,
	                  "startTimeUnixNano",
	                  long_json(end_ns - HZ_MIN(end_ns, slow->stage_ns[HZ_STAGE_TOTAL])),
	                  "endTimeUnixNano", long_json(end_ns), "attributes", attributes_json(slow),
	                  "status", "code", slow->status >= 500 ? STATUS_ERROR : 0));
}

void hz_otlp_doc_traces(const char *instance, const struct hz_doc *spans, struct hz_doc *out)
{
	hz_doc_text_print(out, "{\"resourceSpans\":[{\"resource\":");
	doc_add(out, resource_json(instance));
	hz_doc_text_print(out, ",\"scopeSpans\":[{\"scope\":{\"name\":\"hz-collector\",\"version\":"
	                       "\"" HZ_VERSION "\"},\"spans\":[");
	hz_doc_text_add(out, spans->data, spans->bytes);
	hz_doc_text_print(out, "]}]}]}");
	out->is_failed |= spans->is_failed;
}
