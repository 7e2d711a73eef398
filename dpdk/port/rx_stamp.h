/* When XDP saw a frame that the port received. */
#ifndef HZ_RX_STAMP_H
#define HZ_RX_STAMP_H

#include "abi/hz_abi.h"
#include <rte_mbuf.h>
#include <string.h>

/* CLOCK_MONOTONIC, 0: the driver carries no metadata. Once: buffers come again, and what stands in front of the next
 * frame must not be this one's. */
static inline uint64_t hz_rx_stamp_take(struct rte_mbuf *mbuf)
{
	struct hz_rx_stamp stamp, none = { 0 };
	uint8_t *at;

	if (rte_pktmbuf_headroom(mbuf) < sizeof(stamp))
		return 0;
	at = rte_pktmbuf_mtod(mbuf, uint8_t *) - sizeof(stamp);
	memcpy(&stamp, at, sizeof(stamp));
	if (stamp.magic !=
	    HZ_RX_STAMP_MAGIC) /* nothing, or a note about a cookie, which is read later */
		return 0;
	memcpy(at, &none, sizeof(none));
	return stamp.time_ns;
}

#endif
