#include "world.h"
#include "core/rcu.h"
#include "port/mbuf_span.h"
#include "port/rx_stamp.h"
#include <string.h>

static int echo_open(void *proto_ctx, struct hz_stream *s)
{
	struct world *world = proto_ctx;

	s->owner = world;
	world->opened++;
	return 0;
}

static size_t echo_data(struct hz_stream *s, struct hz_span bytes)
{
	struct world *world = s->owner;

	world->data_rx_ns = 0;
	for (uint32_t i = 0; i < world->count; i++) /* one of them is here */
		world->data_rx_ns += world->worker[i].env.rx_ns;
	return hz_stream_write(s, bytes);
}

static void echo_eof(struct hz_stream *s)
{
	hz_stream_shutdown(s);
}

static void echo_nothing(struct hz_stream *s)
{
	(void)s;
}

static void echo_close(struct hz_stream *s, enum hz_close_why why)
{
	struct world *world = s->owner;

	(void)why;
	world->closed++;
}

static const struct hz_proto_ops echo_ops = {
	.on_open = echo_open,
	.on_data = echo_data,
	.on_eof = echo_eof,
	.on_writable = echo_nothing,
	.on_timer = echo_nothing,
	.on_close = echo_close,
};

static bool worker_open(struct world *world, uint32_t index, bool is_live, uint32_t spin_us)
{
	struct world_worker *w = &world->worker[index];
	struct hz_endpoint any = { .port = WORLD_PORT };
	struct hz_worker_open_conf conf = {
		.worker = &w->conf,
		.index = index,
		.connections_max = 1024,
		.time_wait_max = 1024,
		.burst = 32,
		.spin_us = spin_us,
		.net_key = { 1, 2 },
		.listen_count = 1,
		.listens = &any,
		.port_count = 1,
		.ifaces = &world->iface,
		.steer = world->count > 1 ? &world->steer : NULL,
		.peers = world->peers,
	};

	w->ring = rig_ring(&w->slot, &w->far_slot, WORLD_MBUFS, 1024);
	if (w->ring == NULL)
		return false;
	w->env = (struct hz_env){ .now_ns = HZ_NS_PER_S, .worker_index = index };
	w->env.clock = is_live ? &world->clock : NULL;
	hz_rng_seed(&w->env.rng, index);
	if (hz_conn_census_open(&w->census) != 0)
		return false;
	w->conf = (struct hz_worker_conf){ .env = &w->env,
		                           .slot = &w->slot.slot,
		                           .proto = &echo_ops,
		                           .proto_ctx = world,
		                           .census = &w->census,
		                           .cpu = -1 };
	conf.port[0] = (struct hz_worker_port){ .port = hz_port_ring_near(w->ring) };
	world->peers[index] = &w->loop;
	world->iface.owner[world->iface.owner_count++] = (uint8_t)index;
	if (world->adjust != NULL)
		world->adjust(&conf);
	return hz_worker_open(&w->loop, &conf) == 0;
}

static bool workers_open(struct world *world, uint32_t workers, bool is_live, uint32_t spin_us)
{
	if (!rig_eal())
		return false;
	world->count = workers;
	if (is_live)
		hz_clock_open(&world->clock);
	if (workers > 1 && hz_steer_open(&world->steer, workers) != 0)
		return false;
	hz_rcu_reader_register();
	for (uint32_t i = 0; i < workers; i++) {
		if (!worker_open(world, i, is_live, spin_us))
			return false;
	}
	return true;
}

bool world_open(struct world *world, uint32_t workers, bool is_live, uint32_t spin_us)
{
	memset(world, 0, sizeof(*world));
	return workers_open(world, workers, is_live, spin_us);
}

bool world_open_adjusted(struct world *world, uint32_t workers,
                         void (*adjust)(struct hz_worker_open_conf *conf))
{
	memset(world, 0, sizeof(*world));
	world->adjust = adjust;
	return workers_open(world, workers, false, HZ_SPIN_FOREVER_US);
}

