/* The passive side when room runs out. From 95 % of the connection table on a SYN gets a cookie, which
 * costs nothing; each connection that is established from there on makes an idle one leave; with no slot
 * left SYNs are dropped without a word, RFC 4987 3.2 and 3.6. */
#ifndef HZ_TCP_PRESSURE_H
#define HZ_TCP_PRESSURE_H

#include "tcp/tcp_stack.h"

#define HZ_TCP_ROOM_PART       20u         /* of the table: what SYNs alone do not get */
#define HZ_TCP_EVICT_IDLE_NS   HZ_NS_PER_S /* shorter pauses are not idleness */
#define HZ_TCP_EVICT_SLOTS     64u         /* of the flow table, looked at for one that leaves */
#define HZ_TCP_EVICT_SILENT_NS (5 * HZ_NS_PER_S) /* as long as an answer has to move at all */
#define HZ_TCP_EVICT_EVERY_NS  HZ_NS_PER_MS

/* The last slots of the table are for peers that have proved their address. */
static inline bool hz_tcp_pressure_is_scarce(const struct hz_tcp *tcp)
{
	return tcp->pcbs.in_use >= tcp->pcbs.capacity - tcp->pcbs.capacity / HZ_TCP_ROOM_PART;
}

/* Resets the connection that is idle longest among the next HZ_TCP_EVICT_SLOTS slots of the flow table,
 * counted as evicted; its room is back after the next flush. Idle is what the protocol calls so. Connections of
 * exempt listeners stay, here and below. */
void hz_tcp_pressure_evict(struct hz_tcp *tcp);

/* Resets, of as many slots, the connection that holds most packet buffers of output of those whose peer keeps
 * its window closed for HZ_TCP_EVICT_IDLE_NS or is not heard for HZ_TCP_EVICT_SILENT_NS: counted likewise. Once
 * per HZ_TCP_EVICT_EVERY_NS, whoever asks. */
void hz_tcp_pressure_evict_reader(struct hz_tcp *tcp);

#endif
