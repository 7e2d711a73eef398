/* What the connections of a run do, chosen from its seed. */
#ifndef HZ_SIM_PLAN_H
#define HZ_SIM_PLAN_H

#include "core/rng.h"
#include "sim_app.h"

enum sim_kind {
	SIM_KIND_BOTH,        /* both write, read, and close when they have everything */
	SIM_KIND_SLOW,        /* one reads slowly or not at all for a while: windows close */
	SIM_KIND_HALF,        /* one half-closes, the other reads up to that */
	SIM_KIND_ABORT,       /* one aborts on the way */
	SIM_KIND_REFUSED,     /* the server's application refuses */
	SIM_KIND_NO_LISTENER, /* nobody listens */
	SIM_KIND_IDLE,        /* both wait for the other to close */
	SIM_KIND_IMPATIENT,   /* the client gives up before it is established */
	SIM_KIND_COUNT,
};

/* plan[0] is the client's. */
enum sim_kind sim_plan_choose(struct hz_rng *rng, struct sim_plan plan[2]);

/* Nothing but the link can keep it from coming through. */
bool sim_plan_is_orderly(enum sim_kind kind);

#endif
