/* The one place that turns a packet buffer into bytes. */
#ifndef HZ_MBUF_SPAN_H
#define HZ_MBUF_SPAN_H

#include <hz/span.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <string.h>

/* Valid as long as the caller holds its reference of mbuf and does not trim it. */
static inline struct hz_wspan hz_mbuf_bytes(struct rte_mbuf *mbuf)
{
	return (struct hz_wspan){ rte_pktmbuf_mtod(mbuf, uint8_t *), rte_pktmbuf_data_len(mbuf) };
}

/* Copies the bytes that lie before the frame, where XDP may have left a note about it; they stay until the next frame
 * in this buffer, or hz_mbuf_before_clear. false: the buffer has no such room. */
static inline bool hz_mbuf_before(const struct rte_mbuf *mbuf, void *out, size_t bytes)
{
	if (rte_pktmbuf_headroom(mbuf) < bytes)
		return false;
	memcpy(out, rte_pktmbuf_mtod(mbuf, const uint8_t *) - bytes, bytes);
	return true;
}

/* What was said there is used up. */
static inline void hz_mbuf_before_clear(struct rte_mbuf *mbuf, size_t bytes)
{
	if (rte_pktmbuf_headroom(mbuf) >= bytes)
		memset(rte_pktmbuf_mtod(mbuf, uint8_t *) - bytes, 0, bytes);
}

#endif
