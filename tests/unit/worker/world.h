/* Workers on ring ports, turned by hand, with a protocol that echoes; and the client at the far end. */
#ifndef WORLD_H
#define WORLD_H

#include "../port/rig.h"
#include "tcp_wire.h"
#include "worker/worker.h"

#define WORLD_WORKERS_MAX 4
#define WORLD_MBUFS       2048u
#define WORLD_PORT        80

struct world_worker {
	struct rig_slot slot, far_slot;
	struct hz_env env;
	struct hz_worker_conf conf;
	struct hz_port_ring *ring;
	struct hz_conn_census census;
	struct hz_worker_loop loop;
};

struct world {
	uint32_t count;
	struct world_worker worker[WORLD_WORKERS_MAX];
	struct hz_worker_loop *peers[WORLD_WORKERS_MAX];
	struct hz_worker_iface iface;
	struct hz_steer steer;
	struct hz_clock clock;
	uint32_t opened, closed; /* streams */
	uint64_t data_rx_ns;     /* env->rx_ns as it was when the protocol got its last bytes */
	void (*adjust)(struct hz_worker_open_conf *conf);
};

/* Workers with one ring port each on one interface. With is_live their clock is the real one, else time
 * stands at 1 s until the test moves env.now_ns. Returns false when it could not be built. */
bool world_open(struct world *world, uint32_t workers, bool is_live, uint32_t spin_us);
/* The same, after adjust has changed what each worker is opened with. */
bool world_open_adjusted(struct world *world, uint32_t workers,
                         void (*adjust)(struct hz_worker_open_conf *conf));
void world_close(struct world *world);
void world_turn(struct world *world, uint32_t times); /* every worker, in turn */

/* Puts a segment into the queue of worker index. */
bool world_send(struct world *world, uint32_t index, const struct tcp_wire_flow *flow,
                uint8_t flags, const void *payload, size_t bytes);
/* The same; XDP saw it at rx_ns. */
bool world_send_seen(struct world *world, uint32_t index, const struct tcp_wire_flow *flow,
                     const char *text, uint64_t rx_ns);
/* The next segment worker index sent; its payload is copied to text (256 bytes, terminated) when not
 * NULL. False: none, or a broken one. */
bool world_take(struct world *world, uint32_t index, struct tcp_wire_seg *out, char *text);
/* A connection of the client at port client_port, all of its frames through the queue of worker index;
 * turns all workers. flow is ready to send data. The SYN-ACK must come from owner. */
bool world_connect(struct world *world, uint32_t index, uint32_t owner, uint16_t client_port,
                   struct tcp_wire_flow *flow);
struct tcp_wire_flow world_flow(uint16_t client_port);
/* Buffers of all ports that are neither free nor in a reserve. */
uint32_t world_mbufs_in_use(const struct world *world);

#endif
