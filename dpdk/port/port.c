/* The batch in front of a DPDK port: receive, transmit, completions, the control reserve. */
#include "port/port.h"
#include "port/admin_gate.h"
#include "port/mempool.h"
#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

/* net_af_xdp gives buffers back only inside tx_burst, and a tx_burst of nothing is still a system call
 * there: an idle port reaps after 64, 128, 256, ... turns, and then about once per millisecond. */
#define REAP_FIRST_TURNS 64u
#define REAP_EVERY_TURNS 16384u

_Static_assert(HZ_PORT_HEADROOM == RTE_PKTMBUF_HEADROOM, "rte_pktmbuf_alloc leaves our headroom");
_Static_assert(HZ_PORT_TX_SLOTS <= UINT16_MAX, "a batch is one tx_burst");

static bool is_held(const struct hz_port *port)
{
	return __atomic_load_n(&port->is_held, __ATOMIC_ACQUIRE);
}

void hz_port_hold(struct hz_port *port, bool is_held_now)
{
	__atomic_store_n(&port->is_held, is_held_now, __ATOMIC_RELEASE);
}

uint16_t hz_port_rx(struct hz_port *port, struct rte_mbuf **out, uint16_t count)
{
	uint64_t bytes = 0;
	uint16_t got;

	if (HZ_UNLIKELY(is_held(port)))
		return 0;
	got = rte_eth_rx_burst(port->port_id, 0, out, count);

	for (uint16_t i = 0; i < got; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(out[i], const void *));
		bytes += rte_pktmbuf_pkt_len(out[i]);
	}
	port->rx_packets += got;
	port->rx_bytes += bytes;
	return got;
}

/* A copy of mbuf, which is given up, as one direct segment. NULL: dropped and counted. */
static struct rte_mbuf *flattened(struct hz_port *port, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *flat = hz_port_alloc(port, false);
	char *to = flat != NULL ? rte_pktmbuf_append(flat, (uint16_t)mbuf->pkt_len) : NULL;

	if (flat != NULL && (to == NULL || mbuf->pkt_len > UINT16_MAX)) {
		hz_slot_count(port->slot, HZ_COUNTER_drop_tx_full);
		rte_pktmbuf_free(flat);
		flat = NULL;
	}
	for (const struct rte_mbuf *seg = mbuf; flat != NULL && seg != NULL; seg = seg->next) {
		memcpy(to, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
		to += seg->data_len;
	}
	rte_pktmbuf_free(mbuf);
	return flat;
}

void hz_port_tx(struct hz_port *port, struct rte_mbuf *mbuf)
{
	/* Without MULTI_SEGS a driver sends stale memory behind the first segment of a chain, and
	 * loses indirect buffers of its own pool without a word (net_af_xdp, 22.11). */
	if (HZ_UNLIKELY(!port->multi_segs && (mbuf->nb_segs != 1 || !RTE_MBUF_DIRECT(mbuf)))) {
		mbuf = flattened(port, mbuf);
		if (mbuf == NULL)
			return;
	}
	if (HZ_UNLIKELY(port->tx_count == HZ_PORT_TX_SLOTS))
		hz_port_flush(port);
	if (HZ_UNLIKELY(port->tx_count == HZ_PORT_TX_SLOTS)) { /* held, and for too long */
		hz_slot_count(port->slot, HZ_COUNTER_drop_tx_full);
		rte_pktmbuf_free(mbuf);
		return;
	}
	port->tx[port->tx_count++] = mbuf;
	port->tx_bytes += rte_pktmbuf_pkt_len(mbuf);
}

/* Fills the reserve first, so that buffers which come back serve control segments before data. */
static void reserve_fill(struct hz_port *port)
{
	while (port->reserve_count < HZ_LIMIT_tx_reserve_mbufs) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(port->pool);

		if (mbuf == NULL)
			return;
		port->reserve[port->reserve_count++] = mbuf;
	}
}

static bool can_send(const struct hz_port *port)
{
	return __atomic_load_n(&port->link_up, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&port->is_gone, __ATOMIC_RELAXED);
}

/* Frees what was gathered from slot first on. */
static void batch_drop(struct hz_port *port, uint32_t first)
{
	for (uint32_t i = first; i < port->tx_count; i++) {
		port->tx_bytes -= rte_pktmbuf_pkt_len(port->tx[i]);
		rte_pktmbuf_free(port->tx[i]);
		hz_slot_count(port->slot, HZ_COUNTER_drop_tx_full);
	}
}

void hz_port_reap(struct hz_port *port)
{
	if (!is_held(port) && !__atomic_load_n(&port->is_gone, __ATOMIC_RELAXED))
		(void)rte_eth_tx_burst(port->port_id, 0, port->tx, 0);
	if (port->reserve != NULL && port->reserve_count < HZ_LIMIT_tx_reserve_mbufs)
		reserve_fill(port);
}

