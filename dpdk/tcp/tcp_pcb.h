/* One connection (protocol control block) and the turn list that gives it its say once per turn. */
#ifndef HZ_TCP_PCB_H
#define HZ_TCP_PCB_H

#include "core/base.h"
#include "core/stream.h"
#include "core/timer_wheel.h"
#include "tcp/tcp_path.h"
#include "tcp/tcp_seq.h"
#include <string.h>

struct hz_tcp;
struct hz_tcp_rec;

enum hz_tcp_state {
	HZ_TCP_CLOSED, /* out of the table; on_close and free follow in this turn's flush */
#define HZ_TCP_STATE(name, gauge) HZ_TCP_##name,
#include "tcp/tcp_states.def"
#undef HZ_TCP_STATE
	HZ_TCP_STATE_COUNT,
};

enum hz_tcp_flag {
	/* what the peer and we agreed on in the handshake */
	HZ_TCP_F_TS = 1u << 0,   /* timestamps, RFC 7323 */
	HZ_TCP_F_SACK = 1u << 1, /* the peer reads SACK blocks, RFC 2018 */
	/* what the next flush owes */
	HZ_TCP_F_TURN = 1u << 2,       /* on the turn list */
	HZ_TCP_F_ACK_NOW = 1u << 3,    /* an ACK, on data or alone */
	HZ_TCP_F_ACK_DUP = 1u << 4,    /* duplicate ACKs, which must be pure (dup_acks_owed) */
	HZ_TCP_F_SYN_AGAIN = 1u << 5,  /* our SYN or SYN-ACK again */
	HZ_TCP_F_PROBE = 1u << 6,      /* one byte into a closed window */
	HZ_TCP_F_ABORT = 1u << 7,      /* RST, then close */
	HZ_TCP_F_NO_MBUF = 1u << 8,    /* something could not be sent; again next turn */
	HZ_TCP_F_WANT_WRITE = 1u << 9, /* the protocol waits for on_writable */
	HZ_TCP_F_AGAIN = 1u << 10,     /* the protocol consumed a part: show it the rest */
	/* how far each direction has come */
	HZ_TCP_F_OPENED = 1u << 11,      /* on_open succeeded: on_close is due */
	HZ_TCP_F_FIN_OUT = 1u << 12,     /* shutdown(): a FIN ends the queue */
	HZ_TCP_F_FIN_SEEN = 1u << 14,    /* the peer's FIN arrived, perhaps out of order */
	HZ_TCP_F_FIN_IN = 1u << 15,      /* all before the peer's FIN arrived too */
	HZ_TCP_F_EOF_DONE = 1u << 16,    /* on_eof was called */
	HZ_TCP_F_REORDERS = 1u << 17,    /* the path was seen to reorder, RFC 8985 */
	HZ_TCP_F_PERSIST = 1u << 18,     /* rtx_at is the next window probe */
	HZ_TCP_F_RETRIED = 1u << 19,     /* the SYN-ACK was sent more than once */
	HZ_TCP_F_TLP = 1u << 13,         /* the flush owes a tail loss probe */
	HZ_TCP_F_HALF_OPEN = 1u << 20,   /* counted in half_open_count */
	HZ_TCP_F_ECN = 1u << 21,         /* agreed on, RFC 3168 6.1.1 */
	HZ_TCP_F_ECHO_CE = 1u << 22,     /* ECE on every ACK until CWR comes */
	HZ_TCP_F_OWES_CWR = 1u << 23,    /* CWR on the next new data */
	HZ_TCP_F_QUICK_ACK_1 = 1u << 24, /* three bits: so many ACKs are not delayed */
	HZ_TCP_F_QUICK_ACKS = 7u << 24,
	HZ_TCP_F_WINDOW_1 = 1u << 27, /* two bits: how often the receive window was doubled */
	HZ_TCP_F_WINDOW_2 = 1u << 28,
	HZ_TCP_F_KEEPALIVE = 1u << 29,  /* a silent peer is asked whether it lives */
	HZ_TCP_F_KEEP_PROBE = 1u << 30, /* the ACK that is owed asks */
	HZ_TCP_F_ACTIVE =
		1u << 31, /* opened by us, and the protocol does not know how it went yet */
};

#define HZ_TCP_OPENED_SHIFT 24 /* 16.8 ms: precise enough for an age, good for two years */

struct hz_tcp_key {
	struct hz_addr remote, local;
	uint32_t ports; /* remote then local, as in the header of the peer's segments */
};

/* Owned by the worker that received its SYN; no other core touches it, so nothing is atomic. Times are
 * ticks of tcp_timer.h, 0: not set. The first two cache lines are what an in-order segment and its answer
 * need; what is needed only while something is under way lies in the recovery block. */
