/* TCP as the worker sees it: one stack per worker, single-threaded, driven by frames and time. */
#ifndef HZ_TCP_H
#define HZ_TCP_H

#include "core/common.h"
#include "core/env.h"
#include "core/stream.h"
#include "net/packet.h"
#include "telemetry/slot.h"

struct hz_cookies; /* abi/cookie_syn.h */
struct hz_tcp;     /* owned by the caller of open */

/* When a connection that asked for it is probed, RFC 9293 3.8.4; 0: 7200 s, 75 s, 9. Each silence, and all
 * probes together, at most a day; at least two probes. is_on: every connection asks at first. */
struct hz_tcp_keepalive {
	uint32_t idle_s, interval_s, count;
	bool is_on;
};

enum hz_tcp_cc { HZ_TCP_CC_CUBIC, HZ_TCP_CC_NEWRENO };

/* When a SYN is answered with a cookie and nothing is kept of it: AUTO beyond half_open_max half-open
 * connections, or when few places are left. OFF: SYNs beyond half_open_max are dropped. */
enum hz_tcp_cookie_mode { HZ_TCP_COOKIE_AUTO, HZ_TCP_COOKIE_OFF, HZ_TCP_COOKIE_ALWAYS };

struct hz_tcp_conf {
	struct hz_env *env; /* the worker's; now_ns is current at every call */
	const struct hz_slot *slot;
	uint32_t connections_max;
	uint32_t time_wait_max;
	uint8_t secret[16];               /* initial sequence numbers and flow hash, RFC 6528 */
	const struct hz_proto_ops *proto; /* of every listener */
	void *proto_ctx;
	uint32_t listen_count;
	const struct hz_endpoint *listens; /* copied */
	uint64_t exempt_listens;           /* bit per index: overload sheds nothing of it */

	/* For active opens. net is the one that fills hz_packet.flow_hash. is_ours says whether the frames
	 * of a flow on port come to this worker; NULL: all do. */
	struct hz_net net;
	bool (*is_ours)(void *ctx, const struct hz_port *port, uint32_t flow_hash);
	void *is_ours_ctx;
	struct hz_tcp_keepalive keepalive;
	uint8_t hop_limit; /* of what is sent, RFC 9293 3.9.2: TTL of IPv4; 0: 64 */
	uint8_t dscp;      /* 0..63, RFC 2474 */
	enum hz_tcp_cc cc;
	enum hz_tcp_cookie_mode cookie_mode;
	uint32_t half_open_max; /* 0: 4096, or half of the connections, which are the most */
	/* Keys and orders shared with XDP and with other workers: its flow key takes secret's place. Outlives
	 * the stack. NULL: keys made of secret. */
	struct hz_cookies *cookies;
	uint16_t lport_first, lport_last; /* local ports to choose from; both 0: 49152..65535 */
};

/* Where an active open goes; copied. The addresses are of one family, v4-mapped for IPv4. */
struct hz_tcp_target {
	struct hz_addr remote, local;
	uint16_t remote_port; /* host order, not 0 */
	uint16_t local_port;  /* 0: chosen */
	struct hz_port *port; /* outlives the connection */
	/* Link header of what we send: next hop's MAC, our MAC, 0..2 tags, ethertype. Whoever knows the
	 * neighbours fills it; once the peer answers, its frames keep it up to date. */
	uint8_t l2[HZ_L2_BYTES_MAX];
	uint8_t l2_bytes;
	const struct hz_proto_ops *proto;
	void *owner; /* stream->owner from the start, and on_open's proto_ctx */
};

/* How full the stack is, 0..100 each. buffers: of what queued output, out-of-order input and unread input
 * may hold, the fullest. A full half_open alone is a flood of SYNs, which cookies answer; the others mean
 * that good peers will be turned away. */
struct hz_tcp_pressure {
	uint8_t connections, half_open, buffers;
};

int hz_tcp_open(const struct hz_tcp_conf *conf, struct hz_tcp **out); /* 0 or -errno */
void hz_tcp_close(struct hz_tcp *tcp); /* resets every connection; accepts NULL */

