/* The one place that turns a packet buffer into bytes. */
#ifndef HZ_MBUF_SPAN_H
#define HZ_MBUF_SPAN_H

#include <hz/span.h>
#include <rte_mbuf.h>

/* Valid as long as the caller holds its reference of mbuf and does not trim it. */
static inline struct hz_wspan hz_mbuf_bytes(struct rte_mbuf *mbuf)
{
	return (struct hz_wspan){ rte_pktmbuf_mtod(mbuf, uint8_t *), rte_pktmbuf_data_len(mbuf) };
}

#endif
