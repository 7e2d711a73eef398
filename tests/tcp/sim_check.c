#include "sim_check.h"

#include "tcp/tcp_isn.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_sack.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_timer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define POOL_IS_POISONED 1 /* ASan itself reports who touches what was freed */
#else
#define POOL_IS_POISONED 0
#endif

#define FILL     0xdb
#define CWND_MAX (4u * HZ_LIMIT_tx_bytes_max)
#define TICK_NS  (1ull << HZ_WHEEL_TICK_SHIFT)
#define RULE(x, why)                                                                               \
	do {                                                                                       \
		if (!(x))                                                                          \
			return why;                                                                \
	} while (0)

int sim_check_open(struct sim_check *check, const struct hz_tcp *tcp)
{
	check->capacity = tcp->pcbs.capacity;
	check->is_filled = calloc(check->capacity, 1);
	return check->is_filled != NULL ? 0 : -ENOMEM;
}

void sim_check_close(struct sim_check *check)
{
	free(check->is_filled);
	*check = (struct sim_check){ 0 };
}

uint16_t sim_check_local_port(const struct hz_stream *s)
{
	return __builtin_bswap16((uint16_t)(hz_tcp_pcb_of(s)->ports >> 16));
}

uint32_t sim_check_rcv_nxt(const struct hz_stream *s)
{
	return hz_tcp_pcb_of(s)->rcv_nxt;
}

uint64_t sim_check_time_of_iss(const uint8_t secret[16], const struct hz_addr *remote,
                               const struct hz_addr *local, uint16_t remote_port,
                               uint16_t local_port, uint32_t iss)
{
	const uint64_t step_ns = 1u << 20; /* whatever the clock's step, a multiple of it */
	struct hz_tcp_key key = { .remote = *remote, .local = *local };
	uint32_t at_0, per_step;

	key.ports = (uint32_t)__builtin_bswap16(local_port) << 16 | __builtin_bswap16(remote_port);
	at_0 = hz_tcp_isn_make(secret, &key, 0).iss;
	per_step = hz_tcp_isn_make(secret, &key, step_ns).iss - at_0;
	return (iss - at_0) * (step_ns / per_step);
}

/* --- one connection ------------------------------------------------------------------------------------ */

static bool is_synchronised(const struct hz_tcp_pcb *pcb)
{
	return pcb->state != HZ_TCP_SYN_RCVD && pcb->state != HZ_TCP_SYN_SENT &&
	       pcb->state != HZ_TCP_CLOSED;
}

static const char *numbers_check(const struct hz_tcp_pcb *pcb)
{
	uint32_t snd_nxt = hz_tcp_rec_snd_nxt(pcb);

	RULE(hz_seq_leq(pcb->snd_una, snd_nxt), "snd_una is beyond snd_nxt");
	RULE(hz_seq_leq(snd_nxt, pcb->snd_max), "snd_nxt is beyond snd_max");
	RULE(hz_seq_leq(pcb->snd_max, pcb->snd_end + 1), "snd_max is beyond the FIN");
	RULE(hz_seq_leq(pcb->ack_sent, pcb->rcv_nxt), "an ACK beyond rcv_nxt was sent");
	RULE(hz_tcp_pcb_tx_bytes(pcb) <= HZ_LIMIT_tx_bytes_max, "more output than the limit");
	RULE(hz_tcp_rec_held(pcb) <= HZ_LIMIT_hold_bytes_max + 65535u, "more input than the limit");
	if (!is_synchronised(pcb))
		return NULL;
	RULE(hz_seq_leq(pcb->rcv_nxt, pcb->rcv_adv + 1), "rcv_nxt is beyond the window offered");
	RULE(pcb->cwnd >= pcb->snd_mss, "cwnd is below one segment");
	RULE(pcb->cwnd <= CWND_MAX, "cwnd is beyond reason");
	RULE(pcb->rto_ms >= HZ_TCP_RTO_MIN_US / 1000 && pcb->rto_ms <= HZ_TCP_RTO_MAX_US / 1000,
	     "the RTO is outside its limits");
	return NULL;
}

