/* The worker's half of SYN cookies, abi/cookie_syn.h. A cookie may be XDP's or our own; the key is the same,
 * and so is what becomes of its echo. */
#ifndef HZ_TCP_COOKIE_H
#define HZ_TCP_COOKIE_H

#include "tcp/tcp_in.h"

struct hz_cookies;
struct rte_mbuf;

/* What stands for the SYN once its cookie came back. */
struct hz_tcp_cookie {
	struct hz_tcp_opts syn; /* what it offered, as far as the cookie carried it */
	uint32_t ts_offset;
	bool is_noted; /* XDP had verified it */
};

/* Our initial number and the timestamp of the SYN-ACK, for a SYN of which nothing is kept; ts_val is never
 * ahead of our clock. */
struct hz_tcp_cookie_answer {
	uint32_t iss, ts_val;
};
struct hz_tcp_cookie_answer hz_tcp_cookie_make(const struct hz_tcp *tcp,
                                               const struct hz_tcp_segment *seg);

/* The third segment of a handshake, or data, when it was lost: is its ACK the echo of a cookie that lives? XDP's
 * note of it is taken for the answer when there is one, else the hash is computed. false: *out is not
 * written. */
bool hz_tcp_cookie_read(const struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                        struct hz_tcp_cookie *out);

/* A note is good for one connection: the buffer comes again. */
void hz_tcp_cookie_note_clear(struct rte_mbuf *mbuf);

/* May one of XDP's or ours come back? Without it nobody's ACKs are worth a hash. */
bool hz_tcp_cookie_is_awaited(const struct hz_tcp *tcp);

/* From now on XDP, where there is one, answers SYNs, for HZ_COOKIE_HOLD_NS. */
void hz_tcp_cookie_arm(struct hz_tcp *tcp);
/* With every beat: the same, if SYNs always get a cookie. */
void hz_tcp_cookie_keep(struct hz_tcp *tcp);
/* XDP offers no more than port can receive. Before any worker runs, by one thread for all. */
void hz_tcp_cookie_offer(struct hz_tcp *tcp, const struct hz_port *port);

#endif
