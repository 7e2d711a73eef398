/* Where a request's time goes. A clock read at each boundary ends one stage and begins the next, so
 * stages follow upon each other without a gap, whatever way the request took: also when it waited for
 * its route, its handler or room for its answer. The total is measured apart: from when the request
 * came to the end of its answer, less the time in which more of it was awaited. Both agree, or a stage
 * lost some of its time. Private to http.
 *
 *   queue    the request's last packet came .. http begins to read it. Known where XDP saw the packet,
 *            or where an earlier request of the connection was in the way
 *   parse    .. its head is understood. Where queue is not known, from the turn in which the packet was
 *            found
 *   route    .. it has a route and went through its middleware
 *   handler  .. there is an answer, but for the time in which the client's body is awaited, which is in
 *            no stage
 *   tx       .. the last byte of the answer is with the transport
 */
#ifndef HZ_H1_STAGE_H
#define HZ_H1_STAGE_H

#include "http/h1_turn.h"

/* In no stage: since the clock's zero it has not come yet, or more of it is awaited. It has the
 * place of the total, which is the time since that zero but for this. */
#define HZ_H1_STAGE_NONE HZ_STAGE_TOTAL

/* The time of this call, read once unless a stage ended since. */
static inline uint64_t hz_h1_mark(struct hz_h1_turn *turn)
{
	if (turn->mark_ns == 0)
		turn->mark_ns = hz_env_clock_ns(turn->http->conf.env);
	return turn->mark_ns;
}

/* The stage at hand ends now, and next begins. */
static inline void hz_h1_stage_next(struct hz_h1_turn *turn, struct hz_h1_flight *flight,
                                    enum hz_stage next)
{
	struct hz_h1_stages *stages = &flight->stages;
	uint64_t now_ns;

	if (!HZ_TELEMETRY)
		return;
	now_ns = hz_env_clock_ns(turn->http->conf.env);
	/* The clock may have been anchored anew between the two readings. */
	if (now_ns > stages->since_ns)
		stages->ns[stages->at] += now_ns - stages->since_ns;
	stages->seen |= (uint8_t)(1u << stages->at);
	stages->at = (uint8_t)next;
	stages->since_ns = now_ns;
	turn->mark_ns = now_ns;
}

/* A head: was read since the turn's mark, or where there is none, did not come in time. */
void hz_h1_stage_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* Bytes of the body came that may be its last, or that the handler sees. Nothing if they came with
 * the head. */
void hz_h1_stage_body(struct hz_h1_turn *turn, struct hz_h1_flight *flight);
/* They were read, and more are awaited. */
void hz_h1_stage_await(struct hz_h1_turn *turn, struct hz_h1_flight *flight);
/* The handler is asked meanwhile, of its own wish. */
void hz_h1_stage_resume(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* There is an answer, whoever made it; returns since when. */
uint64_t hz_h1_stage_answer(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* The answer is with the transport: its stages are recorded. Returns the time. */
uint64_t hz_h1_stage_end(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

#endif
