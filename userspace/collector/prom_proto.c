#include "collector/prom_proto.h"
#include <string.h>

/* Field numbers of github.com/prometheus/client_model, io/prometheus/client/metrics.proto. */
enum field {
	FAMILY_NAME = 1,
	FAMILY_HELP = 2,
	FAMILY_TYPE = 3,
	FAMILY_METRIC = 4,
	METRIC_LABEL = 1,
	METRIC_GAUGE = 2,
	METRIC_COUNTER = 3,
	METRIC_HISTOGRAM = 7,
	LABEL_NAME = 1,
	LABEL_VALUE = 2,
	NUMBER_VALUE = 1,
	HIST_COUNT = 1,
	HIST_SUM = 2,
	HIST_SCHEMA = 5,
	HIST_ZERO_THRESHOLD = 6,
	HIST_ZERO_COUNT = 7,
	HIST_SPAN = 12,
	HIST_DELTA = 13,
	SPAN_OFFSET = 1,
	SPAN_LENGTH = 2,
};
enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2 };
static const uint64_t family_types[] = {
	[HZ_METRIC_counter] = 0, [HZ_METRIC_gauge] = 1, [HZ_METRIC_histogram] = 4
};

static void varint_put(struct hz_doc *out, uint64_t value)
{
	uint8_t byte;

	while (value >= 0x80) {
		byte = (uint8_t)(value | 0x80);
		hz_doc_text_add(out, &byte, 1);
		value >>= 7;
	}
	byte = (uint8_t)value;
	hz_doc_text_add(out, &byte, 1);
}

static void key_put(struct hz_doc *out, enum field field, enum wire wire)
{
	varint_put(out, (uint64_t)field << 3 | wire);
}

static void number_put(struct hz_doc *out, enum field field, uint64_t value)
{
	key_put(out, field, WIRE_VARINT);
	varint_put(out, value);
}

/* Small numbers of either sign are short: 0, -1, 1, -2, ... */
static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static void double_put(struct hz_doc *out, enum field field, double value)
{
	key_put(out, field, WIRE_64); /* little-endian, as every machine we run on */
	hz_doc_text_add(out, &value, sizeof(value));
}

static void bytes_put(struct hz_doc *out, enum field field, const void *data, size_t bytes)
{
	key_put(out, field, WIRE_BYTES);
	varint_put(out, bytes);
	hz_doc_text_add(out, data, bytes);
}

static void message_put(struct hz_doc *out, enum field field, const struct hz_doc *message)
{
	out->is_failed |= message->is_failed;
	bytes_put(out, field, message->data, message->bytes);
}