/* Nothing is under way: an idle connection has no recovery block. */
static const char *idle_check(const struct hz_tcp_pcb *pcb)
{
	RULE(!is_synchronised(pcb) || pcb->snd_una == pcb->snd_max,
	     "data is under way without a recovery block");
	RULE(!is_synchronised(pcb) || hz_seq_leq(pcb->snd_end, pcb->snd_max),
	     "unsent output without a recovery block");
	return NULL;
}

static const char *output_check(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;
	const struct rte_mbuf *seg = rec->tx_head, *last = NULL;
	bool saw_next = rec->tx_next == NULL;
	uint32_t count = 0, at;

	if (seg == NULL) {
		RULE(rec->tx_tail == NULL && rec->tx_next == NULL && rec->tx_count == 0,
		     "an empty output queue with a tail");
		RULE(hz_seq_geq(pcb->snd_una, pcb->snd_end), "queued output is gone");
		return NULL;
	}
	at = hz_seg_seq(seg);
	RULE(hz_seq_leq(at, pcb->snd_una), "snd_una is in front of the output queue");
	RULE(hz_seq_gt(hz_seg_end(seg), pcb->snd_una), "an acknowledged segment is kept");
	for (; seg != NULL && count <= HZ_TCP_TX_SEGMENTS_MAX; seg = hz_seg_next(seg)) {
		RULE(hz_seg_seq(seg) == at, "a hole in the output queue");
		RULE(rte_mbuf_refcnt_read(seg) >= 1, "a freed buffer in the output queue");
		if (seg == rec->tx_next) {
			saw_next = true;
			RULE(hz_seq_geq(rec->snd_nxt, hz_seg_seq(seg)) &&
			             hz_seq_lt(rec->snd_nxt, hz_seg_end(seg)),
			     "tx_next does not hold snd_nxt");
		}
		at = hz_seg_end(seg);
		last = seg;
		count++;
	}
	RULE(count == rec->tx_count, "tx_count is wrong");
	RULE(saw_next, "tx_next is not in the output queue");
	RULE(last == rec->tx_tail && at == pcb->snd_end, "the output queue ends wrongly");
	RULE(rec->tx_next != NULL || hz_seq_geq(rec->snd_nxt, pcb->snd_end),
	     "unsent output is forgotten");
	return NULL;
}

/* The sums of the scoreboard are those of its marks. */
static const char *scoreboard_check(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;
	uint32_t sacked = (rec->fin_marks & HZ_SEG_SACKED) != 0, sacked_count = 0;
	uint32_t lost = (rec->fin_marks & HZ_SEG_LOST) != 0;
	uint32_t retx = (rec->fin_marks & HZ_SEG_RETX) != 0;

	for (const struct rte_mbuf *seg = rec->tx_head; seg != NULL; seg = hz_seg_next(seg)) {
		uint32_t bytes = hz_tcp_sack_outstanding(pcb, seg);

		RULE(!hz_seg_has(seg, HZ_SEG_SACKED) || !hz_seg_has(seg, HZ_SEG_LOST | HZ_SEG_RETX),
		     "a segment is SACKed and lost");
		RULE(!hz_seg_has(seg, HZ_SEG_RETX) || hz_seg_has(seg, HZ_SEG_LOST),
		     "a segment was sent again and is not lost");
		RULE(bytes > 0 || !hz_seg_has(seg, HZ_SEG_SACKED | HZ_SEG_LOST | HZ_SEG_RETX),
		     "a segment that was not sent has marks");
		sacked += hz_seg_has(seg, HZ_SEG_SACKED) ? bytes : 0;
		sacked_count += hz_seg_has(seg, HZ_SEG_SACKED);
		lost += hz_seg_has(seg, HZ_SEG_LOST) ? bytes : 0;
		retx += hz_seg_has(seg, HZ_SEG_RETX) ? bytes : 0;
	}
	RULE(sacked == rec->sacked && lost == rec->lost && retx == rec->retx,
	     "the scoreboard is miscounted");
	RULE(sacked_count == rec->sacked_count, "SACKed segments are miscounted");
	RULE(rec->phase != HZ_TCP_OPEN || rec->lost == 0 || !(pcb->flags & HZ_TCP_F_SACK),
	     "something is lost and nothing repairs it");
	RULE(rec->early == HZ_TCP_EARLY_NONE || rec->early_at != 0,
	     "an early timer without a time");
	return NULL;
}

