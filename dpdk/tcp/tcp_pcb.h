/* One connection (protocol control block) and the turn list that gives it its say once per turn. */
#ifndef HZ_TCP_PCB_H
#define HZ_TCP_PCB_H

#include "core/base.h"
#include "core/stream.h"
#include "core/timer_wheel.h"
#include "tcp/tcp_seq.h"
#include "tcp/tcp_tmpl.h"

struct hz_tcp;

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
	HZ_TCP_F_RTX_HEAD = 1u << 5,   /* the oldest segment again */
	HZ_TCP_F_PROBE = 1u << 6,      /* one byte into a closed window */
	HZ_TCP_F_ABORT = 1u << 7,      /* RST, then close */
	HZ_TCP_F_NO_MBUF = 1u << 8,    /* something could not be sent; again next turn */
	HZ_TCP_F_WANT_WRITE = 1u << 9, /* the protocol waits for on_writable */
	HZ_TCP_F_AGAIN = 1u << 10,     /* the protocol consumed a part: show it the rest */
	/* how far each direction has come */
	HZ_TCP_F_OPENED = 1u << 11,     /* on_open succeeded: on_close is due */
	HZ_TCP_F_FIN_OUT = 1u << 12,    /* shutdown(): a FIN ends the queue */
	HZ_TCP_F_FIN_SEEN = 1u << 14,   /* the peer's FIN arrived, perhaps out of order */
	HZ_TCP_F_FIN_IN = 1u << 15,     /* all before the peer's FIN arrived too */
	HZ_TCP_F_EOF_DONE = 1u << 16,   /* on_eof was called */
	HZ_TCP_F_RECOVERY = 1u << 17,   /* NewReno fast recovery, RFC 6582 */
	HZ_TCP_F_PERSIST = 1u << 18,    /* rtx_at is the next window probe */
	HZ_TCP_F_RETRIED = 1u << 19,    /* the SYN-ACK was sent more than once */
	HZ_TCP_F_PARTIAL = 1u << 13,    /* a partial ACK came in this recovery */
	HZ_TCP_F_HALF_OPEN = 1u << 20,  /* counted in half_open_count */
	HZ_TCP_F_KEEPALIVE = 1u << 29,  /* a silent peer is asked whether it lives */
	HZ_TCP_F_KEEP_PROBE = 1u << 30, /* the ACK that is owed asks */
	HZ_TCP_F_ACTIVE =
		1u << 31, /* opened by us, and the protocol does not know how it went yet */
};

struct hz_tcp_key {
	struct hz_addr remote, local;
	uint32_t ports; /* remote then local, as in the header of the peer's segments */
};

/* Owned by the worker that received its SYN; no other core touches it, so nothing is atomic. Times are
 * the worker's clock in ns, 0: not set. The first two cache lines are what an in-order segment needs. */
struct hz_tcp_pcb {
	struct hz_tcp_key key;
	uint32_t rcv_nxt;   /* next byte expected */
	uint32_t snd_una;   /* oldest byte not acknowledged, RFC 9293 3.3.1 */
	uint32_t snd_nxt;   /* next byte to send; set back by a timeout */
	uint32_t snd_max;   /* highest ever sent */
	uint32_t ts_recent; /* of the peer, RFC 7323 4.3 */
	uint32_t flags;     /* enum hz_tcp_flag */

	uint32_t snd_wnd; /* the peer's window in bytes */
	uint32_t snd_end; /* one past the last byte queued; the FIN's number */
	uint32_t cwnd;
	uint32_t rcv_adv;  /* right edge of the window we advertised */
	uint32_t ack_sent; /* rcv_nxt of the last segment sent */
	uint32_t hash;
	struct rte_mbuf *tx_head; /* queue of tcp_seg.h, owned: snd_una.. */
	struct rte_mbuf *tx_next; /* holds snd_nxt; NULL: all sent */
	struct rte_mbuf *tx_tail;
	uint8_t state; /* enum hz_tcp_state */
	uint8_t dup_acks;
	uint8_t dup_acks_owed;
	uint8_t retries;  /* timeouts since the last progress */
	uint16_t snd_mss; /* payload bytes of a full segment */
	uint16_t rcv_mss;
	uint16_t tx_count; /* segments queued */

	struct hz_stream stream;
	struct hz_tcp *tcp;
	struct hz_port *port;
	struct hz_tcp_pcb *turn_next;

	uint32_t ssthresh;
	uint32_t cc_acked;   /* bytes towards the next cwnd increment, RFC 3465 */
	uint32_t recover;    /* RFC 6582 */
	uint32_t last_acked; /* bytes of the last ACK that was new */
	uint32_t snd_wl1, snd_wl2;
	uint32_t snd_wnd_max;
	uint32_t rtt_seq;                    /* being timed, when rtt_start_ns is set */
	uint32_t srtt_us, rttvar_us, rto_us; /* RFC 6298; srtt 0: no sample yet */
	uint32_t iss, irs;
	uint32_t ts_offset;
	uint8_t rto_shift;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t close_why; /* enum hz_close_why, once CLOSED */

	struct hz_tcp_hold {
		uint8_t *data; /* owned block, NULL: none */
		uint32_t at, bytes, capacity;
	} hold; /* input the protocol did not consume */

	struct rte_mbuf *reasm; /* out-of-order segments, owned, ascending, disjoint */
	uint32_t reasm_bytes;
	uint32_t reasm_count;
	uint32_t reasm_last; /* in the block that arrived last, which SACK names first */
	uint32_t fin_seq;    /* of the peer's FIN, with FIN_SEEN */

	uint64_t rtt_start_ns;
	uint64_t last_rx_ns;
	uint64_t data_sent_ns;   /* pure ACKs do not count, RFC 5681 4.1 */
	uint64_t zero_window_ns; /* since when the window is closed and data waits */
	uint64_t challenge_ns;   /* last ACK to an unacceptable segment */

	/* Deadlines; the wheel node is armed at or before the earliest. */
	uint64_t rtx_at;
	uint64_t delack_at;
	uint64_t app_at;
	uint64_t state_at;
	uint64_t armed_at;
	struct hz_timer timer;

	struct hz_tcp_tmpl tmpl;
};
_Static_assert(offsetof(struct hz_tcp_pcb, snd_wnd) == 60, "identity and sequence state: one line");
_Static_assert(offsetof(struct hz_tcp_pcb, stream) <= 128, "an in-order segment: two lines");

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

/* Compares without building a key: the common case of every segment. */
bool hz_tcp_key_matches(const struct hz_tcp_key *key, const struct hz_packet *packet);

#endif
