/* When XDP saw a frame that the port received. */
#ifndef HZ_RX_STAMP_H
#define HZ_RX_STAMP_H

#include "abi/hz_abi.h"
#include <rte_mbuf.h>
#include <string.h>

static inline uint8_t *hz_rx_stamp_at(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod(mbuf, uint8_t *) - sizeof(struct hz_rx_stamp);
}

/* CLOCK_MONOTONIC, 0: the driver carries no metadata. */
static inline uint64_t hz_rx_stamp_look(struct rte_mbuf *mbuf)
{
	struct hz_rx_stamp stamp;

	if (rte_pktmbuf_headroom(mbuf) < sizeof(stamp))
		return 0;
	memcpy(&stamp, hz_rx_stamp_at(mbuf), sizeof(stamp));
	/* Or nothing, or a note about a cookie, which is read later. */
	return stamp.magic == HZ_RX_STAMP_MAGIC ? stamp.time_ns : 0;
}

/* The same, once: buffers come again, and what stands in front of the next frame must not be this one's. */
static inline uint64_t hz_rx_stamp_take(struct rte_mbuf *mbuf)
{
	const struct hz_rx_stamp none = { 0 };
	uint64_t time_ns = hz_rx_stamp_look(mbuf);

	if (time_ns != 0)
		memcpy(hz_rx_stamp_at(mbuf), &none, sizeof(none));
	return time_ns;
}

/* Back to where it was taken from, for another reader. */
static inline void hz_rx_stamp_put(struct rte_mbuf *mbuf, uint64_t time_ns)
{
	const struct hz_rx_stamp stamp = { .time_ns = time_ns, .magic = HZ_RX_STAMP_MAGIC };

	if (time_ns != 0)
		memcpy(hz_rx_stamp_at(mbuf), &stamp, sizeof(stamp));
}

#endif
