/* SYN cookies, RFC 4987 3.6: when the half-open table is full, what a SYN said travels in our initial
 * sequence number, so that a flood costs no memory and a good client still gets in.
 *
 *   31..8 keyed hash of connection, peer's initial number, period and MSS
 *    7..3 period of 68.7 s                     2..0 MSS, rounded down to the table
 *
 * A peer with timestamps echoes the rest: window scale and SACK-permitted, in the low bits of the
 * timestamp of the SYN-ACK. */
#ifndef HZ_TCP_COOKIE_H
#define HZ_TCP_COOKIE_H

#include "tcp/tcp_opts.h"
#include "tcp/tcp_pcb.h"

/* The time in which a cookie sent now may still be answered. */
#define HZ_TCP_COOKIE_LIFE_NS (2ull << 36)

uint32_t hz_tcp_cookie_make(const uint8_t secret[16], const struct hz_tcp_key *key, uint32_t irs,
                            uint32_t mss, uint64_t now_ns);

/* The MSS in a cookie of this or the last period, 0: not a cookie of ours. */
uint16_t hz_tcp_cookie_check(const uint8_t secret[16], const struct hz_tcp_key *key, uint32_t irs,
                             uint32_t cookie, uint64_t now_ns);

/* The timestamp of a SYN-ACK that carries options of the SYN; never ahead of clock, which the
 * timestamps that follow are taken from (RFC 7323 5). */
uint32_t hz_tcp_cookie_ts_make(uint32_t clock, const struct hz_tcp_opts *syn);
/* And back, from its echo. */
void hz_tcp_cookie_ts_read(uint32_t echo, struct hz_tcp_opts *syn);

#endif
