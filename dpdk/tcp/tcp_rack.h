/* RACK-TLP, RFC 8985: loss by time. What was sent well before something that has arrived is lost; and when
 * nothing arrives, a probe asks before the retransmission timeout does. For peers with SACK. */
#ifndef HZ_TCP_RACK_H
#define HZ_TCP_RACK_H

#include "tcp/tcp_sack.h"

/* A segment that ends at end, last sent at sent_us, was acknowledged or SACKed for the first time. */
void hz_tcp_rack_arrived(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack, uint32_t end,
                         uint32_t sent_us, bool is_retx);

/* Marks what is lost by now, and sets the reordering timer for what may be. */
void hz_tcp_rack_detect(struct hz_tcp_pcb *pcb);

/* How long a segment may be late, RFC 8985 6.2 step 4. */
uint32_t hz_tcp_rack_window_us(const struct hz_tcp_pcb *pcb);

/* Adapts it to a D-SACK; and to a recovery that ended. */
void hz_tcp_rack_dsack(struct hz_tcp_pcb *pcb);
void hz_tcp_rack_recovered(struct hz_tcp_pcb *pcb);

/* Sets the probe timer where it comes before the retransmission timeout, RFC 8985 7.2. */
void hz_tcp_rack_probe_arm(struct hz_tcp_pcb *pcb);

/* An ACK came while a probe was out. True: it repaired a loss, which is a sign of congestion. */
bool hz_tcp_rack_probe_acked(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack);

/* early_at passed. */
void hz_tcp_rack_fire(struct hz_tcp_pcb *pcb);

#endif
