/* Ring records as JSON lines; hostile content is normal input. */
#include "abi/hist_bucket.h"
#include "collector/event_json.h"
#include "hz_test.h"
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_MINUS_NS 1700000000000000000ull
#define PAIRS_AT      offsetof(struct hz_event_hist_delta, pair)

static struct hz_event_hist_delta sample(void)
{
	struct hz_event_hist_delta delta = {
		.header = { .kind = HZ_EVENT_HIST_DELTA,
		            .worker = 3,
		            .sequence = 9,
		            .time_ns = 77 },
		.stage = HZ_STAGE_PARSE,
		.pair_count = 2,
		.sum_ns = 5000,
		.max_ns = 2600,
	};

	delta.header.bytes = (__u32)(PAIRS_AT + 2 * sizeof(delta.pair[0]));
	delta.pair[0].bucket = hz_hist_bucket(1200);
	delta.pair[0].gained = 2;
	delta.pair[1].bucket = hz_hist_bucket(2600);
	delta.pair[1].gained = 1;
	return delta;
}

/* From an exact-size heap block, so that a sanitizer sees every byte read beyond it. */
static int render(const void *record, size_t bytes, char out[HZ_EVENT_JSON_BYTES])
{
	void *copy = malloc(bytes > 0 ? bytes : 1);
	int len;

	memcpy(copy, record, bytes);
	len = hz_event_json_line(copy, bytes, UNIX_MINUS_NS, out);
	free(copy);
	return len;
}

static void dropped_frame_becomes_one_line_of_json(void)
{
	struct hz_sample drop = {
		.header = { .kind = HZ_EVENT_DROP, .worker = 1, .bytes = sizeof(drop) },
		.reason = HZ_REASON_drop_fragment,
		.frame_bytes = 3,
		.frames = 7,
		.data = { 0x0a, 0xff, 0x00 },
	};
	char line[HZ_EVENT_JSON_BYTES];
	json_t *root;
	int len = render(&drop, sizeof(drop), line);

	CU_ASSERT_FATAL(len > 0);
	root = json_loadb(line, (size_t)len, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "kind")), "drop");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "reason")), "drop_fragment");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "data")), "0aff00");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "frames")), 7);
	json_decref(root);
	drop.frame_bytes = UINT32_MAX; /* no more is there than the record holds */
	CU_ASSERT(render(&drop, sizeof(drop), line) > 0);
	drop.reason = HZ_REASON_COUNT;
	CU_ASSERT_EQUAL(render(&drop, sizeof(drop), line), -EBADMSG);
	drop.reason = 0;
	CU_ASSERT_EQUAL(render(&drop, sizeof(drop) - 1, line), -EBADMSG);
	drop.header.bytes--;
	CU_ASSERT_EQUAL(render(&drop, sizeof(drop), line), -EBADMSG);
}

static void delta_becomes_one_line_of_json(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];
	json_t *root, *bucket;
	int len = render(&delta, delta.header.bytes, line);

	CU_ASSERT_FATAL(len > 0);
	CU_ASSERT_EQUAL(line[len - 1], '\n');
	CU_ASSERT_PTR_NULL(memchr(line, '\n', (size_t)len - 1));
	root = json_loadb(line, (size_t)len, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "kind")), "hist_delta");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "stage")), "parse");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "worker")), 3);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "sequence")), 9);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "time_ns")), 77);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "samples")), 3);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "sum_ns")), 5000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "max_ns")), 2600);
	bucket = json_array_get(json_object_get(root, "buckets"), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 0)), 2560);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 1)), 64);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 2)), 1);
	json_decref(root);
}

static void longest_record_fits_a_line(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];
	json_t *root;
	int len;

	delta.pair_count = HZ_DELTA_PAIRS;
	delta.header.bytes = sizeof(delta);
	memset(&delta.header.sequence, 0x7f, 16);
	delta.sum_ns = delta.max_ns = INT64_MAX;
	for (uint32_t i = 0; i < HZ_DELTA_PAIRS; i++) {
		delta.pair[i].bucket = HZ_HIST_BUCKETS - 1;
		delta.pair[i].gained = UINT32_MAX;
	}
	len = render(&delta, sizeof(delta), line);
	CU_ASSERT_FATAL(len > 0 && len < HZ_EVENT_JSON_BYTES);
	root = json_loadb(line, (size_t)len, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "samples")),
	                (json_int_t)UINT32_MAX * HZ_DELTA_PAIRS);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "buckets")), HZ_DELTA_PAIRS);
	json_decref(root);
}