static const char *input_check(const struct hz_tcp_pcb *pcb)
{
	uint32_t at = pcb->rcv_nxt, count = 0, bytes = 0;

	for (const struct rte_mbuf *seg = pcb->rec->reasm; seg != NULL; seg = hz_seg_next(seg)) {
		RULE(hz_seq_gt(hz_seg_seq(seg), pcb->rcv_nxt), "old input waits for reassembly");
		RULE(hz_seq_geq(hz_seg_seq(seg), at), "segments that wait overlap");
		RULE(hz_seg_bytes(seg) > 0, "an empty segment waits");
		at = hz_seg_end(seg);
		RULE(hz_seq_leq(at, pcb->rcv_adv), "input beyond the window waits");
		bytes += hz_seg_bytes(seg);
		count++;
		RULE(count <= HZ_LIMIT_reasm_segments_max, "too many segments wait");
	}
	RULE(count == pcb->rec->reasm_count && bytes == pcb->rec->reasm_bytes,
	     "what waits is miscounted");
	RULE(bytes <= HZ_LIMIT_reasm_bytes_max, "too many bytes wait");
	return NULL;
}

/* Whoever owes something, or is owed something, must not wait for the peer alone. */
static const char *timers_check(const struct hz_tcp_pcb *pcb)
{
	bool has_turn = (pcb->flags & HZ_TCP_F_TURN) != 0;
	bool has_rtx = pcb->rtx_at != 0 || has_turn;

	RULE(pcb->snd_una == pcb->snd_max || has_rtx, "unacknowledged data without a timer");
	RULE(!hz_tcp_rec_has_unsent(pcb) || has_rtx, "unsent data without a timer");
	if (!is_synchronised(pcb)) {
		RULE(has_rtx, "an open without a timer");
		return NULL;
	}
	RULE(pcb->rcv_nxt == pcb->ack_sent || pcb->delack_at != 0 || has_turn,
	     "an ACK is owed without a timer");
	RULE(pcb->state_at != 0 || has_rtx, "nothing ends this connection");
	RULE(!(pcb->flags & HZ_TCP_F_FIN_OUT) || pcb->snd_una == pcb->snd_end + 1 || has_rtx,
	     "a FIN is owed without a timer");
	return NULL;
}

/* Whether timer fires in time for a deadline; for one that is past with the next turn. */
static bool is_in_time(const struct hz_tcp_pcb *pcb, const struct hz_timer *timer, uint32_t at)
{
	return hz_timer_is_armed(timer) && (hz_seq_leq(at, hz_tcp_tick(hz_tcp_of(pcb))) ||
	                                    hz_seq_leq((uint32_t)timer->deadline_tick, at));
}

