/* What the SYNs of both sides agree on: segment sizes, timestamps, SACK, window scale. */
#ifndef HZ_TCP_SYN_H
#define HZ_TCP_SYN_H

#include "tcp/tcp_in.h"

#define HZ_TCP_RCV_WSCALE 2 /* hold_bytes_max in 16 bits */
_Static_assert((HZ_LIMIT_hold_bytes_max >> HZ_TCP_RCV_WSCALE) <= UINT16_MAX, "covers the window");

/* The MSS option's value: what this port can receive, RFC 9293 3.7.1 and RFC 6691, without options. */
uint16_t hz_tcp_syn_mss_ours(const struct hz_port *port, bool is_v6);

/* The peer's MSS as given, or what a SYN without the option means. */
uint32_t hz_tcp_syn_mss_theirs(bool is_v6, const struct hz_tcp_opts *syn);

/* Fills sizes, scales, ts_recent, HZ_TCP_F_TS and HZ_TCP_F_SACK from the options of the peer's SYN. The
 * PCB's are zero before. */
void hz_tcp_syn_negotiate(struct hz_tcp_pcb *pcb, const struct hz_packet *packet,
                          const struct hz_tcp_opts *syn);

#endif
