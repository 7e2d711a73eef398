/* A connection as an operator sees it. The only place outside the stack's own work that reads a PCB: a
 * change of its layout changes nothing beyond tcp_info.c. */
#ifndef HZ_TCP_INFO_H
#define HZ_TCP_INFO_H

#include "telemetry/conn_census.h"
#include <stdbool.h>
#include <stdint.h>

struct hz_tcp;

/* Shows census at most budget places of the connection pool, from census->cursor on. A connection that
 * lives from the first call to the last is shown exactly once, others at most once each. True: that was
 * the last place. */
bool hz_tcp_info_walk(struct hz_tcp *tcp, struct hz_conn_census *census, uint32_t budget);

#endif