/* Either node looks at every deadline: that of a SYN may have been armed before there was a block. */
static const char *armed_check(const struct hz_tcp_pcb *pcb)
{
	const struct hz_timer *output = pcb->rec != NULL ? &pcb->rec->timer : &pcb->timer;
	const uint32_t at_output[] = { pcb->rtx_at, pcb->rec != NULL ? pcb->rec->early_at : 0 };
	const uint32_t at[] = { pcb->delack_at, pcb->app_at, pcb->state_at };

	RULE(pcb->rec == NULL || pcb->rec->pcb == pcb, "the block of another connection");
	for (unsigned i = 0; i < HZ_ARRAY_LEN(at_output); i++)
		RULE(at_output[i] == 0 || is_in_time(pcb, output, at_output[i]) ||
		             is_in_time(pcb, &pcb->timer, at_output[i]),
		     "no timer for a deadline of output");
	for (unsigned i = 0; i < HZ_ARRAY_LEN(at); i++)
		RULE(at[i] == 0 || is_in_time(pcb, &pcb->timer, at[i]), "no timer for a deadline");
	return NULL;
}

static const char *pcb_check(const struct hz_tcp_pcb *pcb)
{
	const char *why = numbers_check(pcb);

	if (why == NULL && pcb->rec == NULL)
		why = idle_check(pcb);
	if (why == NULL && pcb->rec != NULL && is_synchronised(pcb))
		why = output_check(pcb);
	if (why == NULL && pcb->rec != NULL && is_synchronised(pcb))
		why = scoreboard_check(pcb);
	if (why == NULL && pcb->rec != NULL)
		why = input_check(pcb);
	if (why == NULL)
		why = timers_check(pcb);
	return why != NULL ? why : armed_check(pcb);
}

/* --- the stack ------------------------------------------------------------------------------------------- */

struct sums {
	uint32_t pcbs, recs, half_open, time_wait, tx, reasm, holds;
	uint32_t state[HZ_TCP_STATE_COUNT];
};

static void rec_add(const struct hz_tcp_rec *rec, struct sums *sums)
{
	if (rec == NULL)
		return;
	sums->recs++;
	sums->tx += rec->tx_count;
	sums->reasm += rec->reasm_count;
	sums->holds += rec->hold.data != NULL;
}

static const char *ref_check(const struct hz_tcp *tcp, const struct hz_tcp_table_slot *slot,
                             struct sums *sums)
{
	const struct hz_tcp_pcb *pcb;

	if (slot->ref & HZ_TCP_REF_TIME_WAIT) {
		sums->time_wait++;
		RULE(hz_tcp_tw_at(&tcp->time_wait, slot->ref)->hash == slot->hash,
		     "a TIME_WAIT record under a wrong hash");
		return NULL;
	}
	RULE(slot->ref <= tcp->pcbs.touched, "a reference to nothing");
	pcb = hz_pool_at(&tcp->pcbs, slot->ref - 1);
	RULE(pcb->state != HZ_TCP_CLOSED && pcb->state < HZ_TCP_STATE_COUNT,
	     "a closed connection in the table");
	RULE(pcb->hash == slot->hash, "a connection under a wrong hash");
	sums->pcbs++;
	sums->state[pcb->state]++;
	sums->half_open += (pcb->flags & HZ_TCP_F_HALF_OPEN) != 0;
	rec_add(pcb->rec, sums);
	return pcb_check(pcb);
}

/* Closed in this turn, freed in the next. */
static void closed_add(const struct hz_tcp *tcp, struct sums *sums)
{
	for (uint32_t i = 0; i < tcp->turn.count; i++) {
		if (tcp->turn.pcb[i]->state != HZ_TCP_CLOSED)
			continue;
		sums->pcbs++;
		rec_add(tcp->turn.pcb[i]->rec, sums);
	}
}

static uint64_t gauge_of(const struct hz_tcp *tcp, uint32_t state)
{
	switch (state) {
#define HZ_TCP_STATE(name, gauge)                                                                  \
	case HZ_TCP_##name:                                                                        \
		return tcp->conf.slot->gauge;
#include "tcp/tcp_states.def"
#undef HZ_TCP_STATE
	default:
		return 0;
	}
}

