#include "collector/web_doc.h"
#include "collector/history.h"
#include "collector/past_doc.h"
#include "collector/status_doc.h"
#include "collector/time_doc.h"
#include "page/page_html.h" /* generated from page/index.html */
#include <stdlib.h>
#include <string.h>

static const struct hz_web_doc_kind kinds[] = {
	{ "/api/v1/status", HZ_WEB_DOC_STATUS, HZ_STAGE_COUNT, 10, HZ_TIME_DOC_LAST_S },
	{ "/api/v1/latency", HZ_WEB_DOC_LATENCY, HZ_STAGE_COUNT, 10, HZ_TIME_DOC_LAST_S },
	{ "/api/v1/heatmap", HZ_WEB_DOC_HEATMAP, HZ_STAGE_TOTAL, 120, HZ_TIME_DOC_LAST_S },
	{ "/api/v1/events", HZ_WEB_DOC_EVENTS, HZ_STAGE_COUNT, 100,
	  HZ_EVENT_LOG_ROOM *HZ_EVENT_LOG_KINDS },
};

const struct hz_web_doc_kind *hz_web_doc_find(const char *path)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].path, path) == 0)
			return &kinds[i];
	return NULL;
}

uint32_t hz_web_doc_last_max(const struct hz_web_doc_kind *kind, const struct hz_feed *feed)
{
	return kind->doc == HZ_WEB_DOC_HEATMAP && feed->history != NULL ? HZ_HISTORY_KEEP_S
	                                                                : kind->last_max;
}

static void heatmap_write(const struct hz_feed *feed, const struct hz_web_query *query,
                          struct hz_doc *out)
{
	if (query->last > HZ_TIME_DOC_LAST_S)
		hz_past_doc_heatmap(feed, query->stage, query->last, out);
	else
		hz_time_doc_heatmap(feed, query->stage, query->last, out);
}

static void status_write(const struct hz_feed *feed, struct hz_doc *out)
{
	json_t *status = hz_status_doc(feed);
	char *text = json_dumps(status, JSON_COMPACT | JSON_REAL_PRECISION(9));

	json_decref(status);
	if (text == NULL)
		out->is_failed = true;
	else
		hz_doc_text_add(out, text, strlen(text));
	free(text);
}

static void doc_write(const struct hz_feed *feed, enum hz_web_doc doc,
                      const struct hz_web_query *query, struct hz_doc *out)
{
	switch (doc) {
	case HZ_WEB_DOC_STATUS:
		status_write(feed, out);
		break;
	case HZ_WEB_DOC_LATENCY:
		hz_time_doc_latency(feed, query->stage, query->last, out);
		break;
	case HZ_WEB_DOC_HEATMAP:
		heatmap_write(feed, query, out);
		break;
	case HZ_WEB_DOC_EVENTS:
		hz_doc_text_print(out, "{\"events\":");
		hz_event_log_write(&feed->log, query->kind, query->last, out);
		hz_doc_text_add(out, "}", 1);
		break;
	case HZ_WEB_DOCS:
		break;
	}
}

static void kept_drop(struct hz_web_kept *kept)
{
	if (kept->response != NULL)
		MHD_destroy_response(kept->response);
	*kept = (struct hz_web_kept){ 0 };
}

/* One that is stale, else the oldest one. */
static struct hz_web_kept *place_find(struct hz_web_docs *docs)
{
	struct hz_web_kept *oldest = &docs->kept[0];

	for (uint32_t i = 0; i < HZ_WEB_DOCS_KEPT; i++) {
		if (docs->kept[i].left_s == 0)
			return &docs->kept[i];
		if (docs->kept[i].number < oldest->number)
			oldest = &docs->kept[i];
	}
	return oldest;
}

static bool has_time(enum hz_web_doc doc)
{
	return doc == HZ_WEB_DOC_LATENCY || doc == HZ_WEB_DOC_HEATMAP;
}

/* Events come at any time; the rest changes with the second, and what is made of columns of 10
 * s with their step. */
static uint32_t fresh_s(enum hz_web_doc doc, const struct hz_web_query *query)
{
	if (doc == HZ_WEB_DOC_EVENTS)
		return 0;
	return has_time(doc) && query->last > HZ_SERIES_NEAR_COLUMNS ? HZ_SERIES_FAR_STEP_S : 1;
}

/* An hour has as many columns as a day, and takes as long. */
static bool is_slow(enum hz_web_doc doc, const struct hz_web_query *query)
{
	return has_time(doc) && query->last > HZ_WEB_DOCS_SWIFT_S;
}

const struct hz_web_kept *hz_web_doc_get(struct hz_web_docs *docs, const struct hz_feed *feed,
                                         enum hz_web_doc doc, const struct hz_web_query *query)
{
	static const struct hz_web_query of_all = { .stage = HZ_STAGE_COUNT };
	struct hz_web_kept *kept;
	struct hz_doc text = { 0 };

	if (doc == HZ_WEB_DOC_STATUS) /* is the same whatever is asked for */
		query = &of_all;
	for (uint32_t i = 0; i < HZ_WEB_DOCS_KEPT; i++) {
		kept = &docs->kept[i];
		if (kept->left_s > 0 && kept->doc == doc && kept->query.stage == query->stage &&
		    kept->query.last == query->last)
			return kept;
	}
	if (is_slow(doc, query) && docs->slow++ >= HZ_WEB_DOCS_SLOW)
		return NULL;
	kept = place_find(docs);
	kept_drop(kept);
	doc_write(feed, doc, query, &text);
	hz_doc_text_trim(&text);
	*kept = (struct hz_web_kept){ .doc = doc,
		                      .query = *query,
		                      .number = docs->made++,
		                      .data = text.data,
		                      .bytes = text.bytes };
	kept->response = hz_web_body_make(docs->bodies, &text, "application/json");
	if (kept->response == NULL) {
		kept_drop(kept);
		return NULL;
	}
	kept->left_s = fresh_s(doc, query);
	return kept;
}

void hz_web_doc_tick(struct hz_web_docs *docs, const struct hz_feed *feed, uint64_t marks_told,
                     uint64_t lost, struct hz_doc *out)
{
	const struct hz_web_query query = { .stage = HZ_STAGE_COUNT };
	const struct hz_web_kept *status = hz_web_doc_get(docs, feed, HZ_WEB_DOC_STATUS, &query);

	if (status == NULL) {
		out->is_failed = true;
		return;
	}
	hz_doc_text_print(out, "{\"status\":");
	hz_doc_text_add(out, status->data, status->bytes);
	hz_doc_text_print(out, ",\"column\":");
	hz_time_doc_column(feed, HZ_STAGE_TOTAL, out);
	hz_doc_text_print(out, ",\"marks\":");
	hz_event_log_marks_since(&feed->log, marks_told, out);
	hz_doc_text_print(out, ",\"lost\":%llu}", (unsigned long long)lost);
}

void hz_web_doc_expire(struct hz_web_docs *docs)
{
	docs->slow = 0;
	for (uint32_t i = 0; i < HZ_WEB_DOCS_KEPT; i++)
		if (docs->kept[i].left_s == 0 || --docs->kept[i].left_s == 0)
			kept_drop(&docs->kept[i]);
}

void hz_web_doc_close(struct hz_web_docs *docs)
{
	for (uint32_t i = 0; i < HZ_WEB_DOCS_KEPT; i++)
		kept_drop(&docs->kept[i]);
}

struct hz_span hz_web_doc_page(void)
{
	return (struct hz_span){ page_html, sizeof(page_html) };
}
