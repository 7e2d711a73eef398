/* One port device = one receive and one transmit queue = one worker. The only place that knows a DPDK
 * port id; transmit is batched and kicked once per turn. */
#ifndef HZ_PORT_H
#define HZ_PORT_H

#include "core/err.h"
#include "core/limits.h"
#include "telemetry/slot.h"
#include "telemetry/trace_ring.h"
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define HZ_PORT_TX_SLOTS (HZ_LIMIT_burst_max * 4u)
#define HZ_PORT_NAME_MAX 32

struct hz_host;         /* net/host.h; not owned here, likewise the next */
struct hz_neigh_kernel; /* net/neigh_kernel.h */

struct hz_port {
	struct rte_mempool *pool; /* receive and transmit buffers of this worker */
	struct rte_mbuf **tx;     /* batch being gathered, HZ_PORT_TX_SLOTS slots */
	uint32_t tx_count;
	uint16_t port_id;
	uint16_t mtu; /* IP bytes per packet */
	uint8_t mac[6];
	bool multi_segs;      /* the driver sends chains; else one direct mbuf per frame */
	bool verify_checksum; /* verify L4 checksums in software */
	bool link_up;         /* nothing is sent while down; set by hz_link_watch, another thread */
	bool is_gone;         /* the device was deleted: ENXIO; likewise */
	bool is_held;     /* the driver is being changed, keep out; likewise, see hz_port_hold */
	uint32_t ifindex; /* 0: no kernel netdev */
	struct hz_host *host;          /* addresses of our own here; NULL: the kernel has them */
	struct hz_neigh_kernel *neigh; /* of a kernel netdev, for active opens; NULL: none */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	const struct hz_slot *slot;
	struct rte_mbuf **reserve; /* kept back for control segments; NULL: no reserve */
	uint32_t reserve_count;    /* 0..HZ_LIMIT_tx_reserve_mbufs */
	uint32_t idle_flushes;     /* flushes in a row that had nothing to send */
	int poll_fd;               /* readable while frames wait, the driver's own; -1: none */
	uint32_t
		rx_slots; /* frames its receive ring holds, each with the time it came; 0: none says it */
	uint16_t queue;         /* of the interface */
	char ifname[16];        /* empty: no kernel netdev */
	struct hz_trace *trace; /* of the worker; NULL: off */
	uint8_t trace_iface;    /* what the trace calls this port's interface */
	bool has_driver;        /* close removes the device by its name */
	char name[HZ_PORT_NAME_MAX];
};

/* 0..count packets; each mbuf is the caller's to free. */
uint16_t hz_port_rx(struct hz_port *port, struct rte_mbuf **out, uint16_t count);

/* Takes over one reference of mbuf. Never fails: when the batch is full it is flushed, what the ring
 * refuses is freed and counted (drop_tx_full). Where the driver is not multi_segs, what is not one direct
 * segment is copied into one. */
void hz_port_tx(struct hz_port *port, struct rte_mbuf *mbuf);

/* One tx_burst and so one kick for all that hz_port_tx gathered; with nothing gathered it only reaps
 * completions, and only now and then. */
void hz_port_flush(struct hz_port *port);

/* Any thread but the worker's: from the worker's next turn on nothing enters the driver, received frames
 * wait in it and sent ones in the batch. */
void hz_port_hold(struct hz_port *port, bool is_held);

/* Reaps transmit completions now: before the caller sleeps, or when buffers ran out. */
void hz_port_reap(struct hz_port *port);

/* A buffer with HZ_PORT_HEADROOM bytes before the data. for_control may take the last
 * HZ_LIMIT_tx_reserve_mbufs. NULL: counted as drop_no_mbuf. */
struct rte_mbuf *hz_port_alloc(struct hz_port *port, bool for_control);

/* Part of opening a port, for the drivers beside this file: allocates pool and batch, and fills the reserve. The
 * port is zeroed but for its mtu and what else the driver knows. 0 or -errno with err, then nothing is left. */
int hz_port_setup(struct hz_port *port, const char *pool_name, uint32_t mbufs, struct hz_err *err);

/* Stops and closes the device, frees batch, reserve and pool. Accepts a zeroed or half-built port. No
 * buffer of the pool may be used afterwards. */
void hz_port_close(struct hz_port *port);

#define HZ_PORT_HEADROOM 128u /* Ethernet, 2 VLAN tags, IPv6, TCP with 40 bytes of options: 122 */

#endif