static void flush_nothing(struct hz_port *port)
{
	uint32_t turns = ++port->idle_flushes;

	if (turns < REAP_FIRST_TURNS)
		return;
	if ((turns & (turns - 1)) == 0 || turns % REAP_EVERY_TURNS == 0)
		hz_port_reap(port);
}

/* What is about to be sent, into the trace: afterwards the buffers are the driver's. Held until it is known
 * what the device took. */
static void batch_trace(const struct hz_port *port)
{
	hz_trace_hold(port->trace);
	for (uint32_t i = 0; i < port->tx_count; i++) {
		const struct rte_mbuf *mbuf = port->tx[i];

		(void)hz_trace_note(port->trace, port->trace_iface, HZ_TRACE_TX,
		                    rte_pktmbuf_mtod(mbuf, const void *), mbuf->data_len,
		                    mbuf->pkt_len);
	}
}

static void batch_traced(const struct hz_port *port, uint32_t sent)
{
	hz_trace_mark(port->trace, port->tx_count - sent, HZ_COUNTER_drop_tx_full);
	hz_trace_release(port->trace);
}

void hz_port_flush(struct hz_port *port)
{
	uint16_t count = (uint16_t)port->tx_count;
	uint16_t sent = 0;

	if (count == 0) {
		flush_nothing(port);
		return;
	}
	if (HZ_UNLIKELY(is_held(port)))
		return;
	port->idle_flushes = 0;
	if (HZ_UNLIKELY(port->trace != NULL))
		batch_trace(port);
	if (can_send(port)) {
		sent = rte_eth_tx_burst(port->port_id, 0, port->tx, count);
		/* The refusing call kicked the kernel, so slots may be free now. Once more, then the
		 * rest is lost: a worker never waits for a device. */
		if (HZ_UNLIKELY(sent < count))
			sent = (uint16_t)(sent + rte_eth_tx_burst(port->port_id, 0, port->tx + sent,
			                                          (uint16_t)(count - sent)));
	}
	port->tx_packets += sent;
	if (HZ_UNLIKELY(port->trace != NULL))
		batch_traced(port, sent);
	if (HZ_UNLIKELY(sent < count))
		batch_drop(port, sent);
	port->tx_count = 0;
	if (HZ_UNLIKELY(port->reserve != NULL && port->reserve_count < HZ_LIMIT_tx_reserve_mbufs))
		reserve_fill(port);
}

struct rte_mbuf *hz_port_alloc(struct hz_port *port, bool for_control)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(port->pool);

	if (HZ_LIKELY(mbuf != NULL))
		return mbuf;
	if (for_control && port->reserve_count > 0)
		return port->reserve[--port->reserve_count];
	hz_slot_count(port->slot, HZ_COUNTER_drop_no_mbuf);
	/* The flush of this turn reaps, unless it sends and so reaps anyway. */
	port->idle_flushes = REAP_FIRST_TURNS - 1;
	return NULL;
}

int hz_port_setup(struct hz_port *port, const char *pool_name, uint32_t mbufs, struct hz_err *err)
{
	struct rte_mbuf **tx, **reserve;
	struct rte_mempool *pool = NULL;
	int status = hz_mempool_open(pool_name, mbufs, port->mtu, &pool, err);

	if (status != 0)
		return status;
	tx = calloc((size_t)HZ_PORT_TX_SLOTS, sizeof(struct rte_mbuf *));
	reserve = calloc(HZ_LIMIT_tx_reserve_mbufs, sizeof(struct rte_mbuf *));
	if (tx == NULL || reserve == NULL) {
		free(tx);
		free(reserve);
		rte_mempool_free(pool);
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for port %s",
		                  pool_name);
	}
	port->pool = pool;
	port->tx = tx;
	port->tx_count = 0;
	port->reserve = reserve;
	port->reserve_count = 0;
	reserve_fill(port);
	return 0;
}

void hz_port_close(struct hz_port *port)
{
	if (port->has_driver) {
		bool was_shut = hz_admin_gate_shut();

		(void)rte_eth_dev_stop(port->port_id);
		(void)rte_eth_dev_close(port->port_id);
		(void)rte_vdev_uninit(port->name); /* of what is on a bus there is nothing more */
		hz_admin_gate_open(was_shut);
	}
	/* The device is closed, so the driver touches no buffer any more and the pool can go, with
	 * every buffer of it that still was in a ring, in the batch or in the reserve. */
	free(port->tx);
	free(port->reserve);
	rte_mempool_free(port->pool);
	memset(port, 0, sizeof(*port));
	port->poll_fd = -1;
}
