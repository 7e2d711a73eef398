/* Words for what the maps count: the same ones in JSON, metrics and tables. */
#ifndef HZ_NAMES_H
#define HZ_NAMES_H

#include <stdint.h>

/* A verdict of the XDP program, in words of reasons.def. */
struct hz_names_reason {
	const char *name, *action, *help;
};
const struct hz_names_reason *hz_names_reason(uint32_t reason); /* reason < HZ_REASON_COUNT */

/* Of enum hz_state; "?" for one of a later version. */
const char *hz_names_state(uint32_t state);

#define HZ_NAMES_CONNS 8                    /* members of struct hz_connections */
const char *hz_names_conn(uint32_t member); /* "syn_rcvd", ...; member < HZ_NAMES_CONNS */

#endif
