#include "http/h1_slow.h"
#include <string.h>

/* As much of text as there is room for; what a terminal could take for a command is '?'. The rest stays zero. */
static void text_put(char *out, size_t room, struct hz_span text)
{
	for (size_t i = 0; i < room && i < text.len; i++)
		out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
}

static void record_compose(const struct hz_h1_turn *turn, const struct hz_h1_flight *flight,
                           struct hz_event_slow *out)
{
	const struct hz_http_worker *http = turn->http;
	const struct hz_http_req *req = &flight->req;
	const uint32_t worker = http->conf.env->worker_index;

	memset(out, 0, sizeof(*out));
	out->header.kind = HZ_EVENT_SLOW;
	out->header.worker = (uint16_t)worker;
	out->header.bytes = sizeof(*out);
	out->header.time_ns = turn->mark_ns;
	out->connection = (uint64_t)worker << 32 | hz_pool_index(&http->conns, turn->conn);
	memcpy(out->stage_ns, flight->stages.ns, sizeof(out->stage_ns));
	out->route = flight->route.slot;
	out->status = hz_http_resp_status(&flight->resp);
	out->is_example = out->stage_ns[HZ_STAGE_TOTAL] < http->conf.slow->over_ns;
	if (req->path.len != 0) /* else its head was refused, and who knows what it was */
		text_put(out->method, sizeof(out->method), hz_http_method_names[req->method]);
	text_put(out->path, sizeof(out->path), req->path);
	if (http->conf.ops->describe != NULL)
		http->conf.ops->describe(turn->conn->snapshot, req, out);
}

void hz_h1_slow_tell(struct hz_h1_turn *turn, const struct hz_h1_flight *flight)
{
	struct hz_slow_ring *ring = turn->http->conf.slow;
	struct hz_event_slow *place = hz_slow_ring_place(ring, flight->stages.ns[HZ_STAGE_TOTAL],
	                                                 &turn->http->conf.env->rng);

	if (place == NULL) {
		hz_h1_count(turn, HZ_COUNTER_slow_lost);
		return;
	}
	record_compose(turn, flight, place);
	hz_slow_ring_put(ring, place);
}