/* Opens a connection: the SYN leaves in the next flush. The local port is chosen by a keyed hash of the
 * other end (RFC 6056 3.3.3), free, not in TIME_WAIT towards that end, and such that answers come to this
 * worker. How it went the protocol learns exactly once: on_open when it is established, and all that
 * follows; or on_close alone, with HZ_CLOSE_RESET when it was refused, HZ_CLOSE_TIMEOUT after 3 minutes
 * without an answer, HZ_CLOSE_ABORT after abort(). Until then only timer(), for a shorter limit, abort()
 * and peer() may be called on *out, which the stack owns. A protocol's calls may open others.
 * 0; -EINVAL: addresses, ports or link header; -EADDRINUSE: the given local port is taken;
 * -EADDRNOTAVAIL: it would not come back here, or no port is left; -ENOBUFS: connection table full; -ENOSPC:
 * more than 8 different protocols. */
int hz_tcp_connect(struct hz_tcp *tcp, const struct hz_tcp_target *to, struct hz_stream **out);

/* Keep-alive of one connection, off at first unless hz_tcp_conf says otherwise; a protocol that has timers of its own needs none. Without it
 * a connection ends after an hour without a segment; with it a peer that answers may be silent for ever.
 * s is a stream of this stack. */
void hz_tcp_keepalive(struct hz_stream *s, bool is_on);

/* What an ICMP error says about a segment of ours. */
enum hz_tcp_icmp_kind {
	HZ_TCP_ICMP_SOFT, /* unreachable network or host, time exceeded, source quench: may pass */
	HZ_TCP_ICMP_HARD, /* unreachable protocol or port, prohibited */
	HZ_TCP_ICMP_TOO_BIG, /* fragmentation needed, or packet too big */
};

struct hz_tcp_icmp {
	enum hz_tcp_icmp_kind kind;
	bool is_v6;
	struct hz_addr remote, local;     /* of the quoted segment: its destination, its source */
	uint16_t remote_port, local_port; /* host order */
	uint32_t seq;                     /* host order */
	uint32_t mtu;                     /* of TOO_BIG; 0: the router did not say */
};

/* An ICMP error, its checksum verified, that came in on a port without kernel netdev; on others the kernel
 * gets them. Only the worker that owns the quoted flow knows its connection. True: it was acted on; false:
 * it fits no segment under way (RFC 5927), or nothing follows from it, and is counted as icmp_refused. */
bool hz_tcp_icmp_in(struct hz_tcp *tcp, const struct hz_tcp_icmp *icmp);

/* Hints for the hz_tcp_in of a packet with this hash that comes soon. Each fetches from memory what the next
 * one reads, and hz_tcp_in reads all: the flow's slot in the table, its connection, the protocol's own object.
 * The time between them is what a miss takes. */
void hz_tcp_ahead_flow(const struct hz_tcp *tcp, uint32_t flow_hash);
void hz_tcp_ahead_pcb(const struct hz_tcp *tcp, uint32_t flow_hash);
void hz_tcp_ahead_owner(const struct hz_tcp *tcp, uint32_t flow_hash);

/* Takes over packet->mbuf. Output goes to packet->port's batch. */
void hz_tcp_in(struct hz_tcp *tcp, struct hz_packet *packet);

/* Sends what the input of this turn produced: data, and ACKs that found no data to ride on. Call once
 * per turn after the last hz_tcp_in, before hz_port_flush. */
void hz_tcp_flush(struct hz_tcp *tcp);

/* Fires due timers, at most budget; returns the number fired. */
unsigned hz_tcp_timers(struct hz_tcp *tcp, unsigned budget);

uint64_t hz_tcp_next_timer_ns(const struct hz_tcp *tcp); /* UINT64_MAX: none */
void hz_tcp_evict(struct hz_tcp *tcp); /* an idle connection, if there is one, ends to make room */
void hz_tcp_drain(struct hz_tcp *tcp); /* refuse new connections from now on */
/* Other values than hz_tcp_open was told, from now on. XDP answers no SYN any more that the new mode would not. */
void hz_tcp_syn_settings(struct hz_tcp *tcp, enum hz_tcp_cookie_mode mode, uint32_t half_open_max);
struct hz_tcp_pressure hz_tcp_pressure(const struct hz_tcp *tcp);
uint32_t hz_tcp_connection_count(const struct hz_tcp *tcp); /* all states but TIME_WAIT */

#endif
