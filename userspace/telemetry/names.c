#include "telemetry/names.h"
#include "abi/hz_abi.h"
#include "core/base.h"
#include <assert.h>
#include <stddef.h>

static const struct hz_names_reason reasons[] = {
#define HZ_REASON(name, action, help) { #name, #action, help },
#include "abi/reasons.def"
#undef HZ_REASON
};
_Static_assert(HZ_ARRAY_LEN(reasons) == HZ_REASON_COUNT, "one row per reason");

static const char *const states[] = HZ_STATE_NAMES;

#define CONN(name) [offsetof(struct hz_connections, name) / sizeof(__u64)] = #name
static const char *const conns[HZ_NAMES_CONNS] = {
	CONN(syn_rcvd),   CONN(established), CONN(fin_wait_1), CONN(fin_wait_2),
	CONN(close_wait), CONN(closing),     CONN(last_ack),   CONN(time_wait),
};
_Static_assert(sizeof(struct hz_connections) == HZ_NAMES_CONNS * sizeof(__u64), "each has a name");

const struct hz_names_reason *hz_names_reason(uint32_t reason)
{
	assert(reason < HZ_REASON_COUNT);
	return &reasons[reason];
}

const char *hz_names_state(uint32_t state)
{
	return state < HZ_ARRAY_LEN(states) ? states[state] : "?";
}

const char *hz_names_conn(uint32_t member)
{
	assert(member < HZ_NAMES_CONNS);
	return conns[member];
}
