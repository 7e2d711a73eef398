#include "tcp/tcp_sack.h"

#include "tcp/tcp_rack.h"
#include "tcp/tcp_stack.h"
#include <assert.h>
#include <string.h>

/* bytes of a segment with these marks leave the sums. */
static void forget(struct hz_tcp_rec *rec, unsigned marks, uint32_t bytes)
{
	if (marks & HZ_SEG_SACKED)
		rec->sacked -= bytes;
	if (marks & HZ_SEG_LOST)
		rec->lost -= bytes;
	if (marks & HZ_SEG_RETX)
		rec->retx -= bytes;
}

static void arrived(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack, uint32_t end, uint32_t sent_us,
                    bool is_retx)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	hz_tcp_rack_arrived(pcb, ack, end, sent_us, is_retx);
	if (rec->phase == HZ_TCP_LOSS && !is_retx && hz_seq_leq(end, rec->recover))
		ack->has_original = true;
}

static void seg_arrived(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack, const struct rte_mbuf *seg)
{
	arrived(pcb, ack, hz_tcp_sack_sent_end(pcb, seg), hz_seg_sent_us(seg),
	        hz_seg_has(seg, HZ_SEG_EVER));
}

static void head_pop(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct rte_mbuf *seg = rec->tx_head;

	rec->tx_head = hz_seg_next(seg);
	if (rec->tx_head == NULL)
		rec->tx_tail = NULL;
	if (rec->tx_next == seg) /* a window probe went beyond snd_nxt, and was taken */
		rec->tx_next = rec->tx_head;
	rec->tx_count--;
	hz_tcp_of(pcb)->tx_total--;
	rte_pktmbuf_free(seg);
}

/* The head, of which the ACK covers all or a part, with marks or with something SACKed behind it. */
static void head_account(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct rte_mbuf *seg = rec->tx_head;
	uint32_t start = hz_seq_max(hz_seg_seq(seg), pcb->snd_una);
	uint32_t left = hz_tcp_sack_outstanding(pcb, seg), to = ack->seg->ack;
	uint32_t bytes = hz_seq_lt(to, start + left) ? to - start : left;

	forget(rec, seg->vlan_tci, bytes);
	if (hz_seg_has(seg, HZ_SEG_SACKED)) {
		ack->delivered -= bytes; /* counted before */
		if (bytes == left)
			rec->sacked_count--;
	} else if (bytes == left && left > 0) {
		seg_arrived(pcb, ack, seg);
	}
	if (bytes == left)
		hz_seg_unmark(seg, HZ_SEG_LOST | HZ_SEG_RETX);
}

static void fin_account(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->fin_marks & HZ_SEG_SACKED)
		ack->delivered--;
	forget(rec, rec->fin_marks, 1);
	rec->fin_marks = 0;
}

void hz_tcp_sack_advance(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t to = ack->seg->ack;
	uint32_t last_end = 0, last_us = 0;
	bool is_plain = rec->fack == pcb->snd_una, has_last = false;

	ack->acked = ack->delivered = to - pcb->snd_una;
	while (rec->tx_head != NULL && hz_seq_lt(hz_seg_seq(rec->tx_head), to)) {
		struct rte_mbuf *seg = rec->tx_head;

		if (!is_plain || hz_seg_has(seg, (unsigned)~HZ_SEG_CSUM)) {
			head_account(pcb, ack);
		} else if (hz_seq_leq(hz_seg_end(seg), to)) {
			/* Mostly all is in order; then what the last one tells, tells all. */
			has_last = true;
			last_end = hz_seg_end(seg);
			last_us = hz_seg_sent_us(seg);
		}
		if (hz_seq_lt(to, hz_seg_end(seg)))
			break;
		head_pop(pcb);
	}
	if (has_last)
		arrived(pcb, ack, last_end, last_us, false);
	if (to == pcb->snd_end + 1)
		fin_account(pcb, ack);
	if (hz_seq_lt(rec->snd_nxt, to))
		rec->snd_nxt = to;
	if (hz_seq_lt(rec->fack, to))
		rec->fack = to;
	pcb->snd_una = to;
}