/* A protobuf string is UTF-8; what a map holds need not be. */
static void text_put(struct hz_doc *out, enum field field, const char *text)
{
	char plain[128];
	size_t len = strnlen(text, sizeof(plain));

	for (size_t i = 0; i < len; i++)
		plain[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	bytes_put(out, field, plain, len);
}

static void labels_put(struct hz_prom_proto *proto, enum hz_metric metric, const char *const *label)
{
	const struct hz_metric_info *info = hz_metric_set_info(metric);

	for (uint32_t i = 0; i < HZ_METRIC_LABELS_MAX && info->label[i] != NULL; i++) {
		hz_doc_text_clear(&proto->inner);
		text_put(&proto->inner, LABEL_NAME, info->label[i]);
		text_put(&proto->inner, LABEL_VALUE, label[i]);
		message_put(&proto->metric, METRIC_LABEL, &proto->inner);
	}
}

static void span_put(struct hz_doc *out, int64_t offset, uint32_t length)
{
	struct hz_doc span = { 0 };

	number_put(&span, SPAN_OFFSET, zigzag(offset));
	number_put(&span, SPAN_LENGTH, length);
	message_put(out, HIST_SPAN, &span);
	hz_doc_text_close(&span);
}

/* Runs of buckets that are not empty; the first offset is an index, the others are gaps. */
static void spans_put(struct hz_doc *out, const struct hz_native_hist *native)
{
	int64_t behind = 0;

	for (uint32_t i = native->first; i < native->end;) {
		uint32_t end = i;

		while (end < native->end && native->bucket[end] > 0)
			end++;
		if (end > i) {
			span_put(out, (int64_t)i + HZ_NATIVE_LOWEST - behind, end - i);
			behind = (int64_t)end + HZ_NATIVE_LOWEST;
		}
		i = HZ_MAX(end, i + 1);
	}
}

static void deltas_put(struct hz_doc *out, const struct hz_native_hist *native)
{
	struct hz_doc packed = { 0 };
	uint64_t before = 0;

	for (uint32_t i = native->first; i < native->end; i++) {
		if (native->bucket[i] == 0)
			continue;
		varint_put(&packed, zigzag((int64_t)(native->bucket[i] - before)));
		before = native->bucket[i];
	}
	message_put(out, HIST_DELTA, &packed);
	hz_doc_text_close(&packed);
}

static void hist_put(struct hz_doc *out, const struct hz_hist *hist)
{
	struct hz_native_hist native;

	hz_native_hist_make(hist, &native);
	number_put(out, HIST_COUNT, native.count);
	double_put(out, HIST_SUM, native.sum_s);
	number_put(out, HIST_SCHEMA, zigzag(HZ_NATIVE_SCHEMA));
	double_put(out, HIST_ZERO_THRESHOLD, HZ_NATIVE_ZERO_THRESHOLD);
	number_put(out, HIST_ZERO_COUNT, native.zero);
	spans_put(out, &native);
	deltas_put(out, &native);
}

static void family_end(struct hz_prom_proto *proto)
{
	if (proto->family == HZ_METRICS)
		return;
	varint_put(proto->out, proto->body.bytes);
	hz_doc_text_add(proto->out, proto->body.data, proto->body.bytes);
	proto->out->is_failed |= proto->body.is_failed;
	hz_doc_text_clear(&proto->body);
}

static void family_begin(struct hz_prom_proto *proto, enum hz_metric metric)
{
	const struct hz_metric_info *info = hz_metric_set_info(metric);

	family_end(proto);
	proto->family = metric;
	text_put(&proto->body, FAMILY_NAME, info->name);
	text_put(&proto->body, FAMILY_HELP, info->help);
	number_put(&proto->body, FAMILY_TYPE, family_types[info->type]);
}

void hz_prom_proto_series(struct hz_prom_proto *proto, enum hz_metric metric,
                          const char *const *label, double value, const struct hz_hist *hist)
{
	enum hz_metric_type type = hz_metric_set_info(metric)->type;

	if (proto->family != metric)
		family_begin(proto, metric);
	hz_doc_text_clear(&proto->metric);
	labels_put(proto, metric, label);
	hz_doc_text_clear(&proto->inner);
	if (hist != NULL)
		hist_put(&proto->inner, hist);
	else
		double_put(&proto->inner, NUMBER_VALUE, value);
	message_put(&proto->metric,
	            type == HZ_METRIC_histogram ? METRIC_HISTOGRAM
	            : type == HZ_METRIC_counter ? METRIC_COUNTER
	                                        : METRIC_GAUGE,
	            &proto->inner);
	message_put(&proto->body, FAMILY_METRIC, &proto->metric);
}

void hz_prom_proto_end(struct hz_prom_proto *proto)
{
	family_end(proto);
	hz_doc_text_close(&proto->body);
	hz_doc_text_close(&proto->metric);
	hz_doc_text_close(&proto->inner);
}

static void series_take(void *ctx, enum hz_metric metric, const char *const *label, double value,
                        const struct hz_hist *hist)
{
	hz_prom_proto_series(ctx, metric, label, value, hist);
}

uint32_t hz_prom_proto_write(const struct hz_feed *feed, struct hz_doc *out)
{
	struct hz_prom_proto proto = { .out = out, .family = HZ_METRICS };
	uint32_t series = hz_metric_set_each(feed, 1, series_take, &proto);

	hz_prom_proto_end(&proto);
	return series;
}
