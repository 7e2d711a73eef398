/* A request on its way through one chain, without a connection: what http would have filled in. */
#ifndef MW_RIG_H
#define MW_RIG_H

#include "http/h1_worker.h"
#include "hz_test.h"
#include "middleware/chain.h"
#include "middleware/rate_table.h"

struct mw_rig {
	struct hz_h1_flight flight; /* holds the request; its stream tells the peer */
	struct hz_stream stream;
	uint8_t peer[16];
	struct hz_env env;
	struct hz_worker gauges;
	struct hz_slot slot;
	struct hz_mw_worker worker;
	struct hz_chain chain;
};

struct mw_rig *mw_rig_open(void); /* with a rate table of 64 sets; the chain is empty */
/* The same with the chain of set, whose configurations outlive the rig. */
struct mw_rig *mw_rig_with(const struct hz_mw_set *set);
void mw_rig_close(struct mw_rig *rig);

/* The client from now on: "10.0.0.1" or "2001:db8::1". */
void mw_rig_peer(struct mw_rig *rig, const char *addr);

/* A new request; field lines as "Name: value\n" each. The text must live as long as the request. */
void mw_rig_ask(struct mw_rig *rig, enum hz_http_method method, const char *fields);

/* enter and before. STOP goes through after as well, as in the server. */
enum hz_mw_verdict mw_rig_before(struct mw_rig *rig);
/* The handler's answer, and its way back. */
void mw_rig_answer(struct mw_rig *rig, uint16_t status);
/* The end, at the rig's time; the request came when it was asked. */
void mw_rig_finish(struct mw_rig *rig);

/* ask, before, answer 200 unless stopped, finish; the status. */
unsigned mw_rig_exchange(struct mw_rig *rig, const char *fields);

/* Value of a field of the answer, as text; NULL: none. *copy is overwritten by the next call. */
const char *mw_rig_field(struct mw_rig *rig, const char *name);

static inline struct hz_mw_call *mw_rig_call(struct mw_rig *rig)
{
	return hz_chain_call(&rig->flight.req);
}

#endif
