/* The worker's loop. A packet's way through a turn: port → net → (its owner's ring →) tcp → the
 * protocol behind core/stream.h → tcp → port. */
#include "worker/worker.h"
#include "core/rcu.h"
#include "net/host.h"
#include "net/neigh_kernel.h"
#include "port/rx_stamp.h"
#include "tcp/tcp_cookie.h"
#include "tcp/tcp_info.h"
#include "worker/frame_trace.h"
#include "worker/gauges.h"
#include "worker/load_sample.h"
#include <errno.h>
#include <string.h>

#define TIMERS_PER_TURN 64u
#define CENSUS_PER_TURN 128u /* about 5 us: a turn must stay short */
#define FRAMES_READ     32u  /* at once; what is fetched for more would not stay in the cache */
#define AHEAD           4u   /* frames that are served while memory answers */

struct received {
	struct hz_packet packet;
	enum hz_net_verdict verdict;
	uint64_t rx_ns; /* as in struct hz_env */
};

/* Takes over one->packet.mbuf, a frame of interface iface that came on our queue and is another worker's. */
static void frame_hand_over(struct hz_worker_loop *w, uint8_t iface, uint8_t owner,
                            const struct received *one)
{
	struct rte_mbuf *mbuf = one->packet.mbuf;
	struct hz_steer_ring *ring = hz_steer_between(w->steer, w->index, owner);

	/* All that the owner cannot know; mbuf->port is free for us on this path. */
	mbuf->port = iface;
	hz_rx_stamp_put(mbuf, one->rx_ns);
	if (HZ_UNLIKELY(!hz_steer_ring_push(ring, mbuf))) {
		(void)hz_rx_stamp_take(mbuf);
		rte_pktmbuf_free(mbuf);
		hz_slot_count(w->slot, HZ_COUNTER_drop_steer_full);
		return;
	}
	w->rung_peers |= 1ull << owner;
	w->slot->worker->steered++;
}

static void path_error_in(struct hz_worker_loop *w, const struct hz_path_error *error)
{
	static const enum hz_tcp_icmp_kind kinds[] = {
		[HZ_PATH_TOO_BIG] = HZ_TCP_ICMP_TOO_BIG,
		[HZ_PATH_UNREACHABLE] = HZ_TCP_ICMP_SOFT,
		[HZ_PATH_REFUSED] = HZ_TCP_ICMP_HARD,
	};
	const struct hz_tcp_icmp icmp = { .kind = kinds[error->kind],
		                          .is_v6 = error->is_v6,
		                          .remote = error->remote,
		                          .local = error->local,
		                          .remote_port = error->remote_port,
		                          .local_port = error->local_port,
		                          .seq = error->seq,
		                          .mtu = error->mtu };

	hz_slot_count(w->slot, HZ_COUNTER_path_error); /* here, as net sees one handed over twice */
	(void)hz_tcp_icmp_in(w->tcp, &icmp);           /* which counts those it refuses */
}

/* Takes over one->packet.mbuf. */
static void packet_in(struct hz_worker_loop *w, struct received *one)
{
	w->env->rx_ns = one->rx_ns;
	if (HZ_LIKELY(one->verdict == HZ_NET_TCP)) {
		hz_tcp_in(w->tcp, &one->packet);
		return;
	}
	path_error_in(w, &one->packet.error);
	rte_pktmbuf_free(one->packet.mbuf);
}

/* Takes over count frames that wp's queue received; returns how many of them are for our TCP. */
static uint32_t frames_read(struct hz_worker_loop *w, const struct hz_worker_port *wp,
                            struct rte_mbuf **frame, uint32_t count, struct received *out)
{
	const struct hz_worker_iface *iface = &w->ifaces[wp->iface];
	const bool has_stamps = wp->port->rx_slots != 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct hz_packet *packet = &out[kept].packet;
		uint8_t owner;

		out[kept].rx_ns = has_stamps ? hz_rx_stamp_take(frame[i]) : 0;
		out[kept].verdict = hz_net_in(&w->net, wp->port, frame[i], packet);
		if (HZ_UNLIKELY(out[kept].verdict == HZ_NET_DONE))
			continue;
		owner = hz_worker_owner(iface, packet->flow_hash);
		if (HZ_UNLIKELY(owner != w->index)) {
			frame_hand_over(w, wp->iface, owner, &out[kept]);
			continue;
		}
		hz_tcp_ahead_flow(w->tcp, packet->flow_hash);
		kept++;
	}
	return kept;
}

/* With very many connections nothing of one is in a cache when its frame comes. So TCP is told AHEAD frames
 * before what it will need, in two steps: memory answers while other frames are served. */
