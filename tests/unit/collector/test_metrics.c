/* Metrics in their forms: what is written is read back by a reader of its own. */
#include "abi/hist_bucket.h"
#include "collector/native_hist.h"
#include "collector/prom_proto.h"
#include "collector/prom_text.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- a reader of protobuf, from the encoding's own description ------------------------------------- */

struct part {
	const uint8_t *at, *end;
};
struct field {
	uint32_t number, wire;
	uint64_t value; /* a varint, or the bits of a double */
	struct part bytes;
};

static uint64_t varint_take(struct part *in)
{
	uint64_t value = 0;
	uint32_t shift = 0;

	do {
		CU_ASSERT_FATAL(in->at < in->end && shift < 64);
		value |= (uint64_t)(*in->at & 0x7f) << shift;
		shift += 7;
	} while ((*in->at++ & 0x80) != 0);
	return value;
}

static bool field_take(struct part *in, struct field *out)
{
	uint64_t key;

	if (in->at == in->end)
		return false;
	key = varint_take(in);
	*out = (struct field){ .number = (uint32_t)(key >> 3), .wire = key & 7 };
	if (out->wire == 0) {
		out->value = varint_take(in);
	} else if (out->wire == 1) {
		CU_ASSERT_FATAL(in->end - in->at >= 8);
		memcpy(&out->value, in->at, 8);
		in->at += 8;
	} else {
		uint64_t bytes = varint_take(in);

		CU_ASSERT_FATAL(out->wire == 2 && bytes <= (uint64_t)(in->end - in->at));
		out->bytes = (struct part){ in->at, in->at + bytes };
		in->at += bytes;
	}
	return true;
}

static int64_t unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static double as_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

struct read_hist {
	uint64_t count, zero, in_buckets;
	double sum, threshold;
	int32_t schema;
	uint32_t buckets;
	struct {
		int64_t index;
		uint64_t count;
	} bucket[1024];
};

/* Spans first, as they are written, then deltas. */
static void hist_read(struct part in, struct read_hist *out)
{
	struct field field;
	int64_t index = 0, count = 0;
	uint32_t next = 0;

	memset(out, 0, sizeof(*out));
	while (field_take(&in, &field)) {
		if (field.number == 1)
			out->count = field.value;
		if (field.number == 2)
			out->sum = as_double(field.value);
		if (field.number == 5)
			out->schema = (int32_t)unzigzag(field.value);
		if (field.number == 6)
			out->threshold = as_double(field.value);
		if (field.number == 7)
			out->zero = field.value;
		if (field.number == 12) {
			struct field offset, length;

			CU_ASSERT_FATAL(field_take(&field.bytes, &offset));
			CU_ASSERT_FATAL(field_take(&field.bytes, &length));
			index += unzigzag(offset.value);
			for (uint64_t i = 0; i < length.value; i++)
				out->bucket[out->buckets++].index = index++;
		}
		while (field.number == 13 && field.bytes.at < field.bytes.end) {
			count += unzigzag(varint_take(&field.bytes));
			CU_ASSERT_FATAL(next < out->buckets && count > 0);
			out->bucket[next++].count = (uint64_t)count;
			out->in_buckets += (uint64_t)count;
		}
	}
	CU_ASSERT_EQUAL(next, out->buckets);
}

/* --- histograms ---------------------------------------------------------------------------------------- */

static void hist_fill(struct hz_hist *hist, uint32_t samples)
{
	uint32_t state = 99;

	for (uint32_t i = 0; i < samples; i++) {
		state = state * 1664525u + 1013904223u;
		hz_hist_record(hist, (uint64_t)exp((double)(state >> 8) / (1 << 24) * 22));
	}
	hz_hist_record(hist, 0);
	hz_hist_record(hist, HZ_HIST_MAX_NS);
}