static void record_cut_anywhere_is_bad(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	for (size_t bytes = 0; bytes < delta.header.bytes; bytes++) {
		CU_ASSERT_EQUAL(render(&delta, bytes, line), -EBADMSG);
	}
	CU_ASSERT(render(&delta, delta.header.bytes, line) > 0);
}

static void record_that_claims_less_than_its_pairs_is_bad(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	for (__u32 claim = 0; claim < PAIRS_AT + 2 * sizeof(delta.pair[0]); claim++) {
		delta.header.bytes = claim;
		CU_ASSERT_EQUAL(render(&delta, sizeof(delta), line), -EBADMSG);
	}
}

static void record_that_claims_more_than_it_is_is_bad(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	delta.header.bytes = sizeof(delta) + 1;
	CU_ASSERT_EQUAL(render(&delta, sizeof(delta), line), -EBADMSG);
	delta.header.bytes = UINT32_MAX;
	CU_ASSERT_EQUAL(render(&delta, sizeof(delta), line), -EBADMSG);
}

static void pair_count_beyond_the_array_is_bad(void)
{
	static const uint32_t lies[] = { HZ_DELTA_PAIRS + 1, 0x20000002, UINT32_MAX };
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	delta.header.bytes = sizeof(delta);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		delta.pair_count = lies[i];
		CU_ASSERT_EQUAL(render(&delta, sizeof(delta), line), -EBADMSG);
	}
}

static void record_longer_than_the_struct_is_bad(void)
{
	static const uint32_t pairs[] = { HZ_DELTA_PAIRS + 1, HZ_DELTA_PAIRS * 8 };
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t bytes = PAIRS_AT + pairs[i] * sizeof(delta.pair[0]);
		uint8_t *record = calloc(1, bytes);

		delta.pair_count = pairs[i]; /* and its length agrees */
		delta.header.bytes = (__u32)bytes;
		memcpy(record, &delta, PAIRS_AT);
		CU_ASSERT_EQUAL(hz_event_json_line(record, bytes, UNIX_MINUS_NS, line), -EBADMSG);
		free(record);
	}
}

static void stage_or_bucket_out_of_range_is_bad(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	delta.stage = HZ_STAGE_COUNT;
	CU_ASSERT_EQUAL(render(&delta, delta.header.bytes, line), -EBADMSG);
	delta = sample();
	delta.pair[1].bucket = HZ_HIST_BUCKETS;
	CU_ASSERT_EQUAL(render(&delta, delta.header.bytes, line), -EBADMSG);
}

static void kind_of_a_newer_version_is_not_supported(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];

	delta.header.kind = 999;
	CU_ASSERT_EQUAL(render(&delta, delta.header.bytes, line), -ENOTSUP);
}

static void delta_without_pairs_is_an_empty_list(void)
{
	struct hz_event_hist_delta delta = sample();
	char line[HZ_EVENT_JSON_BYTES];
	int len;

	delta.pair_count = 0;
	delta.header.bytes = PAIRS_AT;
	len = render(&delta, PAIRS_AT, line);
	CU_ASSERT_FATAL(len > 0);
	CU_ASSERT_PTR_NOT_NULL(memmem(line, (size_t)len, "\"samples\":0", 11));
	CU_ASSERT_PTR_NOT_NULL(memmem(line, (size_t)len, "\"buckets\":[]}", 13));
}

HZ_SUITE(event_json, CASE(delta_becomes_one_line_of_json),
         CASE(dropped_frame_becomes_one_line_of_json), CASE(longest_record_fits_a_line),
         CASE(record_cut_anywhere_is_bad), CASE(record_that_claims_less_than_its_pairs_is_bad),
         CASE(record_that_claims_more_than_it_is_is_bad), CASE(pair_count_beyond_the_array_is_bad),
         CASE(record_longer_than_the_struct_is_bad), CASE(stage_or_bucket_out_of_range_is_bad),
         CASE(kind_of_a_newer_version_is_not_supported),
         CASE(delta_without_pairs_is_an_empty_list));
