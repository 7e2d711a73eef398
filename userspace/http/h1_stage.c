#include "http/h1_stage.h"
#include "http/h1_slow.h"

/* The turn's mark is when it began to be read. What it waited since it came counts, as far as
 * this request was not being worked on meanwhile: that has been counted. Until then it was in no
 * stage. */
static void arrival(struct hz_h1_turn *turn, struct hz_h1_stages *stages)
{
	uint64_t came_ns = HZ_MAX(turn->came_ns, stages->since_ns);
	uint64_t waited_ns = turn->mark_ns > came_ns ? turn->mark_ns - came_ns : 0;
	uint64_t away_ns = turn->mark_ns - waited_ns - stages->since_ns;

	if (turn->has_queued) {
		away_ns += stages->ns[HZ_STAGE_QUEUE];
		stages->ns[HZ_STAGE_QUEUE] = waited_ns; /* of its last part */
		stages->seen |= 1u << HZ_STAGE_QUEUE;
	} else {
		stages->ns[HZ_STAGE_PARSE] += waited_ns;
	}
	stages->ns[HZ_H1_STAGE_NONE] += away_ns;
	stages->since_ns = turn->mark_ns;
}

void hz_h1_stage_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!HZ_TELEMETRY)
		return;
	flight->stages = (struct hz_h1_stages){ .at = HZ_H1_STAGE_NONE };
	if (turn->mark_ns == 0)
		return;
	arrival(turn, &flight->stages);
	flight->stages.at = HZ_STAGE_PARSE;
	hz_h1_stage_next(turn, flight, HZ_STAGE_ROUTE);
}

void hz_h1_stage_body(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!HZ_TELEMETRY || flight->stages.at != HZ_H1_STAGE_NONE)
		return;
	hz_h1_mark(turn);
	arrival(turn, &flight->stages);
	flight->stages.at = HZ_STAGE_HANDLER;
}

void hz_h1_stage_await(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!HZ_TELEMETRY)
		return;
	if (flight->route.is_streaming)
		hz_h1_stage_next(turn, flight, HZ_H1_STAGE_NONE);
	else /* to copy a piece costs less than to look at the clock */
		flight->stages.at = HZ_H1_STAGE_NONE;
}

void hz_h1_stage_resume(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (HZ_TELEMETRY && flight->stages.at == HZ_H1_STAGE_NONE)
		hz_h1_stage_next(turn, flight, HZ_STAGE_HANDLER);
}

uint64_t hz_h1_stage_answer(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!HZ_TELEMETRY)
		return turn->now_ns;
	/* An error of http's own, to a request that waited, ends that wait. */
	if (turn->mark_ns == 0)
		hz_h1_stage_next(turn, flight, HZ_STAGE_TX);
	flight->stages.at = HZ_STAGE_TX;
	return hz_h1_mark(turn);
}

/* The total is not their sum but what the clock says since the request came, so that a stage which
 * loses some of its time shows. */
static void stages_record(const struct hz_slot *slot, struct hz_h1_stages *stages)
{
	const uint64_t away_ns = stages->ns[HZ_H1_STAGE_NONE];
	const uint64_t total_ns = stages->since_ns > away_ns ? stages->since_ns - away_ns : 0;

	for (unsigned left = stages->seen & ~(1u << HZ_H1_STAGE_NONE); left != 0;
	     left &= left - 1) {
		enum hz_stage stage = (enum hz_stage)__builtin_ctz(left);

		hz_slot_record(slot, stage, stages->ns[stage]);
	}
	stages->ns[HZ_STAGE_TOTAL] = total_ns;
	hz_slot_record(slot, HZ_STAGE_TOTAL, total_ns);
}

uint64_t hz_h1_stage_end(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	const struct hz_http_worker_conf *conf = &turn->http->conf;

	if (!HZ_TELEMETRY)
		return turn->now_ns;
	hz_h1_stage_next(turn, flight, HZ_H1_STAGE_NONE);
	stages_record(conf->slot, &flight->stages);
	hz_slot_record_route(conf->slot, flight->route.slot, hz_http_resp_status(&flight->resp),
	                     flight->stages.ns[HZ_STAGE_TOTAL]);
	if (conf->slow != NULL &&
	    HZ_UNLIKELY(hz_slow_ring_wants(conf->slow, flight->stages.ns[HZ_STAGE_TOTAL])))
		hz_h1_slow_tell(turn, flight);
	return turn->mark_ns;
}