void world_close(struct world *world)
{
	for (uint32_t i = 0; i < world->count; i++)
		hz_worker_close(&world->worker[i].loop);
	for (uint32_t i = 0; i < world->count; i++)
		hz_conn_census_close(&world->worker[i].census);
	hz_steer_close(&world->steer);
	for (uint32_t i = 0; i < world->count; i++)
		hz_port_ring_close(world->worker[i].ring);
	hz_rcu_reader_unregister();
}

void world_turn(struct world *world, uint32_t times)
{
	for (uint32_t t = 0; t < times; t++) {
		for (uint32_t i = 0; i < world->count; i++)
			hz_worker_turn(&world->worker[i].loop);
	}
}

static bool frame_send(struct world *world, uint32_t index, const struct tcp_wire_flow *flow,
                       uint8_t flags, const void *payload, size_t bytes, uint64_t rx_ns)
{
	struct hz_port *far = hz_port_ring_far(world->worker[index].ring);
	struct rte_mbuf *mbuf = hz_port_alloc(far, false);

	if (mbuf == NULL)
		return false;
	mbuf->data_len =
		(uint16_t)tcp_wire_build(hz_mbuf_bytes(mbuf).data, flow, flags, payload, bytes);
	mbuf->pkt_len = mbuf->data_len;
	hz_rx_stamp_put(mbuf, rx_ns);
	hz_port_tx(far, mbuf);
	hz_port_flush(far);
	return true;
}

bool world_send(struct world *world, uint32_t index, const struct tcp_wire_flow *flow,
                uint8_t flags, const void *payload, size_t bytes)
{
	return frame_send(world, index, flow, flags, payload, bytes, 0);
}

bool world_send_seen(struct world *world, uint32_t index, const struct tcp_wire_flow *flow,
                     const char *text, uint64_t rx_ns)
{
	return frame_send(world, index, flow, TCP_WIRE_ACK | TCP_WIRE_PSH, text, strlen(text),
	                  rx_ns);
}

bool world_take(struct world *world, uint32_t index, struct tcp_wire_seg *out, char *text)
{
	struct rte_mbuf *mbuf;
	struct hz_wspan bytes;
	bool is_good;

	if (hz_port_rx(hz_port_ring_far(world->worker[index].ring), &mbuf, 1) == 0)
		return false;
	bytes = hz_mbuf_bytes(mbuf);
	is_good = tcp_wire_read(bytes.data, bytes.len, out);
	if (is_good && text != NULL) {
		size_t copied = out->payload_bytes < 255 ? out->payload_bytes : 255;

		memcpy(text, out->payload, copied);
		text[copied] = '\0';
	}
	if (is_good)
		out->payload = NULL;
	rte_pktmbuf_free(mbuf);
	return is_good;
}

struct tcp_wire_flow world_flow(uint16_t client_port)
{
	return (struct tcp_wire_flow){ .client_ip = 0x0a070001,
		                       .server_ip = 0x0a070002,
		                       .client_port = client_port,
		                       .server_port = WORLD_PORT,
		                       .seq = 1000u * client_port };
}

bool world_connect(struct world *world, uint32_t index, uint32_t owner, uint16_t client_port,
                   struct tcp_wire_flow *flow)
{
	struct tcp_wire_seg seg;

	*flow = world_flow(client_port);
	if (!world_send(world, index, flow, TCP_WIRE_SYN, NULL, 0))
		return false;
	world_turn(world, 2);
	if (!world_take(world, owner, &seg, NULL) || seg.flags != (TCP_WIRE_SYN | TCP_WIRE_ACK) ||
	    seg.ack != flow->seq + 1 || seg.client_port != client_port)
		return false;
	flow->seq++;
	flow->ack = seg.seq + 1;
	if (!world_send(world, index, flow, TCP_WIRE_ACK, NULL, 0))
		return false;
	world_turn(world, 2);
	return true;
}

static uint32_t port_in_use(const struct hz_port *port)
{
	return rte_mempool_in_use_count(port->pool) - port->reserve_count;
}

uint32_t world_mbufs_in_use(const struct world *world)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < world->count; i++)
		count += port_in_use(hz_port_ring_near(world->worker[i].ring)) +
		         port_in_use(hz_port_ring_far(world->worker[i].ring));
	return count;
}