struct hz_tcp_pcb {
	struct hz_addr remote;
	uint32_t ports;           /* remote then local, as in the header of the peer's segments */
	uint32_t flags;           /* enum hz_tcp_flag */
	struct hz_tcp_path *path; /* one reference: port, local address, next hop */
	struct hz_tcp_rec *rec;   /* owned; NULL: nothing is under way */
	uint32_t rcv_nxt;         /* next byte expected */
	uint32_t rcv_adv;         /* right edge of the window we advertised */
	uint32_t ack_sent;        /* rcv_nxt of the last segment sent */
	uint32_t ts_recent;       /* of the peer, RFC 7323 4.3 */
	uint32_t snd_una;         /* oldest byte not acknowledged, RFC 9293 3.3.1 */
	uint32_t snd_max;         /* one past the highest ever sent */

	uint32_t snd_wnd; /* the peer's window in bytes */
	uint32_t snd_end; /* one past the last byte queued; the FIN's number */
	struct hz_stream stream;
	uint32_t snd_wl1; /* of the segment that last updated the window */
	union {
		uint32_t cwnd;
		uint32_t syn_sent_us; /* until established; 0: not to be timed */
	};
	uint32_t ts_offset;
	uint32_t last_rx_tick;
	uint32_t data_sent_tick; /* pure ACKs do not count, RFC 5681 4.1 */
	uint32_t rtx_at;         /* retransmission, or window probe */
	uint32_t delack_at;
	uint16_t snd_mss; /* payload bytes of a full segment */
	uint16_t rcv_mss;
	uint8_t state; /* enum hz_tcp_state */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t proto;        /* whose connection it is: index into the stack's protocols */
	uint32_t opened_tick; /* time >> HZ_TCP_OPENED_SHIFT */

	struct hz_timer timer; /* armed at or before the earliest deadline */
	uint32_t hash;
	uint32_t app_at;
	uint32_t state_at;
	uint32_t challenge_tick;     /* last ACK to an unacceptable segment */
	uint32_t ssthresh;           /* bytes */
	uint32_t srtt_us, rttvar_us; /* RFC 6298; srtt 0: no sample yet */
	uint16_t rto_ms;
	uint16_t w_max; /* cwnd before the last reduction, in 16 bytes, RFC 9438 4.1.2; 0: none */
	uint16_t snd_wnd_max; /* as on the wire, not scaled */
	uint8_t retries;      /* timeouts since the last progress */
	uint8_t rto_shift;
	uint8_t reorder_steps : 3, reorder_rounds : 5; /* RFC 8985 6.2 step 4 */
	uint8_t close_why;                             /* enum hz_close_why, once CLOSED */
	uint16_t retransmits; /* segments sent again, stops at its maximum */
};
_Static_assert(offsetof(struct hz_tcp_pcb, snd_wnd) == 64, "identity and input: one line");
_Static_assert(offsetof(struct hz_tcp_pcb, timer) <= 128, "an in-order segment: two lines");
_Static_assert(sizeof(struct hz_tcp_pcb) <= 192, "three lines, and no more");

static inline struct hz_tcp *hz_tcp_of(const struct hz_tcp_pcb *pcb)
{
	return pcb->path->tcp;
}

static inline struct hz_tcp_pcb *hz_tcp_pcb_of(const struct hz_stream *s)
{
	return HZ_CONTAINER_OF((uintptr_t)s, struct hz_tcp_pcb, stream);
}

/* Output not yet acknowledged, without SYN and FIN. */
static inline uint32_t hz_tcp_pcb_tx_bytes(const struct hz_tcp_pcb *pcb)
{
	return hz_seq_lt(pcb->snd_una, pcb->snd_end) ? pcb->snd_end - pcb->snd_una : 0;
}

/* A zeroed PCB in the table, in SYN_RCVD, then counted as half open, or in SYN_SENT. packet is the SYN's,
 * or what one of the peer's would be. NULL: full. */
struct hz_tcp_pcb *hz_tcp_pcb_open(struct hz_tcp *tcp, const struct hz_packet *packet,
                                   enum hz_tcp_state state);

void hz_tcp_pcb_set_state(struct hz_tcp_pcb *pcb, enum hz_tcp_state state);

/* Ends the connection: it leaves the table now, on_close is called by this turn's flush. Again: no
 * effect. */
void hz_tcp_pcb_close(struct hz_tcp_pcb *pcb, enum hz_close_why why);

/* Calls on_close where it is due and frees everything. The PCB is CLOSED and off the turn list. */
void hz_tcp_pcb_free(struct hz_tcp_pcb *pcb);

/* Gives the PCB its say in the next flush. */
void hz_tcp_pcb_touch(struct hz_tcp_pcb *pcb);

void hz_tcp_key_of(const struct hz_packet *packet, struct hz_tcp_key *key);
void hz_tcp_pcb_key(const struct hz_tcp_pcb *pcb, struct hz_tcp_key *key);

/* Compares without building a key: the common case of every segment. */
static inline bool hz_tcp_is_flow(const struct hz_addr *remote, const struct hz_addr *local,
                                  uint32_t ports, const struct hz_packet *packet)
{
	uint64_t a[4], b[4];
	uint32_t have;

	memcpy(&have, packet->l4, sizeof(have));
	memcpy(a, remote, 16);
	memcpy(a + 2, local, 16);
	memcpy(b, &packet->src, 16);
	memcpy(b + 2, &packet->dst, 16);
	return (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0) &&
	       ports == have;
}

#endif