static const char *sums_check(const struct hz_tcp *tcp, const struct sums *sums)
{
	for (uint32_t i = 1; i < HZ_TCP_STATE_COUNT; i++) {
		uint32_t have = sums->state[i] + (i == HZ_TCP_TIME_WAIT ? sums->time_wait : 0);

		RULE(gauge_of(tcp, i) == have, "a gauge of states is wrong");
	}
	RULE(sums->pcbs == tcp->pcbs.in_use, "a connection that nobody can find");
	RULE(sums->recs == tcp->recs.in_use, "a recovery block leaks");
	RULE(sums->time_wait == tcp->time_wait.count, "TIME_WAIT records are miscounted");
	RULE(sums->half_open == tcp->half_open_count, "half-open connections are miscounted");
	RULE(sums->tx == tcp->tx_total, "buffers with output are miscounted");
	RULE(sums->reasm == tcp->reasm_total, "buffers out of order are miscounted");
	RULE(sums->holds == tcp->hold_small.in_use + tcp->hold_large.in_use,
	     "blocks of unread input leak");
	return NULL;
}

/* Fills what was freed, and looks whether somebody wrote to what was filled. */
static const char *freed_check(struct sim_check *check, const struct hz_tcp *tcp)
{
	static const size_t link_bytes = sizeof(void *); /* of the free list */
	uint32_t count = 0;

	if (POOL_IS_POISONED)
		return NULL;
	for (uint32_t i = 0; i < tcp->pcbs.touched; i++)
		check->is_filled[i] |= 2; /* until it is found to be free */
	for (uint8_t *object = tcp->pcbs.free; object != NULL;
	     object = *(uint8_t **)(void *)object) {
		uint32_t i = hz_pool_index(&tcp->pcbs, object);
		size_t bytes = tcp->pcbs.object_bytes - link_bytes;
		uint8_t *at = object + link_bytes;

		RULE(++count <= tcp->pcbs.capacity, "the free list is a circle");
		if (check->is_filled[i] & 1)
			RULE(at[0] == FILL && memcmp(at, at + 1, bytes - 1) == 0,
			     "a connection was touched after it was freed");
		else
			memset(at, FILL, bytes);
		check->is_filled[i] = 1;
	}
	for (uint32_t i = 0; i < tcp->pcbs.touched; i++) {
		if (check->is_filled[i] & 2)
			check->is_filled[i] = 0;
	}
	RULE(count + tcp->pcbs.in_use == tcp->pcbs.touched, "the pool is miscounted");
	return NULL;
}

const char *sim_check_stack(struct sim_check *check, const struct hz_tcp *tcp)
{
	const char *why = freed_check(check, tcp);
	struct sums sums = { 0 };
	uint32_t entries = 0;

	for (uint32_t i = 0; i <= tcp->table.mask && why == NULL; i++) {
		if (tcp->table.slot[i].ref == HZ_TCP_REF_NONE)
			continue;
		entries++;
		why = ref_check(tcp, &tcp->table.slot[i], &sums);
	}
	if (why != NULL)
		return why;
	RULE(entries == tcp->table.count, "the table is miscounted");
	closed_add(tcp, &sums);
	return sums_check(tcp, &sums);
}

const char *sim_check_empty(const struct hz_tcp *tcp)
{
	RULE(tcp->pcbs.in_use == 0, "a connection was left");
	RULE(tcp->table.count == 0, "an entry of the table was left");
	RULE(tcp->time_wait.count == 0, "a TIME_WAIT record was left");
	RULE(tcp->half_open_count == 0, "a half-open connection was left");
	RULE(tcp->tx_total == 0 && tcp->reasm_total == 0, "a packet buffer was left in a queue");
	RULE(tcp->hold_small.in_use + tcp->hold_large.in_use == 0, "unread input was left");
	RULE(tcp->wheel.armed == 0, "a timer was left");
	RULE(tcp->turn.count == 0, "a turn was left");
	RULE(tcp->recs.in_use == 0, "a recovery block was left");
	RULE(tcp->paths.pool.in_use == 0, "a path was left");
	return NULL;
}