static void frames_serve(struct hz_worker_loop *w, struct received *in, uint32_t count)
{
	for (uint32_t i = 0; i < count + 2 * AHEAD; i++) {
		if (i < count)
			hz_tcp_ahead_pcb(w->tcp, in[i].packet.flow_hash);
		if (i - AHEAD < count) /* unsigned: not before AHEAD */
			hz_tcp_ahead_owner(w->tcp, in[i - AHEAD].packet.flow_hash);
		if (i - 2 * AHEAD < count)
			packet_in(w, &in[i - 2 * AHEAD]);
	}
	w->env->rx_ns = 0;
}

/* Takes over count frames that wp's queue received. */
void hz_worker_frames_in(struct hz_worker_loop *w, const struct hz_worker_port *wp,
                         struct rte_mbuf **frame, uint32_t count)
{
	struct received in[FRAMES_READ];

	for (uint32_t at = 0; at < count; at += FRAMES_READ) {
		uint32_t next = HZ_MIN(count - at, FRAMES_READ);

		frames_serve(w, in, frames_read(w, wp, frame + at, next, in));
	}
}

static unsigned ports_turn(struct hz_worker_loop *w)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < w->port_count; i++) {
		uint16_t count = hz_port_rx(w->port[i].port, w->frame, w->turn_frames);

		hz_load_sample_burst(w, &w->port[i], count);
		if (count == 0)
			continue;
		w->slot->worker->rx_bursts++;
		if (HZ_UNLIKELY(w->trace.ring != NULL))
			hz_frame_trace_in(w, &w->port[i], w->frame, count, HZ_TRACE_RX);
		else
			hz_worker_frames_in(w, &w->port[i], w->frame, count);
		found += count;
	}
	w->overload.came_ns = 0;
	return found;
}

/* The worker's own port on an interface; it has one, or it would own no flow there. */
static struct hz_worker_port *port_on(struct hz_worker_loop *w, uint16_t iface)
{
	for (uint32_t i = 0; i < w->port_count; i++) {
		if (w->port[i].iface == iface)
			return &w->port[i];
	}
	return NULL;
}

/* Frames from peers. They go through net again, with our own port: the answer leaves by it, and
 * nothing but the buffer's pointer had to be handed over. */
static unsigned steered_turn(struct hz_worker_loop *w)
{
	unsigned found = 0;

	for (uint32_t from = 0; from < w->steer->worker_count; from++) {
		uint32_t count = hz_steer_ring_pop(hz_steer_between(w->steer, from, w->index),
		                                   w->frame, w->burst);

		for (uint32_t i = 0; i < count; i++) {
			struct hz_worker_port *wp = port_on(w, w->frame[i]->port);

			if (HZ_UNLIKELY(wp == NULL))
				rte_pktmbuf_free(w->frame[i]);
			else if (HZ_UNLIKELY(w->trace.ring != NULL))
				hz_frame_trace_in(w, wp, &w->frame[i], 1, HZ_TRACE_RX_TAKEN);
			else
				hz_worker_frames_in(w, wp, &w->frame[i], 1);
		}
		found += count;
	}
	return found;
}

static void peers_ring(struct hz_worker_loop *w)
{
	while (w->rung_peers != 0) {
		int peer = __builtin_ctzll(w->rung_peers);

		w->rung_peers &= w->rung_peers - 1;
		hz_mailbox_ring(&w->peers[peer]->mailbox);
	}
}

static void mail_turn(struct hz_worker_loop *w)
{
	uint32_t mail = hz_mailbox_take(&w->mailbox);

	if ((mail & HZ_MAIL_DRAIN) != 0 && w->state == HZ_STATE_READY) {
		hz_tcp_drain(w->tcp);
		w->state = HZ_STATE_DRAINING;
		hz_gauges_beat(w); /* probes must see it before the peer does */
	}
	if ((mail & HZ_MAIL_CENSUS) != 0 && w->census != NULL)
		w->is_counting = hz_conn_census_is_asked(w->census);
	if ((mail & HZ_MAIL_TRACE) != 0)
		hz_frame_trace_switch(w);
	if ((mail & HZ_MAIL_STOP) != 0)
		w->is_stopped = true;
}

/* A part of the answer to a question about connections. */
static void census_turn(struct hz_worker_loop *w)
{
	bool is_withdrawn = hz_conn_census_is_withdrawn(w->census);

	if (!is_withdrawn && !hz_tcp_info_walk(w->tcp, w->census, CENSUS_PER_TURN))
		return;
	hz_conn_census_finish(w->census, is_withdrawn);
	w->is_counting = false;
}

unsigned hz_worker_turn(struct hz_worker_loop *w)
{
	unsigned found;

	hz_gauges_turn(w);
	found = ports_turn(w);
	if (w->steer != NULL)
		found += steered_turn(w);
	found += hz_worker_proto_turn(w);
	hz_tcp_flush(w->tcp);
	for (uint32_t i = 0; i < w->port_count; i++)
		hz_port_flush(w->port[i].port);
	if (HZ_UNLIKELY(w->rung_peers != 0))
		peers_ring(w);
	found += hz_tcp_timers(w->tcp, TIMERS_PER_TURN);
	w->was_busy = found != 0;
	w->turns++;
	if (HZ_UNLIKELY(w->state == HZ_STATE_STARTING)) {
		w->state = HZ_STATE_READY;
		w->next_beat_ns = 0;
	}
	if (HZ_UNLIKELY(hz_mailbox_has_mail(&w->mailbox)))
		mail_turn(w);
	if (HZ_UNLIKELY(w->is_counting)) {
		census_turn(w);
		found++; /* no sleep in the middle of it */
	}
	if (w->env->now_ns >= w->next_beat_ns)
		hz_gauges_beat(w);
	hz_rcu_quiescent();
	return found;
}