static void every_slot_goes_to_the_bucket_that_holds_its_middle(void)
{
	for (uint32_t i = 1; i < HZ_HIST_BUCKETS; i++) {
		struct hz_hist hist = { 0 };
		struct hz_native_hist native;
		double middle = (double)hz_hist_bucket_value(i) * 1e-9;
		double high;

		hist.bucket[i] = 5;
		hz_native_hist_make(&hist, &native);
		CU_ASSERT_EQUAL_FATAL(native.count, 5);
		CU_ASSERT_EQUAL_FATAL(native.end, native.first + 1);
		CU_ASSERT_EQUAL_FATAL(native.bucket[native.first], 5);
		high = exp2(((double)native.first + HZ_NATIVE_LOWEST) / 16);
		CU_ASSERT_FATAL(middle <= high * (1 + 1e-9) &&
		                middle > high / exp2(1.0 / 16) * (1 - 1e-9));
	}
}

static void empty_histogram_has_no_buckets(void)
{
	struct hz_hist hist = { 0 };
	struct hz_native_hist native;

	hz_native_hist_make(&hist, &native);
	CU_ASSERT_EQUAL(native.first, native.end);
	CU_ASSERT_EQUAL(native.count, 0);
}

static void native_histogram_is_read_back_with_every_sample_in_its_bucket(void)
{
	const char *const label[] = { "total", "0\xff" };
	struct hz_hist hist = { 0 };
	struct hz_native_hist native;
	struct hz_doc doc = { 0 };
	struct hz_prom_proto proto = { .out = &doc, .family = HZ_METRICS };
	struct read_hist read = { 0 };
	struct field field;
	struct part in, family;
	uint32_t at = 0;

	hist_fill(&hist, 5000);
	hz_native_hist_make(&hist, &native);
	hz_prom_proto_series(&proto, HZ_METRIC_hz_request_duration_seconds, label, 0, &hist);
	hz_prom_proto_end(&proto);
	CU_ASSERT_FALSE_FATAL(doc.is_failed);
	in = (struct part){ (const uint8_t *)doc.data, (const uint8_t *)doc.data + doc.bytes };
	CU_ASSERT_EQUAL_FATAL(varint_take(&in), (uint64_t)(in.end - in.at));
	while (field_take(&in, &field)) {
		if (field.number == 3)
			CU_ASSERT_EQUAL(field.value, 4); /* HISTOGRAM */
		if (field.number != 4)
			continue;
		family = field.bytes;
		while (field_take(&family, &field)) {
			if (field.number == 1) /* no byte that is not UTF-8 */
				CU_ASSERT_PTR_NULL(
					memchr(field.bytes.at, 0xff,
				               (size_t)(field.bytes.end - field.bytes.at)));
			if (field.number == 7)
				hist_read(field.bytes, &read);
		}
	}
	CU_ASSERT_EQUAL(read.count, 5002);
	CU_ASSERT_EQUAL(read.zero, hist.bucket[0]);
	CU_ASSERT_EQUAL(read.in_buckets + read.zero, read.count);
	CU_ASSERT_EQUAL(read.schema, 4);
	CU_ASSERT(read.threshold > 0 && read.threshold < 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(read.sum, (double)hist.sum_ns * 1e-9, 1e-9);
	for (uint32_t i = native.first; i < native.end; i++) {
		if (native.bucket[i] == 0)
			continue;
		CU_ASSERT_EQUAL_FATAL(read.bucket[at].index, (int64_t)i + HZ_NATIVE_LOWEST);
		CU_ASSERT_EQUAL_FATAL(read.bucket[at].count, native.bucket[i]);
		at++;
	}
	CU_ASSERT_EQUAL(at, read.buckets);
	hz_doc_text_close(&doc);
}

static void counter_and_gauge_are_read_back(void)
{
	static const struct {
		enum hz_metric metric;
		uint32_t number, type;
	} rows[] = { { HZ_METRIC_hz_telemetry_records_total, 3, 0 }, { HZ_METRIC_hz_up, 2, 1 } };

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_doc doc = { 0 };
		struct hz_prom_proto proto = { .out = &doc, .family = HZ_METRICS };
		struct field field, metric, value;
		struct part in;
		bool is_seen = false;

		hz_prom_proto_series(&proto, rows[i].metric, NULL, 12345678901.0, NULL);
		hz_prom_proto_end(&proto);
		in = (struct part){ (const uint8_t *)doc.data,
			            (const uint8_t *)doc.data + doc.bytes };
		(void)varint_take(&in);
		while (field_take(&in, &field)) {
			if (field.number == 3)
				CU_ASSERT_EQUAL(field.value, rows[i].type);
			if (field.number != 4)
				continue;
			CU_ASSERT_FATAL(field_take(&field.bytes, &metric));
			CU_ASSERT_EQUAL(metric.number, rows[i].number);
			CU_ASSERT_FATAL(field_take(&metric.bytes, &value));
			CU_ASSERT_DOUBLE_EQUAL(as_double(value.value), 12345678901.0, 0);
			is_seen = true;
		}
		CU_ASSERT_TRUE(is_seen);
		hz_doc_text_close(&doc);
	}
}

