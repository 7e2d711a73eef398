/* Which worker serves which queue of which interface, and the port devices for it. Queue g, counted
 * over all interfaces, belongs to worker g % worker_count. */
#ifndef HZ_FASTPATH_PORTS_H
#define HZ_FASTPATH_PORTS_H

#include "hz_fastpath.h"
#include "net/host.h"
#include "net/neigh_kernel.h"
#include "port/port_ring.h"
#include "worker/worker.h"

struct hz_fastpath_ports {
	uint32_t worker_count;
	uint32_t iface_count;
	struct hz_worker_iface iface[HZ_WORKER_IFACES_MAX];
	uint32_t count;                               /* ports, open or planned */
	struct hz_port *port[HZ_QUEUES_MAX];          /* by global queue number; NULL: not open */
	uint8_t iface_of[HZ_QUEUES_MAX];              /* index into iface */
	struct hz_port_ring *ring[HZ_QUEUES_MAX];     /* boot/io=ring: owns port; else NULL */
	struct hz_host *host[HZ_QUEUES_MAX];          /* boot/io=memif and eal: port's; else NULL */
	struct hz_neigh_kernel *neigh[HZ_QUEUES_MAX]; /* boot/io=af_xdp: port's; else NULL */
};

/* Before EAL starts: shares the queues out and adds up the memory of all pools. 0 or -errno with err
 * filled: exit code 2 for a configuration no plan fits, 4 for an interface that does not exist. */
int hz_fastpath_ports_plan(struct hz_fastpath_ports *ports, const struct hz_fastpath_conf *conf,
                           uint64_t *memory_bytes, struct hz_err *err);

int hz_fastpath_ports_open(struct hz_fastpath_ports *ports, const struct hz_fastpath_conf *conf,
                           struct hz_err *err);
void hz_fastpath_ports_close(struct hz_fastpath_ports *ports); /* also a half-open set */

/* The ports of one worker; returns their number, 1..HZ_WORKER_PORTS_MAX. */
uint32_t hz_fastpath_ports_of(const struct hz_fastpath_ports *ports, uint32_t worker,
                              struct hz_worker_port out[HZ_WORKER_PORTS_MAX]);

/* For tests: the ports of an open fast path, with boot/io=ring the way to the rings' far ends. */
struct hz_fastpath_ports *hz_fastpath_ports(struct hz_fastpath *fp);

#endif
