/* What a client of the collector asks for, from the values of its query and its fields: all of it may be anything. */
#ifndef HZ_WEB_QUERY_H
#define HZ_WEB_QUERY_H

#include "core/base.h"

struct hz_web_query {
	uint32_t stage; /* HZ_STAGE_COUNT: all */
	uint32_t last;  /* seconds, or events */
	uint32_t kind;  /* enum hz_event_kind, 0: all */
};

/* Reads the values of stage=, last= and kind= (NULL: not there) into *query, which holds the defaults. last: 1 to
 * last_max. 0, or -EINVAL with *why saying what is wrong. */
int hz_web_query_read(struct hz_web_query *query, const char *stage, const char *last,
                      const char *kind, uint32_t last_max, const char **why);

/* Does an Accept field (NULL: none) ask for delimited protobuf of metric families? */
bool hz_web_query_wants_proto(const char *accept);

/* Is a Host field a name for this machine that no stranger's name server gives: localhost or an address? A page of
 * elsewhere whose name was made to point here (DNS rebinding) has its own. NULL: HTTP/1.0 without one. */
bool hz_web_query_is_local_host(const char *host);

#endif
