/* `log`: a line for each request, or for a share of them, when it is over. Encoded where the request was, written by a
 * thread that no worker waits for. */
#include "middleware/chain.h"
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
	const struct hz_span trace_id = call->trace.trace_id;
	uint32_t one_in = log->rest_one_in;
	uint64_t random;

	if (status >= 500)
		return 1;
	if (status >= 400 || status == 0)
		one_in = log->error_one_in;
	if (one_in == 1)
		return 1;
	if (trace_id.len >= RANDOM_BITS / 4)
		random = trace_random(trace_id);
	else
		random = hz_rng_next(&call->req->env->rng) >> (64 - RANDOM_BITS);
	/* The highest of them are kept, as OpenTelemetry's consistent sampling does. */
	return random >= (1ULL << RANDOM_BITS) - (1ULL << RANDOM_BITS) / one_in ? one_in : 0;
}

static struct hz_span header_of(const struct hz_http_req *req, struct hz_span name)
{
	const struct hz_http_header *field = hz_http_req_header(req, name);

	return field != NULL ? field->value : (struct hz_span){ NULL, 0 };
}

static uint64_t us_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / HZ_NS_PER_US : 0;
}

static void entry_fill(struct hz_log_entry *entry, const struct hz_mw_call *call,
                       const struct hz_http_outcome *outcome)
{
	const struct hz_http_req *req = call->req;

	*entry = (struct hz_log_entry){
		.status = outcome->status,
		.minor = req->minor,
		.is_complete = outcome->is_complete,
		.worker = req->env->worker_index,
		.body_bytes = outcome->sent_bytes,
		.answer_us = us_between(outcome->arrived_ns, outcome->answered_ns),
		.total_us = us_between(outcome->arrived_ns, outcome->now_ns),
		.target = req->target,
		.host = req->host,
		.route = call->chain->route,
		.referer = header_of(req, HZ_SPAN_LITERAL("referer")),
		.agent = header_of(req, HZ_SPAN_LITERAL("user-agent")),
		.subject = call->subject,
		.trace_id = call->trace.trace_id,
		.request_id = call->trace.request_id,
	};
	if (req->method < HZ_HTTP_METHOD_COUNT)
		entry->method = hz_http_method_names[req->method];
	hz_http_peer(req, entry->addr, &entry->port);
}

/* The worker's clock is monotonic; the writer knows how far it is from the time of day. */
static void stamp_set(const struct hz_log_sink *sink, struct hz_log_lane *lane,
                      struct hz_log_entry *entry, uint64_t now_ns)
{
	uint64_t wall_ns =
		now_ns + (uint64_t)__atomic_load_n(&sink->wall_offset_ns, __ATOMIC_RELAXED);
	uint64_t unix_s = wall_ns / HZ_NS_PER_S;

	entry->ms = (uint16_t)(wall_ns % HZ_NS_PER_S / HZ_NS_PER_MS);
	if (lane->stamp.unix_s != unix_s)
		hz_log_stamp_make(&lane->stamp, unix_s);
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
	uint32_t one_in = share_of(log, call, outcome->status);
	struct hz_log_sink *sink = log->sink;
	struct hz_log_entry entry;
	struct hz_log_lane *lane;
	uint8_t *line;

	if (one_in == 0 || sink == NULL)
		return;
	lane = &sink->lane[call->req->env->worker_index];
	entry_fill(&entry, call, outcome);
	entry.one_in = one_in;
	stamp_set(sink, lane, &entry, outcome->now_ns);
	line = hz_byte_ring_reserve(&lane->ring, hz_log_line_bound(&entry));
	if (line == NULL) {
		dropped(call, lane);
		return;
	}
	hz_byte_ring_commit(
		&lane->ring,
		(size_t)(hz_log_line_write(log->format, &lane->stamp, &entry, line) - line));
	lane->lines++;
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