/* For active opens: a local port is good when its frames come to this worker. */
static bool is_ours(void *ctx, const struct hz_port *port, uint32_t flow_hash)
{
	const struct hz_worker_loop *w = ctx;

	for (uint32_t i = 0; i < w->port_count; i++) {
		if (w->port[i].port == port)
			return hz_worker_owner(&w->ifaces[w->port[i].iface], flow_hash) == w->index;
	}
	return false;
}

static int tcp_open(struct hz_worker_loop *w, const struct hz_worker_open_conf *conf)
{
	struct hz_tcp_conf tcp = {
		.env = w->env,
		.slot = w->slot,
		.connections_max = conf->connections_max,
		.time_wait_max = conf->time_wait_max,
		.cc = conf->cc,
		.keepalive = conf->keepalive,
		.hop_limit = conf->hop_limit,
		.dscp = conf->dscp,
		.lport_first = conf->lport_first,
		.lport_last = conf->lport_last,
		.cookie_mode = conf->cookie_mode,
		.half_open_max = conf->half_open_max,
		.cookies = conf->cookies,
		.proto = conf->worker->proto,
		.proto_ctx = conf->worker->proto_ctx,
		.listen_count = conf->listen_count,
		.listens = conf->listens,
		.exempt_listens = conf->exempt_listens,
		.net = w->net,
		.is_ours = is_ours,
		.is_ours_ctx = w,
	};
	int err;

	memcpy(tcp.secret, conf->tcp_secret, sizeof(tcp.secret));
	err = hz_tcp_open(&tcp, &w->tcp);
	for (uint32_t i = 0; i < w->port_count && err == 0; i++)
		hz_tcp_cookie_offer(w->tcp, w->port[i].port);
	return err;
}

int hz_worker_open(struct hz_worker_loop *w, const struct hz_worker_open_conf *conf)
{
	uint32_t sleep_ms = conf->sleep_ms_max != 0 ? conf->sleep_ms_max : HZ_SLEEP_MS_MAX;
	int err;

	if (conf->port_count == 0 || conf->port_count > HZ_WORKER_PORTS_MAX || conf->burst == 0 ||
	    conf->burst > HZ_LIMIT_burst_max || conf->index >= HZ_WORKERS_MAX)
		return -EINVAL;
	memset(w, 0, sizeof(*w));
	w->env = conf->worker->env;
	w->slot = conf->worker->slot;
	w->proto = conf->worker->proto;
	w->proto_ctx = conf->worker->proto_ctx;
	w->census = conf->worker->census;
	memcpy(w->net.key, conf->net_key, sizeof(w->net.key));
	w->ifaces = conf->ifaces;
	w->steer = conf->steer;
	w->peers = conf->peers;
	memcpy(w->port, conf->port, sizeof(w->port));
	w->port_count = conf->port_count;
	for (uint32_t i = 0; i < w->port_count; i++) {
		if (w->port[i].port->host != NULL)
			w->port[i].port->host->env = w->env;
		if (w->port[i].port->neigh != NULL)
			w->port[i].port->neigh->env = w->env;
	}
	w->index = conf->index;
	w->burst = (uint16_t)conf->burst;
	w->spin_ns =
		conf->spin_us >= HZ_SPIN_FOREVER_US ? UINT64_MAX : conf->spin_us * HZ_NS_PER_US;
	w->sleep_ns_max = sleep_ms * HZ_NS_PER_MS;
	w->state = HZ_STATE_STARTING;
	err = hz_mailbox_open(&w->mailbox);
	if (err != 0)
		return err;
	hz_load_sample_open(w, conf->worker->overload);
	hz_gauges_open(w);
	err = tcp_open(w, conf);
	if (err != 0) {
		hz_gauges_close(w);
		hz_mailbox_close(&w->mailbox);
	}
	return err;
}

void hz_worker_close(struct hz_worker_loop *w)
{
	if (w->env == NULL)
		return;
	hz_tcp_close(w->tcp);
	if (w->is_stopped && w->proto->on_end != NULL)
		w->proto->on_end(w->proto_ctx);
	for (uint32_t i = 0; i < w->port_count; i++)
		hz_port_flush(w->port[i].port);
	w->state = HZ_STATE_DOWN;
	hz_gauges_close(w);
	hz_mailbox_close(&w->mailbox);
	w->env = NULL;
}
