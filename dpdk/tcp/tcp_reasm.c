#include "tcp/tcp_reasm.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"

static bool is_full(const struct hz_tcp_pcb *pcb, const struct rte_mbuf *mbuf, uint32_t bytes)
{
	return pcb->rec->reasm_count >= HZ_LIMIT_reasm_segments_max ||
	       pcb->rec->reasm_bytes + bytes > HZ_LIMIT_reasm_bytes_max ||
	       hz_tcp_of(pcb)->reasm_total >= mbuf->pool->size / HZ_TCP_REASM_POOL_PART;
}

static void forget(struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	pcb->rec->reasm_count--;
	pcb->rec->reasm_bytes -= bytes;
	hz_tcp_of(pcb)->reasm_total--;
}

/* Frees what [.., end) covers wholly behind prev (NULL: from the front). */
static void drop_covered(struct hz_tcp_pcb *pcb, struct rte_mbuf *prev, uint32_t end)
{
	struct rte_mbuf *next = prev != NULL ? hz_seg_next(prev) : pcb->rec->reasm;

	while (next != NULL && hz_seq_leq(hz_seg_end(next), end)) {
		struct rte_mbuf *after = hz_seg_next(next);

		forget(pcb, hz_seg_bytes(next));
		rte_pktmbuf_free(next);
		next = after;
	}
	if (prev != NULL)
		hz_seg_set_next(prev, next);
	else
		pcb->rec->reasm = next;
}

void hz_tcp_reasm_twice(struct hz_tcp_pcb *pcb, uint32_t start, uint32_t end)
{
	struct hz_tcp_rec *rec;

	if (!(pcb->flags & HZ_TCP_F_SACK) || start == end)
		return;
	rec = hz_tcp_rec_need(pcb);
	rec->dsack_start = start;
	rec->dsack_end = end;
}

bool hz_tcp_reasm_put(struct hz_tcp_pcb *pcb, struct rte_mbuf *mbuf, uint32_t seq,
                      const uint8_t *payload, uint32_t bytes)
{
	struct rte_mbuf *prev = NULL, *next = hz_tcp_rec_need(pcb)->reasm;
	uint32_t end = seq + bytes, cut;

	while (next != NULL && hz_seq_leq(hz_seg_seq(next), seq)) {
		prev = next;
		next = hz_seg_next(next);
	}
	pcb->rec->reasm_last = seq;
	if (prev != NULL && hz_seq_geq(hz_seg_end(prev), end)) {
		hz_tcp_reasm_twice(pcb, seq, end);
		return false;
	}
	if (prev != NULL && hz_seq_gt(hz_seg_end(prev), seq)) {
		cut = hz_seg_end(prev) - seq;
		seq += cut;
		payload += cut;
	}
	drop_covered(pcb, prev, end);
	next = prev != NULL ? hz_seg_next(prev) : pcb->rec->reasm;
	if (next != NULL && hz_seq_gt(end, hz_seg_seq(next)))
		end = hz_seg_seq(next);
	bytes = end - seq;
	if (bytes == 0)
		return false; /* between its neighbours nothing was missing */
	if (is_full(pcb, mbuf, bytes)) {
		hz_tcp_count_drop(hz_tcp_of(pcb), HZ_COUNTER_drop_reasm_full);
		return false;
	}
	hz_seg_set(mbuf, seq, (uint16_t)(payload - (hz_mbuf_bytes(mbuf).data - mbuf->data_off)),
	           bytes);
	hz_seg_set_next(mbuf, next);
	if (prev != NULL)
		hz_seg_set_next(prev, mbuf);
	else
		pcb->rec->reasm = mbuf;
	pcb->rec->reasm_count++;
	pcb->rec->reasm_bytes += bytes;
	hz_tcp_of(pcb)->reasm_total++;
	return true;
}

struct rte_mbuf *hz_tcp_reasm_pop(struct hz_tcp_pcb *pcb)
{
	struct rte_mbuf *seg;

	drop_covered(pcb, NULL, pcb->rcv_nxt);
	seg = pcb->rec->reasm;
	if (seg == NULL || hz_seq_gt(hz_seg_seq(seg), pcb->rcv_nxt))
		return NULL;
	pcb->rec->reasm = hz_seg_next(seg);
	forget(pcb, hz_seg_bytes(seg));
	return seg;
}

/* The block that starts at seg; *next is the first segment behind it. */
static struct hz_tcp_sack_block block_at(const struct rte_mbuf *seg, const struct rte_mbuf **next)
{
	struct hz_tcp_sack_block block = { hz_seg_seq(seg), hz_seg_end(seg) };

	for (seg = hz_seg_next(seg); seg != NULL && hz_seg_seq(seg) == block.end;
	     seg = hz_seg_next(seg))
		block.end = hz_seg_end(seg);
	*next = seg;
	return block;
}

static bool is_last(const struct hz_tcp_pcb *pcb, const struct hz_tcp_sack_block *block)
{
	return hz_seq_leq(block->start, pcb->rec->reasm_last) &&
	       hz_seq_gt(block->end, pcb->rec->reasm_last);
}

size_t hz_tcp_reasm_blocks(const struct hz_tcp_pcb *pcb, struct hz_tcp_sack_block *block,
                           size_t max)
{
	const struct rte_mbuf *next;
	size_t count = 0;

	for (const struct rte_mbuf *seg = pcb->rec->reasm; seg != NULL && count < max; seg = next) {
		struct hz_tcp_sack_block one = block_at(seg, &next);

		if (is_last(pcb, &one)) {
			block[count++] = one;
			break;
		}
	}
	for (const struct rte_mbuf *seg = pcb->rec->reasm; seg != NULL && count < max; seg = next) {
		struct hz_tcp_sack_block one = block_at(seg, &next);

		if (!is_last(pcb, &one))
			block[count++] = one;
	}
	return count;
}
