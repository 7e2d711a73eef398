#include "collector/otlp_push.h"
#include "collector/otlp_doc.h"
#include "collector/otlp_target.h"
#include "collector/span_queue.h"
#include "core/clock.h"
#include "core/log.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define URL_MAX      512
#define REQUEST_MS   5000L
#define TURN_MS      20 /* while a request is under way */
#define HTTP_OK_LOW  200
#define HTTP_OK_HIGH 299

enum push { PUSH_NONE, PUSH_METRICS, PUSH_TRACES };

struct hz_otlp {
	CURLM *multi; /* owned, as easy and headers */
	CURL *easy;
	struct curl_slist *headers;
	char url[URL_MAX];
	char origin[URL_MAX];       /* of it, for the log */
	enum push push;             /* under way */
	struct hz_doc body;         /* of it */
	struct hz_span_queue spans; /* that wait */
	uint32_t idle_s;            /* since the metrics went out */
	uint32_t wait_s;            /* before the next try */
	uint32_t backoff_s;
	bool is_failing; /* told */
	struct hz_otlp_counts counts;
};

/* What the other side says is of no use; but it has to be taken. */
static size_t answer_drop(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

static bool handle_open(struct hz_otlp *otlp)
{
	otlp->multi = curl_multi_init();
	otlp->easy = curl_easy_init();
	otlp->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (otlp->multi == NULL || otlp->easy == NULL || otlp->headers == NULL)
		return false;
	return curl_easy_setopt(otlp->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(otlp->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       /* Or the end of a transfer waits for its thread, which waits for a name server:
	        * up to one such thread a try is left behind, and ends with its getaddrinfo. */
	       curl_easy_setopt(otlp->easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(otlp->easy, CURLOPT_TIMEOUT_MS, REQUEST_MS) == CURLE_OK &&
	       curl_easy_setopt(otlp->easy, CURLOPT_WRITEFUNCTION, answer_drop) == CURLE_OK &&
	       curl_easy_setopt(otlp->easy, CURLOPT_USERAGENT, "hz-collector") == CURLE_OK;
}

/* Adds the fields of a key, a token, whatever the other side wants. */
static int fields_add(struct hz_otlp *otlp, const char *fields, struct hz_err *err)
{
	char line[HZ_OTLP_TARGET_LINE_BYTES];
	int status = 1;

	for (uint32_t i = 0; fields != NULL && status == 1; i++) {
		struct curl_slist *more = NULL;

		status = hz_otlp_target_header(&fields, line);
		if (status == 0)
			break;
		if (status < 0 || i == HZ_OTLP_TARGET_HEADERS)
			return hz_err_set(
				err, -EINVAL, 2, "usage", "name=value,name=value",
				"OTEL_EXPORTER_OTLP_HEADERS: field %u is none, or one too "
				"many",
				i + 1);
		more = curl_slist_append(otlp->headers, line);
		if (more == NULL)
			return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
		otlp->headers = more;
	}
	return 0;
}

int hz_otlp_push_open(const char *url, const char *fields, struct hz_otlp **out, struct hz_err *err)
{
	struct hz_otlp *otlp;
	size_t len = strlen(url);
	int status;

	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
	    len > URL_MAX - sizeof("/v1/metrics"))
		return hz_err_set(err, -EINVAL, 2, "usage", "--otlp http://127.0.0.1:4318",
		                  "that is no URL of OTLP over HTTP");
	otlp = calloc(1, sizeof(*otlp));
	if (otlp == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    !handle_open(otlp)) {
		hz_otlp_push_close(otlp);
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	}
	status = fields_add(otlp, fields, err);
	if (status != 0 ||
	    curl_easy_setopt(otlp->easy, CURLOPT_HTTPHEADER, otlp->headers) != CURLE_OK) {
		hz_otlp_push_close(otlp);
		return status;
	}
	while (len > 0 && url[len - 1] == '/')
		len--;
	memcpy(otlp->url, url, len);
	hz_otlp_target_origin(otlp->url, otlp->origin, sizeof(otlp->origin));
	otlp->backoff_s = 1;
	*out = otlp;
	return 0;
}

void hz_otlp_push_close(struct hz_otlp *otlp)
{
	if (otlp == NULL)
		return;
	if (otlp->push != PUSH_NONE)
		curl_multi_remove_handle(otlp->multi, otlp->easy);
	curl_easy_cleanup(otlp->easy);
	curl_multi_cleanup(otlp->multi);
	curl_slist_free_all(otlp->headers);
	hz_doc_text_close(&otlp->body);
	hz_span_queue_close(&otlp->spans);
	free(otlp);
}

void hz_otlp_push_slow(struct hz_otlp *otlp, const struct hz_event_slow *slow,
                       uint64_t unix_minus_ns)
{
	uint8_t random[24];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		otlp->spans.dropped++;
		return;
	}
	random[0] |= 1; /* ids of zeros alone mean none */
	random[16] |= 1;
	hz_otlp_doc_span(slow, unix_minus_ns, random, hz_span_queue_add(&otlp->spans));
}

static void push_end(struct hz_otlp *otlp, bool is_taken, const char *why)
{
	curl_multi_remove_handle(otlp->multi, otlp->easy);
	if (otlp->push == PUSH_TRACES)
		otlp->counts.spans += hz_span_queue_done(&otlp->spans, is_taken);
	if (is_taken) {
		otlp->counts.pushed++;
		otlp->backoff_s = 1;
		otlp->is_failing = false;
	} else {
		otlp->counts.failed++;
		if (otlp->push == PUSH_METRICS)
			otlp->idle_s = HZ_OTLP_EVERY_S; /* newer ones, as soon as it may be tried */
		otlp->wait_s = otlp->backoff_s;
		otlp->backoff_s = HZ_MIN(otlp->backoff_s * 2, (uint32_t)HZ_OTLP_BACKOFF_S);
		if (!otlp->is_failing)
			hz_log(HZ_LOG_WARN, "otlp: %s: %s; trying again", otlp->origin, why);
		otlp->is_failing = true;
	}
	otlp->push = PUSH_NONE;
	hz_doc_text_clear(&otlp->body);
}

static void push_begin(struct hz_otlp *otlp, enum push push)
{
	char url[URL_MAX + 16];

	snprintf(url, sizeof(url), "%s/v1/%s", otlp->url,
	         push == PUSH_METRICS ? "metrics" : "traces");
	otlp->push = push;
	if (otlp->body.is_failed || curl_easy_setopt(otlp->easy, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(otlp->easy, CURLOPT_POSTFIELDS, otlp->body.data) != CURLE_OK ||
	    curl_easy_setopt(otlp->easy, CURLOPT_POSTFIELDSIZE, (long)otlp->body.bytes) !=
	            CURLE_OK ||
	    curl_multi_add_handle(otlp->multi, otlp->easy) != CURLM_OK)
		push_end(otlp, false, strerror(ENOMEM));
}

static void metrics_begin(struct hz_otlp *otlp, const struct hz_feed *feed)
{
	otlp->idle_s = 0;
	hz_otlp_doc_metrics(feed, &otlp->body);
	push_begin(otlp, PUSH_METRICS);
}

static void spans_begin(struct hz_otlp *otlp, const struct hz_feed *feed)
{
	struct hz_doc spans = { 0 };

	hz_span_queue_send(&otlp->spans, &spans);
	hz_otlp_doc_traces(feed->conf.instance, &spans, &otlp->body);
	hz_doc_text_close(&spans);
	push_begin(otlp, PUSH_TRACES);
}

void hz_otlp_push_tick(struct hz_otlp *otlp, const struct hz_feed *feed)
{
	otlp->idle_s++;
	if (otlp->wait_s > 0) {
		otlp->wait_s--;
		return;
	}
	if (otlp->push != PUSH_NONE)
		return;
	/* Metrics first: there may be slow requests all the time. */
	if (otlp->idle_s >= HZ_OTLP_EVERY_S && feed->has_view)
		metrics_begin(otlp, feed);
	else if (otlp->spans.first < otlp->spans.end)
		spans_begin(otlp, feed);
}

int hz_otlp_push_turn(struct hz_otlp *otlp)
{
	const CURLMsg *message;
	int running, left;

	if (otlp->push == PUSH_NONE)
		return -1;
	(void)curl_multi_perform(otlp->multi, &running);
	message = curl_multi_info_read(otlp->multi, &left);
	if (message == NULL || message->msg != CURLMSG_DONE)
		return TURN_MS;
	if (message->data.result != CURLE_OK) {
		push_end(otlp, false, curl_easy_strerror(message->data.result));
	} else {
		char why[32];
		long code = 0;

		(void)curl_easy_getinfo(otlp->easy, CURLINFO_RESPONSE_CODE, &code);
		snprintf(why, sizeof(why), "answer %ld", code);
		push_end(otlp, code >= HTTP_OK_LOW && code <= HTTP_OK_HIGH, why);
	}
	return -1;
}

/* Until nothing is under way, or it is time. */
static void push_finish(struct hz_otlp *otlp, uint64_t end_ns)
{
	uint64_t now_ns;

	while (hz_otlp_push_turn(otlp) >= 0 && (now_ns = hz_clock_monotonic_ns()) < end_ns)
		(void)curl_multi_poll(otlp->multi, NULL, 0,
		                      HZ_MIN((int)((end_ns - now_ns) / HZ_NS_PER_MS) + 1, TURN_MS),
		                      NULL);
}

void hz_otlp_push_last(struct hz_otlp *otlp, const struct hz_feed *feed, uint32_t wait_ms)
{
	const uint64_t end_ns = hz_clock_monotonic_ns() + wait_ms * HZ_NS_PER_MS;

	/* Who fails is not waited for: a name server that says nothing, for instance. */
	if (!otlp->is_failing)
		push_finish(otlp, end_ns);
	if (otlp->push == PUSH_NONE && !otlp->is_failing && feed->has_view) {
		metrics_begin(otlp, feed);
		push_finish(otlp, end_ns);
	}
	if (otlp->push == PUSH_NONE && !otlp->is_failing && otlp->spans.first < otlp->spans.end) {
		spans_begin(otlp, feed);
		push_finish(otlp, end_ns);
	}
	if (otlp->push != PUSH_NONE || otlp->is_failing)
		hz_log(HZ_LOG_WARN, "otlp: %s: the last push was not taken, %llu spans are lost",
		       otlp->origin, (unsigned long long)(otlp->spans.end - otlp->spans.first));
}

struct hz_otlp_counts hz_otlp_push_counts(const struct hz_otlp *otlp)
{
	struct hz_otlp_counts counts = otlp->counts;

	counts.spans_dropped = otlp->spans.dropped;
	return counts;
}
