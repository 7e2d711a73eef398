/* Congestion control: an algorithm is four functions over a connection's cwnd, ssthresh and a few words
 * of its own, which live as long as something is under way. When what happened is decided elsewhere
 * (tcp_recovery.c); here are only numbers. All windows are in bytes. */
#ifndef HZ_CC_H
#define HZ_CC_H

#include "core/limits.h"
#include "tcp/tcp_pcb.h"

/* Nothing above this is ever in flight; also keeps sums below 2^31. */
#define HZ_CC_CWND_MAX (2u * HZ_LIMIT_tx_bytes_max)

union hz_cc_state {
	struct {
		uint32_t acked; /* bytes towards the next increment, RFC 3465 */
	} newreno;
	struct hz_cubic {
		/* the period since the last reduction, RFC 9438 4.2 */
		uint32_t epoch_us; /* its begin, 0: none yet */
		uint32_t k_ms;     /* when the curve is level again */
		uint32_t origin;   /* window at which it is */
		uint32_t reno;     /* the window NewReno would have, 1/256 bytes */
		uint32_t fraction; /* of a byte, 1/256 */
		/* slow start, RFC 9406 4.2; times 0: none */
		uint32_t round_end; /* snd_nxt when the round trip began */
		uint32_t rtt_us, last_rtt_us, base_rtt_us;
		uint8_t samples, slow_rounds;
		bool has_round, is_slow; /* is_slow: conservative slow start */
	} cubic;
};

struct hz_cc_ops {
	const char *name;
	/* acked new bytes outside of recovery; flight were outstanding before. Grows only a window that
	 * was in use. */
	void (*acked)(struct hz_tcp_pcb *pcb, uint32_t acked, uint32_t flight);
	/* Losses, or a mark of congestion: the new ssthresh. */
	uint32_t (*ssthresh)(struct hz_tcp_pcb *pcb, uint32_t flight);
	/* cwnd was set from outside: after a timeout (the phase is LOSS), an idle time, a loss, the end of a
	 * recovery or its undo. */
	void (*moved)(struct hz_tcp_pcb *pcb);
};

extern const struct hz_cc_ops hz_cc_newreno_ops; /* RFC 5681, RFC 3465 */
extern const struct hz_cc_ops hz_cc_cubic_ops;   /* RFC 9438, slow start of RFC 9406 */

/* Established: initial window of RFC 6928, or one segment when the handshake lost a packet (RFC 5681 3.1). */
void hz_cc_open(struct hz_tcp_pcb *pcb, bool had_loss);

/* Nothing was sent for longer than a timeout: restart window, RFC 5681 4.1. */
void hz_cc_idle(struct hz_tcp_pcb *pcb);

/* Slow start: grows by acked, at most step_max for one ACK. Returns the bytes acknowledged that it left over,
 * 0: all used. */
uint32_t hz_cc_slow_start(struct hz_tcp_pcb *pcb, uint32_t acked, uint32_t flight,
                          uint32_t step_max);

#endif
