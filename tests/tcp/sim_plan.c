#include "sim_plan.h"

#include "core/base.h"

static uint32_t below(struct hz_rng *rng, uint32_t bound)
{
	return (uint32_t)hz_rng_below(rng, bound);
}

/* Most connections are short, some are longer than every buffer. */
static uint32_t length(struct hz_rng *rng)
{
	uint32_t kind = below(rng, 20);

	if (kind < 2)
		return 0;
	if (kind < 11)
		return 1 + below(rng, 2000);
	return 1 + below(rng, kind < 18 ? 30000 : 300000);
}

static void plan_any(struct hz_rng *rng, struct sim_plan *plan)
{
	*plan = (struct sim_plan){
		.key = hz_rng_next(rng),
		.send_bytes = length(rng),
		.piece_bytes = below(rng, 2) == 0 ? 0 : 1 + below(rng, HZ_RESERVE_MAX),
		.take_max = below(rng, 3) == 0 ? 1 + below(rng, 3000) : UINT32_MAX,
		.end = SIM_END_DONE,
	};
}

/* The rest of a full buffer must be read before the peer's FIN_WAIT_2 ends, hence the other side waits for
 * EOF. Stalls stay below the 30 s after which a sender gives up. */
static void plan_slow(struct hz_rng *rng, struct sim_plan *slow, struct sim_plan *other)
{
	other->end = SIM_END_EOF;
	other->take_max = UINT32_MAX;
	other->send_bytes += below(rng, 200000);
	if (below(rng, 2) == 0) {
		slow->stall_at = below(rng, other->send_bytes + 1);
		slow->stall_ms = 1 + below(rng, 20000);
		return;
	}
	slow->nap_ms = 1 + below(rng, 400);
	slow->take_max = 2000 + below(rng, 20000);
}

static enum sim_kind kind_choose(struct hz_rng *rng)
{
	static const uint8_t percent[SIM_KIND_COUNT] = { 44, 16, 16, 12, 3, 3, 2, 4 };
	uint32_t at = below(rng, 100), kind = 0;

	while (kind + 1 < SIM_KIND_COUNT && at >= percent[kind])
		at -= percent[kind++];
	return (enum sim_kind)kind;
}

enum sim_kind sim_plan_choose(struct hz_rng *rng, struct sim_plan plan[2])
{
	enum sim_kind kind = kind_choose(rng);
	uint32_t one = below(rng, 2), total;

	plan_any(rng, &plan[0]);
	plan_any(rng, &plan[1]);
	total = plan[0].send_bytes + plan[1].send_bytes;
	if (kind == SIM_KIND_SLOW)
		plan_slow(rng, &plan[one], &plan[1 - one]);
	if (kind == SIM_KIND_HALF) {
		plan[one].end = SIM_END_SENT;
		plan[1 - one].end = SIM_END_EOF;
		plan[1 - one].take_max = UINT32_MAX;
		if (below(rng, 2) == 0)
			plan[1 - one].send_bytes = 0;
	}
	if (kind == SIM_KIND_ABORT) {
		plan[one].end = SIM_END_ABORT;
		plan[one].abort_at = below(rng, total + 1);
	}
	if (kind == SIM_KIND_IDLE)
		plan[0].end = plan[1].end = SIM_END_EOF;
	if (kind == SIM_KIND_IMPATIENT)
		plan[0].open_limit_ms = 1 + below(rng, 100);
	plan[1].refuses = kind == SIM_KIND_REFUSED;
	return kind;
}

bool sim_plan_is_orderly(enum sim_kind kind)
{
	return kind == SIM_KIND_BOTH || kind == SIM_KIND_SLOW;
}
