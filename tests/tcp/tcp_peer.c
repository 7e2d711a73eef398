#include "tcp_peer.h"

#include "core/base.h"

#define MSS_BYTES 1400u

static int fault(struct tcp_peer *peer, const char *why)
{
	if (peer->why == NULL)
		peer->why = why;
	return -1;
}

static void segment_send(struct tcp_peer *peer, uint8_t flags, uint32_t bytes)
{
	struct seg seg = { .seq = peer->next,
		           .ack = peer->expect,
		           .window = 65535,
		           .flags = flags,
		           .bytes = bytes,
		           .has_ts = peer->has_ts };

	seg.ts_val = (uint32_t)(peer->world->env.now_ns / HZ_NS_PER_MS);
	if (flags & HZ_TCP_SYN) {
		seg.mss = MSS_BYTES;
		seg.has_sackok = true;
		seg.has_wscale = true;
		seg.wscale = 7;
	}
	world_inject(peer->world, &seg);
	peer->next += bytes + ((flags & HZ_TCP_SYN) != 0);
}

int tcp_peer_take(struct tcp_peer *peer)
{
	const char *why = NULL;
	struct seg seg;
	int found;

	while ((found = world_capture(peer->world, &seg, &why)) == 1) {
		uint32_t end = seg.seq + seg.bytes;

		peer->captured++;
		if (seg.flags & HZ_TCP_SYN) {
			peer->wscale = seg.has_wscale ? seg.wscale : 0;
			peer->expect = 1;
			continue;
		}
		if (seg.flags & HZ_TCP_RST)
			return fault(peer, "the stack reset the connection");
		if (seg.seq <= peer->expect && end > peer->expect)
			peer->expect = end;
		peer->window = seg.window << peer->wscale;
	}
	return found < 0 ? fault(peer, why) : 0;
}

int tcp_peer_open(struct tcp_peer *peer, struct world *world, bool has_ts)
{
	*peer = (struct tcp_peer){ .world = world, .has_ts = has_ts };
	segment_send(peer, HZ_TCP_SYN, 0);
	world_turn(world);
	if (tcp_peer_take(peer) != 0)
		return -1;
	if (peer->expect != 1)
		return fault(peer, "no SYN-ACK");
	segment_send(peer, HZ_TCP_ACK, 0);
	world_turn(world);
	if (world->app.open_count == 0)
		return fault(peer, "the connection does not open");
	peer->window = 1400;
	return tcp_peer_take(peer);
}

int tcp_peer_exchange(struct tcp_peer *peer, uint32_t bytes)
{
	struct app *app = &peer->world->app;
	uint32_t end = peer->next + bytes;
	uint32_t echoed = app->echo ? peer->expect + bytes : peer->expect;

	for (unsigned turn = 0; turn < 10000 && peer->why == NULL; turn++) {
		if (peer->next < end)
			segment_send(peer, HZ_TCP_ACK | HZ_TCP_PSH,
			             HZ_MIN(MSS_BYTES, end - peer->next));
		else
			segment_send(peer, HZ_TCP_ACK, 0);
		world_advance(peer->world, HZ_NS_PER_MS);
		if (tcp_peer_take(peer) != 0)
			return -1;
		if (app->close_count != 0)
			return fault(peer, "the connection was closed");
		if (app->has_bad_data)
			return fault(peer, "the application saw bytes that the peer did not send");
		if (app->read_offset + 1 == end && peer->expect == echoed)
			return 0;
	}
	return fault(peer, "the bytes do not arrive");
}
