/* `log`: a line for each request, or for a share of them, when it is over. The worker leaves a record, of which a thread
 * that no worker waits for makes the line. */
#include "middleware/chain.h"
#include "middleware/log_record.h"
#include "middleware/log_sink.h"
#include "telemetry/slot.h"

#define RANDOM_BITS 56u /* of a trace id: W3C Trace Context, level 2, 3.2.2.3.2 */

/* Its last 56 bits, which are random by rule: with the same share every service keeps the same traces. */
static uint64_t trace_random(struct hz_span trace_id)
{
	uint64_t value = 0;

	for (size_t i = trace_id.len - RANDOM_BITS / 4; i < trace_id.len; i++) {
		uint8_t c = trace_id.data[i];

		value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return value;
}

/* How many requests the line of this one stands for; 0: it gets none. */
static uint32_t share_of(const struct hz_mw_log_conf *log, const struct hz_mw_call *call,
                         uint16_t status)
{
	const struct hz_mw_trace *trace = call->trace;
	uint32_t one_in = log->rest_one_in;
	uint64_t random;

	if (status >= 500)
		return 1;
	if (status >= 400 || status == 0)
		one_in = log->error_one_in;
	if (one_in == 1)
		return 1;
	if (trace != NULL)
		random = trace_random(trace->trace_id);
	else
		random = hz_rng_next(&call->req->env->rng) >> (64 - RANDOM_BITS);
	/* The highest of them are kept, as OpenTelemetry's consistent sampling does. */
	return random >= (1ULL << RANDOM_BITS) - (1ULL << RANDOM_BITS) / one_in ? one_in : 0;
}

static struct hz_log_record *record_begin(struct hz_log_lane *lane, const struct hz_mw_call *call)
{
	const struct hz_http_req *req = call->req;
	const struct hz_mw_trace *trace = call->trace;
	struct hz_span text[HZ_LOG_TEXTS] = {
		[HZ_LOG_TARGET] = req->target,
		[HZ_LOG_HOST] = req->host,
		[HZ_LOG_ROUTE] = call->chain->route,
		[HZ_LOG_REFERER] = hz_http_req_field(req, HZ_HTTP_FIELD_REFERER),
		[HZ_LOG_AGENT] = hz_http_req_field(req, HZ_HTTP_FIELD_USER_AGENT),
		[HZ_LOG_SUBJECT] = call->subject,
	};

	if (trace != NULL) {
		text[HZ_LOG_TRACE_ID] = trace->trace_id;
		text[HZ_LOG_REQUEST_ID] = trace->request_id;
	}
	return hz_log_record_begin(&lane->ring, text);
}

static void dropped(const struct hz_mw_call *call, struct hz_log_lane *lane)
{
	__atomic_store_n(&lane->dropped, lane->dropped + 1, __ATOMIC_RELAXED);
	hz_slot_count(call->worker->slot, HZ_COUNTER_log_dropped);
}

static void log_finish(const void *conf, const struct hz_mw_call *call,
                       const struct hz_http_outcome *outcome)
{
	const struct hz_mw_log_conf *log = conf;
	const struct hz_http_req *req = call->req;
	uint32_t one_in = share_of(log, call, outcome->status);
	struct hz_log_record *record;
	struct hz_log_lane *lane;

	if (one_in == 0 || log->sink == NULL)
		return;
	lane = &log->sink->lane[req->env->worker_index];
	record = record_begin(lane, call);
	if (HZ_UNLIKELY(record == NULL)) {
		dropped(call, lane);
		return;
	}
	record->one_in = one_in;
	record->arrived_ns = outcome->arrived_ns;
	record->answered_ns = outcome->answered_ns;
	record->now_ns = outcome->now_ns;
	record->body_bytes = outcome->sent_bytes;
	hz_http_peer(req, record->addr, &record->port);
	record->status = outcome->status;
	record->method = (uint8_t)req->method;
	record->minor = req->minor;
	record->format = (uint8_t)log->format;
	record->is_complete = outcome->is_complete;
	hz_log_record_end(&lane->ring, record);
}

static const struct hz_mw_ops log_ops = {
	.name = "log",
	.finish = log_finish,
	.refused = log_finish,
};

int hz_mw_log_build(const struct hz_mw_log_conf *conf, struct hz_mw *out)
{
	*out = (struct hz_mw){ .ops = &log_ops, .conf = (void *)(uintptr_t)conf };
	return 0;
}