/* RFC 2883 4: the first block, when it is below the acknowledgment or inside the second. */
static bool is_dsack(const struct hz_tcp_segment *seg, const struct hz_tcp_sack_block *first,
                     const struct hz_tcp_sack_block *second)
{
	if (hz_seq_lt(first->start, seg->ack))
		return true;
	return second != NULL && hz_seq_geq(first->start, second->start) &&
	       hz_seq_leq(first->end, second->end);
}

/* The blocks that can be meant, RFC 2018 5.1. Returns their number. */
static uint32_t blocks_read(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack,
                            struct hz_tcp_sack_block *out)
{
	const struct hz_tcp_opts *opts = &ack->seg->opts;
	struct hz_tcp_sack_block block[HZ_TCP_SACK_BLOCKS_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < opts->sack_count; i++)
		block[i] = hz_tcp_opts_block(opts, i);
	for (uint32_t i = 0; i < opts->sack_count; i++) {
		if (hz_seq_geq(block[i].start, block[i].end) ||
		    hz_seq_gt(block[i].end, pcb->snd_max))
			continue;
		if (i == 0 &&
		    is_dsack(ack->seg, &block[0], opts->sack_count > 1 ? &block[1] : NULL)) {
			ack->has_dsack = true;
			hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_dsack_received);
			ack->dsack_start = block[0].start;
			ack->dsack_end = block[0].end;
		} else if (hz_seq_geq(block[i].start, pcb->snd_una)) {
			out[n++] = block[i];
		}
	}
	return n;
}

static bool is_in(uint32_t start, uint32_t end, const struct hz_tcp_sack_block *block, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (hz_seq_geq(start, block[i].start) && hz_seq_leq(end, block[i].end))
			return true;
	}
	return false;
}

static void seg_sack(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack, struct rte_mbuf *seg)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t bytes = hz_tcp_sack_outstanding(pcb, seg);

	forget(rec, seg->vlan_tci, bytes);
	hz_seg_unmark(seg, HZ_SEG_LOST | HZ_SEG_RETX);
	hz_seg_mark(seg, HZ_SEG_SACKED);
	rec->sacked += bytes;
	rec->sacked_count++;
	ack->delivered += bytes;
	seg_arrived(pcb, ack, seg);
}

/* A FIN of its own, behind all data. */
static void fin_sack(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	forget(rec, rec->fin_marks, 1);
	rec->fin_marks = HZ_SEG_SACKED;
	rec->sacked++;
	ack->delivered++;
	hz_tcp_rack_arrived(pcb, ack, pcb->snd_end + 1, rec->fin_sent_us, true);
}

/* A segment counts only whole: of one that was sent in slices, the rest is sent again with it; and one of
 * which a part was not sent yet never does, or its sums would change with the next slice. */
void hz_tcp_sack_blocks(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	struct hz_tcp_sack_block block[HZ_TCP_SACK_BLOCKS_MAX];
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t n = blocks_read(pcb, ack, block);

	if (n == 0)
		return;
	for (struct rte_mbuf *seg = rec->tx_head; hz_tcp_sack_was_sent(pcb, seg);
	     seg = hz_seg_next(seg)) {
		if (seg != rec->tx_next && !hz_seg_has(seg, HZ_SEG_SACKED) &&
		    is_in(hz_seq_max(hz_seg_seq(seg), pcb->snd_una), hz_seg_end(seg), block, n))
			seg_sack(pcb, ack, seg);
	}
	if (rec->snd_nxt == pcb->snd_end + 1 && !(rec->fin_marks & HZ_SEG_SACKED) &&
	    is_in(pcb->snd_end, pcb->snd_end + 1, block, n))
		fin_sack(pcb, ack);
}

