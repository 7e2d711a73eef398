/* A packet buffer while it waits in a queue of TCP: output not yet acknowledged, or input that came
 * out of order. What TCP must know about it lives in fields of the mbuf that are ours as long as
 * ol_flags is 0, and that neither drivers nor rte_pktmbuf_free look at:
 *
 *   tx_offload       next segment of the queue. Not mbuf->next: the frame may be in a driver's ring,
 *                    whose rte_pktmbuf_free would walk and free the whole queue.
 *   hash.fdir.lo     sequence number of the first payload byte
 *   hash.fdir.hi     payload bytes (low half), folded checksum of the payload (high half)
 *   vlan_tci_outer   offset of the payload from buf_addr; headers are prepended in front of it
 *   vlan_tci         marks, enum hz_seg_mark
 *   packet_type      when it was sent last, in us modulo 2^32
 *
 * Ownership: a queued segment is one reference. Sending passes another one to the port; while the
 * driver has not returned it (reference count above 1) nothing of the frame may change. */
#ifndef HZ_TCP_SEG_H
#define HZ_TCP_SEG_H

#include "port/mbuf_span.h"
#include "tcp/tcp_seq.h"

enum hz_seg_mark {
	HZ_SEG_CSUM = 1,   /* the checksum is valid */
	HZ_SEG_SACKED = 2, /* the peer has all of it, out of order; excludes LOST and RETX */
	HZ_SEG_LOST = 4,   /* taken for lost */
	HZ_SEG_RETX = 8,   /* lost, and sent again since: under way */
	HZ_SEG_EVER = 16,  /* sent more than once: an ACK may be for either (Karn) */
};

static inline bool hz_seg_has(const struct rte_mbuf *seg, unsigned marks)
{
	return (seg->vlan_tci & marks) != 0;
}

static inline void hz_seg_mark(struct rte_mbuf *seg, unsigned marks)
{
	seg->vlan_tci = (uint16_t)(seg->vlan_tci | marks);
}

static inline void hz_seg_unmark(struct rte_mbuf *seg, unsigned marks)
{
	seg->vlan_tci = (uint16_t)(seg->vlan_tci & ~marks);
}

static inline uint32_t hz_seg_sent_us(const struct rte_mbuf *seg)
{
	return seg->packet_type;
}

static inline void hz_seg_set_sent_us(struct rte_mbuf *seg, uint32_t us)
{
	seg->packet_type = us;
}

static inline struct rte_mbuf *hz_seg_next(const struct rte_mbuf *seg)
{
	return (struct rte_mbuf *)(uintptr_t)seg->tx_offload;
}

static inline void hz_seg_set_next(struct rte_mbuf *seg, struct rte_mbuf *next)
{
	seg->tx_offload = (uintptr_t)next;
}

static inline uint32_t hz_seg_seq(const struct rte_mbuf *seg)
{
	return seg->hash.fdir.lo;
}

static inline uint32_t hz_seg_bytes(const struct rte_mbuf *seg)
{
	return seg->hash.fdir.hi & 0xffffu;
}

static inline uint32_t hz_seg_end(const struct rte_mbuf *seg)
{
	return hz_seg_seq(seg) + hz_seg_bytes(seg);
}

static inline uint16_t hz_seg_csum(const struct rte_mbuf *seg)
{
	return (uint16_t)(seg->hash.fdir.hi >> 16);
}

static inline void hz_seg_set_csum(struct rte_mbuf *seg, uint16_t csum)
{
	seg->hash.fdir.hi = (uint32_t)csum << 16 | hz_seg_bytes(seg);
	hz_seg_mark(seg, HZ_SEG_CSUM);
}

static inline uint16_t hz_seg_offset(const struct rte_mbuf *seg)
{
	return seg->vlan_tci_outer;
}

/* The payload, wherever data_off stands at the moment. */
static inline uint8_t *hz_seg_payload(struct rte_mbuf *seg)
{
	return hz_mbuf_bytes(seg).data - seg->data_off + hz_seg_offset(seg);
}

/* Changing the extent invalidates the checksum and clears all marks: not of what was sent. */
static inline void hz_seg_set(struct rte_mbuf *seg, uint32_t seq, uint16_t offset, uint32_t bytes)
{
	seg->hash.fdir.lo = seq;
	seg->hash.fdir.hi = bytes;
	seg->vlan_tci_outer = offset;
	seg->vlan_tci = 0;
}

static inline void hz_seg_free_list(struct rte_mbuf *seg)
{
	while (seg != NULL) {
		struct rte_mbuf *next = hz_seg_next(seg);

		rte_pktmbuf_free(seg);
		seg = next;
	}
}

#endif