static void classic_buckets_grow_to_the_count(void)
{
	const char *const label[] = { "total", "all" };
	enum hz_metric family = HZ_METRICS;
	struct hz_hist hist = { 0 };
	struct hz_doc doc = { 0 };
	uint32_t bounds = 0;
	unsigned long long count = 0, before = 0;
	double le = 0, le_before = 0;

	hist_fill(&hist, 5000);
	hz_prom_text_series(&doc, &family, HZ_METRIC_hz_request_duration_seconds, label, 0, &hist);
	hz_doc_text_add(&doc, "", 1);
	for (const char *at = doc.data; (at = strstr(at, "le=\"")) != NULL; bounds++) {
		uint64_t below = 0;
		char *end;

		at += 4;
		le = strtod(at, &end);
		count = strtoull(end + 3, NULL, 10);
		CU_ASSERT_FATAL(le > le_before && count >= before);
		for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++)
			if (isinf(le) || (double)hz_hist_bucket_value(i) * 1e-9 < le)
				below += hist.bucket[i];
		CU_ASSERT_EQUAL_FATAL(count, below);
		le_before = le;
		before = count;
	}
	CU_ASSERT_EQUAL(bounds, HZ_PROM_TEXT_BOUNDS + 1);
	CU_ASSERT_TRUE(isinf(le));
	CU_ASSERT_EQUAL(count, 5002);
	hz_doc_text_close(&doc);
}

/* What text can promise of a quantile: it lies in the bucket of what is meant, and that is never half as wide again. */
static void bucket_of_text_holds_a_value_to_the_half(void)
{
	const char *const label[] = { "health", "all" };

	for (uint64_t ns = 300; ns < 1000000000; ns += ns / 3) {
		enum hz_metric family = HZ_METRICS;
		struct hz_hist hist = { 0 };
		struct hz_doc doc = { 0 };
		double low = 0, high = 0;

		hz_hist_record(&hist, ns);
		hz_prom_text_series(&doc, &family, HZ_METRIC_hz_request_duration_seconds, label, 0,
		                    &hist);
		hz_doc_text_add(&doc, "", 1);
		for (const char *at = doc.data; (at = strstr(at, "le=\"")) != NULL;) {
			char *end;

			at += 4;
			low = high;
			high = strtod(at, &end);
			if (end[3] == '1')
				break;
		}
		CU_ASSERT_FATAL(low > 0 && low * 1e9 <= (double)ns && high * 1e9 >= (double)ns);
		CU_ASSERT_FATAL(high <= low * (1.5 + 1e-6));
		hz_doc_text_close(&doc);
	}
}

static void hostile_label_cannot_leave_its_quotes(void)
{
	const char *const label[] = { "a\"} 1\nhz_up 0\\", "2xx" };
	enum hz_metric family = HZ_METRIC_hz_requests_total;
	struct hz_doc doc = { 0 };

	hz_prom_text_series(&doc, &family, HZ_METRIC_hz_requests_total, label, 3, NULL);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_STRING_EQUAL(doc.data, "hz_requests_total{route=\"a\\\"} 1\\nhz_up 0\\\\\","
	                                 "code_class=\"2xx\"} 3\n");
	hz_doc_text_close(&doc);
}

HZ_SUITE(metrics, CASE(every_slot_goes_to_the_bucket_that_holds_its_middle),
         CASE(empty_histogram_has_no_buckets),
         CASE(native_histogram_is_read_back_with_every_sample_in_its_bucket),
         CASE(counter_and_gauge_are_read_back), CASE(classic_buckets_grow_to_the_count),
         CASE(hostile_label_cannot_leave_its_quotes),
         CASE(bucket_of_text_holds_a_value_to_the_half));