void hz_tcp_sack_lose(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t bytes = hz_tcp_sack_outstanding(pcb, seg);

	assert(!hz_seg_has(seg, HZ_SEG_SACKED));
	if (hz_seg_has(seg, HZ_SEG_RETX))
		rec->retx -= bytes;
	if (!hz_seg_has(seg, HZ_SEG_LOST))
		rec->lost += bytes;
	hz_seg_unmark(seg, HZ_SEG_RETX);
	hz_seg_mark(seg, HZ_SEG_LOST);
}

static void fin_lose(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->snd_nxt != pcb->snd_end + 1 || (rec->fin_marks & HZ_SEG_SACKED))
		return;
	forget(rec, rec->fin_marks, 1);
	rec->fin_marks = HZ_SEG_LOST;
	rec->lost++;
}

static void renege(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_sack_reneged);
	for (struct rte_mbuf *seg = rec->tx_head; hz_tcp_sack_was_sent(pcb, seg);
	     seg = hz_seg_next(seg))
		hz_seg_unmark(seg, HZ_SEG_SACKED);
	rec->fin_marks &= (uint8_t)~HZ_SEG_SACKED;
	rec->sacked = 0;
	rec->sacked_count = 0;
}

void hz_tcp_sack_lose_all(struct hz_tcp_pcb *pcb)
{
	struct rte_mbuf *head = pcb->rec->tx_head;

	if (head != NULL && hz_seg_has(head, HZ_SEG_SACKED))
		renege(pcb);
	for (struct rte_mbuf *seg = head; hz_tcp_sack_was_sent(pcb, seg); seg = hz_seg_next(seg)) {
		if (!hz_seg_has(seg, HZ_SEG_SACKED))
			hz_tcp_sack_lose(pcb, seg);
	}
	fin_lose(pcb);
}

void hz_tcp_sack_restore(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	for (struct rte_mbuf *seg = rec->tx_head; hz_tcp_sack_was_sent(pcb, seg);
	     seg = hz_seg_next(seg))
		hz_seg_unmark(seg, HZ_SEG_LOST | HZ_SEG_RETX);
	rec->fin_marks &= (uint8_t) ~(HZ_SEG_LOST | HZ_SEG_RETX);
	rec->lost = rec->retx = 0;
}

/* The frame of seg may still be in a driver's ring: it does not change, only what we take it for. */
void hz_tcp_sack_split(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg, uint32_t at,
                       struct rte_mbuf *mbuf)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t kept = at - hz_seg_seq(seg), moved = hz_seg_bytes(seg) - kept;
	unsigned marks = seg->vlan_tci & ~(unsigned)HZ_SEG_CSUM;

	assert(hz_seq_gt(at, hz_seg_seq(seg)) && hz_seq_lt(at, hz_tcp_sack_sent_end(pcb, seg)));
	memcpy(hz_mbuf_bytes(mbuf).data, hz_seg_payload(seg) + kept, moved);
	hz_seg_set(mbuf, at, mbuf->data_off, moved);
	hz_seg_set(seg, hz_seg_seq(seg), hz_seg_offset(seg), kept);
	hz_seg_mark(mbuf, marks);
	hz_seg_mark(seg, marks);
	hz_seg_set_sent_us(mbuf, hz_seg_sent_us(seg));
	hz_seg_set_next(mbuf, hz_seg_next(seg));
	hz_seg_set_next(seg, mbuf);
	if (rec->tx_tail == seg)
		rec->tx_tail = mbuf;
	if (rec->tx_next == seg)
		rec->tx_next = mbuf;
	rec->sacked_count = (uint16_t)(rec->sacked_count + ((marks & HZ_SEG_SACKED) != 0));
	rec->tx_count++;
	hz_tcp_of(pcb)->tx_total++;
}

void hz_tcp_sack_resent(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg)
{
	assert(hz_seg_has(seg, HZ_SEG_LOST) && !hz_seg_has(seg, HZ_SEG_RETX));
	pcb->rec->retx += hz_tcp_sack_outstanding(pcb, seg);
	hz_seg_mark(seg, HZ_SEG_RETX);
}
