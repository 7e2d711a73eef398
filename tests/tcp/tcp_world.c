#include "tcp_world.h"

#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include <errno.h>
#include <string.h>

#define PEER_PORT 40000u
#define OUR_PORT  80u

uint8_t world_peer_byte(uint32_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 3);
}

uint8_t world_our_byte(uint32_t offset)
{
	return (uint8_t)(offset * 11 + (offset >> 8) * 5 + 1);
}

/* --- the application ----------------------------------------------------------------------------- */

static void event_add(struct app *app, enum app_event_kind kind, uint32_t value)
{
	if (app->event_count == WORLD_EVENTS_MAX)
		return;
	app->event[(app->event_first + app->event_count++) % WORLD_EVENTS_MAX] =
		(struct app_event){ kind, value };
}

static void app_output(struct app *app)
{
	while (app->write_left > 0) {
		uint8_t chunk[HZ_RESERVE_MAX];
		uint32_t piece = app->reserve_bytes != 0 ? app->reserve_bytes : sizeof(chunk);
		uint32_t n = app->write_left < piece ? app->write_left : piece;
		struct hz_wspan room = { chunk, sizeof(chunk) };

		if (app->reserve_bytes != 0)
			room = hz_stream_reserve(app->stream, n);
		if (room.len < n)
			return;
		for (uint32_t i = 0; i < n; i++)
			room.data[i] = world_our_byte(app->write_offset + i);
		if (app->reserve_bytes != 0)
			hz_stream_commit(app->stream, n);
		else
			n = (uint32_t)hz_stream_write(app->stream, (struct hz_span){ chunk, n });
		if (n == 0)
			return;
		app->write_offset += n;
		app->write_left -= n;
	}
	if (app->shutdown_when_written)
		hz_stream_shutdown(app->stream);
}

static int app_open(void *proto_ctx, struct hz_stream *s)
{
	struct app *app = proto_ctx;
	bool is_ours = world_opening_end(app, s);

	if (app->refuses || (app->is_single && app->stream != NULL))
		return -ECONNREFUSED;
	s->owner = app;
	app->stream = s;
	app->open_count++;
	event_add(app, APP_OPEN, 0);
	if (is_ours)
		app_output(app);
	return 0;
}

static size_t app_data(struct hz_stream *s, struct hz_span bytes)
{
	struct app *app = s->owner;
	uint32_t n = bytes.len < app->consume_max ? (uint32_t)bytes.len : app->consume_max;

	event_add(app, APP_DATA, (uint32_t)bytes.len);
	for (uint32_t i = 0; i < bytes.len; i++) {
		if (bytes.data[i] != world_peer_byte(app->read_offset + i))
			app->has_bad_data = true;
	}
	if (app->abort_on_data) {
		hz_stream_abort(s);
		return 0;
	}
	app->read_offset += n;
	if (app->echo)
		app->write_left += n;
	app_output(app);
	if (app->shutdown_on_data)
		hz_stream_shutdown(s);
	return n;
}

static void app_eof(struct hz_stream *s)
{
	struct app *app = s->owner;

	event_add(app, APP_EOF, 0);
	if (app->shutdown_on_eof) {
		if (app->write_left == 0)
			hz_stream_shutdown(s);
		else
			app->shutdown_when_written = true;
	}
}

static void app_writable(struct hz_stream *s)
{
	event_add(s->owner, APP_WRITABLE, 0);
	app_output(s->owner);
}

static void app_timer(struct hz_stream *s)
{
	event_add(s->owner, APP_TIMER, 0);
}

static void app_close(struct hz_stream *s, enum hz_close_why why)
{
	struct app *app = s->owner;

	event_add(app, APP_CLOSE, (uint32_t)why);
	if (!world_opening_end(app, s))
		app->close_count++;
	app->stream = NULL;
}

static bool app_idle(const struct hz_stream *s)
{
	const struct app *app = s->owner;

	return app->is_idle;
}

const struct hz_proto_ops world_app_ops = {
	.on_open = app_open,
	.on_data = app_data,
	.on_eof = app_eof,
	.on_writable = app_writable,
	.on_timer = app_timer,
	.on_close = app_close,
	.is_idle = app_idle,
};

void world_app_write(struct world *world, uint32_t bytes)
{
	world->app.write_left += bytes;
	if (world->app.stream != NULL)
		app_output(&world->app);
}

/* --- life ---------------------------------------------------------------------------------------- */

static void world_default(struct world *world)
{
	world->connections_max = 16;
	world->time_wait_max = 8;
	world->peer_mac = 1;
	world->our_port = OUR_PORT;
	world->isn_peer = 0xfffffe00u; /* wraps within the first segments of every script */
	world->app.consume_max = UINT32_MAX;
}

int world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world_default(world);
	return fake_port_open(&world->fake, 2048);
}

void world_address(const struct world *world, uint8_t last, struct hz_addr *addr)
{
	*addr = (struct hz_addr){ { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 7, [15] = last } };
	if (world->is_v6)
		*addr = (struct hz_addr){ { 0x20, 1, 0x0d, 0xb8, [15] = last } };
}

static bool is_ours(void *ctx, const struct hz_port *port, uint32_t flow_hash)
{
	const struct world *world = ctx;

	if (port != &world->fake.port)
		return false;
	return world->worker_count == 0 ||
	       ((uint64_t)flow_hash * world->worker_count) >> 32 == world->worker_index;
}

int world_start(struct world *world)
{
	struct hz_endpoint listen = { .port = OUR_PORT };
	struct hz_tcp_conf conf = {
		.env = &world->env,
		.slot = &world->fake.slot,
		.connections_max = world->connections_max,
		.time_wait_max = world->time_wait_max,
		.secret = "0123456789abcde",
		.proto = &world_app_ops,
		.proto_ctx = &world->app,
		.listen_count = 1,
		.listens = &listen,
		.exempt_listens = world->is_exempt,
		.net = { { 0x1122334455667788u, 0x99aabbccddeeff00u } },
		.is_ours = is_ours,
		.is_ours_ctx = world,
		.keepalive = world->keepalive,
		.hop_limit = world->hop_limit,
		.dscp = world->dscp,
		.cc = world->cc,
		.lport_first = world->lport_first,
		.lport_last = world->lport_last,
		.cookie_mode = world->cookie_mode,
		.half_open_max = world->half_open_max,
		.cookies = world->has_xdp ? &world->cookies : NULL,
	};

	world_xdp_open(world);
	world_address(world, 2, &listen.addr);
	world->start_ns = 5 * HZ_NS_PER_S + 12345;
	world->env.now_ns = world->start_ns;
	hz_rng_seed(&world->env.rng, 1);
	world->net = conf.net;
	return hz_tcp_open(&conf, &world->tcp);
}

uint32_t world_close(struct world *world)
{
	hz_tcp_close(world->tcp);
	return fake_port_close(&world->fake);
}

uint32_t world_reset(struct world *world)
{
	uint32_t leaked;

	hz_tcp_close(world->tcp);
	leaked = fake_port_reset(&world->fake);
	memset(&world->env, 0, sizeof(*world) - offsetof(struct world, env));
	world_default(world);
	return leaked;
}

/* --- frames towards the stack ----------------------------------------------------------------------- */

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

static uint8_t *put_options(const struct world *world, uint8_t *at, const struct seg *seg)
{
	uint8_t *from = at;

	if (seg->raw_option_bytes != 0) {
		memcpy(at, seg->raw_options, seg->raw_option_bytes);
		return at + seg->raw_option_bytes;
	}
	if (seg->mss != 0)
		at = put16(put16(at, 0x0204), seg->mss);
	if (seg->has_sackok)
		at = put16(put16(at, 0x0101), 0x0402);
	if (seg->has_ts) {
		at = put32(at, 0x0101080a);
		at = put32(at, seg->ts_val);
		at = put32(at, seg->ts_ecr != 0
		                       ? seg->ts_ecr + world->ts_base_us
		                       : (seg->flags & HZ_TCP_ACK ? world->ts_last_us : 0));
	}
	if (seg->has_wscale) {
		at = put16(at, 0x0103);
		at = put16(at, 0x0300u | seg->wscale);
	}
	if (seg->sack_count > 0) {
		at = put16(at, 0x0101);
		at = put16(at, 0x0502 + 8 * seg->sack_count);
	}
	for (uint32_t i = 0; i < seg->sack_count; i++) {
		at = put32(at, world->isn_us + seg->sack[i].start);
		at = put32(at, world->isn_us + seg->sack[i].end);
	}
	while ((at - from) % 4 != 0)
		*at++ = 1;
	return at;
}

uint8_t *world_link(const struct world *world, uint8_t *at)
{
	const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, world->peer_mac };

	memcpy(at, macs, sizeof(macs));
	at += sizeof(macs);
	for (uint8_t i = 0; i < world->tags; i++)
		at = put16(put16(at, i == 0 && world->tags == 2 ? 0x88a8 : 0x8100), 100u + i);
	return put16(at, world->is_v6 ? 0x86dd : 0x0800);
}

static uint8_t *put_ip(const struct world *world, uint8_t *at, const struct hz_addr *src,
                       const struct hz_addr *dst, uint32_t l4_bytes, uint8_t ecn)
{
	uint16_t csum;
	uint8_t *ip = at;

	if (world->is_v6) {
		at = put32(at, 0x60000000 | (uint32_t)ecn << 20);
		at = put16(at, l4_bytes);
		at = put16(at, 0x0640);
		memcpy(at, src->byte, 16);
		memcpy(at + 16, dst->byte, 16);
		return at + 32;
	}
	at = put16(put16(at, 0x4500u | ecn), 20 + l4_bytes);
	at = put16(put16(at, 7), 0x4000);
	at = put16(put16(at, 0x4006), 0);
	memcpy(at, src->byte + 12, 4);
	memcpy(at + 4, dst->byte + 12, 4);
	csum = hz_csum_finish(hz_csum_add(0, ip, 20));
	memcpy(ip + 10, &csum, 2);
	return at + 8;
}

static uint8_t *put_tcp(const struct world *world, uint8_t *tcp, const struct seg *seg)
{
	uint8_t invert = seg->has_forged_payload ? 0xff : 0;
	uint8_t *at = tcp;
	uint32_t header_bytes;

	at = put16(put16(at, seg->source_port != 0 ? seg->source_port : PEER_PORT),
	           world->our_port);
	at = put32(at, world->isn_peer + seg->seq);
	at = put32(at, seg->flags & HZ_TCP_ACK ? world->isn_us + seg->ack : 0);
	at = put16(put16(put16(put16(at, seg->flags), seg->window), 0), 0);
	at = put_options(world, at, seg);
	header_bytes = (uint32_t)(at - tcp);
	tcp[12] = (uint8_t)((seg->data_offset != 0 ? seg->data_offset : header_bytes / 4) << 4);
	for (uint32_t i = 0; i < seg->bytes; i++)
		*at++ = world_peer_byte(seg->seq - 1 + ((seg->flags & HZ_TCP_SYN) != 0) + i) ^
		        invert;
	return at;
}

size_t world_frame(const struct world *world, const struct seg *seg, uint8_t *frame)
{
	uint8_t tcp[WORLD_FRAME_MAX], *end;
	struct hz_addr src, dst;
	uint32_t l4_bytes;
	uint64_t sum;
	uint16_t csum;

	world_address(world, 1, &src);
	world_address(world, 2, &dst);
	l4_bytes = (uint32_t)(put_tcp(world, tcp, seg) - tcp);
	sum = hz_csum_pseudo(&src, &dst, world->is_v6, 6) + __builtin_bswap16((uint16_t)l4_bytes);
	csum = hz_csum_finish(hz_csum_add(sum, tcp, l4_bytes));
	if (seg->has_bad_checksum)
		csum ^= 0x5555;
	memcpy(tcp + 16, &csum, 2);
	end = put_ip(world, world_link(world, frame), &src, &dst, l4_bytes, seg->ecn);
	memcpy(end, tcp, l4_bytes);
	end += l4_bytes;
	while (end - frame < 60)
		*end++ = 0xee; /* Ethernet padding, which must be trimmed */
	return (size_t)(end - frame);
}

void world_inject_frame(struct world *world, const uint8_t *frame, size_t bytes)
{
	struct rte_mbuf *mbuf = fake_port_frame(&world->fake, frame, bytes);
	struct hz_packet packet;

	if (hz_net_in(&world->net, &world->fake.port, mbuf, &packet) != HZ_NET_TCP)
		return;
	if (world->has_xdp)
		world_xdp_note(world, &packet);
	if (is_ours(world, &world->fake.port, packet.flow_hash))
		hz_tcp_in(world->tcp, &packet);
	else
		rte_pktmbuf_free(packet.mbuf); /* another worker's */
}

void world_inject(struct world *world, const struct seg *seg)
{
	uint8_t frame[WORLD_FRAME_MAX];
	size_t bytes = world_frame(world, seg, frame);

	world_inject_frame(world, frame, bytes);
}

void world_turn(struct world *world)
{
	hz_tcp_flush(world->tcp);
	hz_port_flush(&world->fake.port);
}

void world_advance(struct world *world, uint64_t ns)
{
	uint64_t until = world->env.now_ns + ns;

	world_turn(world);
	for (;;) {
		uint64_t next = hz_tcp_next_timer_ns(world->tcp);

		if (next > until)
			break;
		if (next > world->env.now_ns)
			world->env.now_ns = next;
		else
			world->env.now_ns += 1000; /* a turn takes time, or retries would spin */
		if (world->env.now_ns > until)
			break;
		hz_tcp_timers(world->tcp, 1000);
		world_turn(world);
	}
	world->env.now_ns = until;
	hz_tcp_timers(world->tcp, 1000);
	world_turn(world);
}

/* --- frames from the stack --------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static const char *read_option(struct world *world, const uint8_t *at, struct seg *seg)
{
	switch (at[0]) {
	case 2:
		seg->mss = (uint16_t)get16(at + 2);
		return NULL;
	case 3:
		seg->has_wscale = true;
		seg->wscale = at[2];
		return NULL;
	case 4:
		seg->has_sackok = true;
		return NULL;
	case 5:
		for (uint32_t i = 0; i < (at[1] - 2u) / 8; i++) {
			seg->sack[i].start = get32(at + 2 + 8 * i) - world->isn_peer;
			seg->sack[i].end = get32(at + 6 + 8 * i) - world->isn_peer;
			seg->sack_count++;
		}
		return NULL;
	case 8:
		seg->has_ts = true;
		seg->ts_val = get32(at + 2);
		seg->ts_ecr = get32(at + 6);
		return NULL;
	default:
		return "unknown option sent";
	}
}

static const char *read_options(struct world *world, const uint8_t *at, size_t bytes,
                                struct seg *seg)
{
	while (bytes > 0) {
		const char *why;

		if (at[0] == 0)
			return NULL;
		if (at[0] == 1) {
			at++;
			bytes--;
			continue;
		}
		if (bytes < 2 || at[1] < 2 || at[1] > bytes)
			return "malformed options sent";
		why = read_option(world, at, seg);
		if (why != NULL)
			return why;
		bytes -= at[1];
		at += at[1];
	}
	return NULL;
}

static const char *read_tcp(struct world *world, const uint8_t *tcp, uint32_t l4_bytes,
                            struct seg *seg)
{
	uint32_t header_bytes = (tcp[12] >> 4) * 4u;
	struct hz_addr src, dst;
	const char *why;
	uint64_t sum;

	world_address(world, 2, &src);
	world_address(world, 1, &dst);
	sum = hz_csum_pseudo(&src, &dst, world->is_v6, 6) + __builtin_bswap16((uint16_t)l4_bytes);
	if (hz_csum_finish(hz_csum_add(sum, tcp, l4_bytes)) != 0)
		return "wrong TCP checksum sent";
	if (header_bytes < 20 || header_bytes > l4_bytes)
		return "malformed TCP header sent";
	if ((tcp[13] & (HZ_TCP_SYN | HZ_TCP_ACK)) == HZ_TCP_SYN)
		world->our_port = get16(tcp);
	if (get16(tcp) != world->our_port)
		return "sent from another port";
	memset(seg, 0, sizeof(*seg));
	seg->source_port = get16(tcp + 2); /* of the peer */
	seg->flags = tcp[13];
	if (seg->flags & HZ_TCP_SYN) {
		world->isn_before = world->isn_us;
		world->isn_us = get32(tcp + 4);
		world->has_isn_us = true;
	}
	seg->seq = get32(tcp + 4) - world->isn_us;
	seg->ack = seg->flags & HZ_TCP_ACK ? get32(tcp + 8) - world->isn_peer : 0;
	seg->window = get16(tcp + 14);
	seg->bytes = l4_bytes - header_bytes;
	why = read_options(world, tcp + 20, header_bytes - 20, seg);
	if (why != NULL)
		return why;
	if (seg->has_ts) {
		if (seg->flags & HZ_TCP_SYN)
			world->ts_base_us = seg->ts_val;
		world->ts_last_us = seg->ts_val;
		seg->ts_val -= world->ts_base_us;
	}
	for (uint32_t i = 0; i < seg->bytes; i++) {
		if (tcp[header_bytes + i] != world_our_byte(seg->seq - 1 + i))
			return "wrong payload sent";
	}
	return NULL;
}

static const char *read_ip(struct world *world, const uint8_t *ip, size_t bytes, struct seg *seg)
{
	uint32_t hops = world->hop_limit != 0 ? world->hop_limit : 64;
	struct hz_addr ours, peer;
	const char *why;

	world_address(world, 2, &ours);
	world_address(world, 1, &peer);
	if (world->is_v6) {
		if (bytes < 60 ||
		    (get32(ip) & ~(3u << 20)) != (0x60000000u | (uint32_t)world->dscp << 22) ||
		    get16(ip + 4) != bytes - 40 || ip[6] != 6 || ip[7] != hops ||
		    memcmp(ip + 8, ours.byte, 16) != 0 || memcmp(ip + 24, peer.byte, 16) != 0)
			return "wrong IPv6 header sent";
		why = read_tcp(world, ip + 40, (uint32_t)bytes - 40, seg);
		seg->ecn = (uint8_t)(ip[1] >> 4 & 3);
		return why;
	}
	if (bytes < 40 || ip[0] != 0x45 || (ip[1] & ~3) != world->dscp << 2 ||
	    get16(ip + 2) != bytes ||
	    get16(ip + 6) != (world->fake.port.ifindex == 0 ? 0x4000u : 0u) || ip[8] != hops ||
	    ip[9] != 6 || memcmp(ip + 12, ours.byte + 12, 4) != 0 ||
	    memcmp(ip + 16, peer.byte + 12, 4) != 0)
		return "wrong IPv4 header sent";
	if (hz_csum_finish(hz_csum_add(0, ip, 20)) != 0)
		return "wrong IPv4 checksum sent";
	why = read_tcp(world, ip + 20, (uint32_t)bytes - 20, seg);
	seg->ecn = ip[1] & 3;
	return why;
}

int world_capture(struct world *world, struct seg *seg, const char **why)
{
	uint8_t frame[WORLD_FRAME_MAX], link[32];
	size_t bytes = fake_port_take(&world->fake, frame, sizeof(frame));
	size_t link_bytes = (size_t)(world_link(world, link) - link);

	if (bytes == 0)
		return 0;
	memcpy(link, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	link[5] = world->peer_mac;
	*why = NULL;
	if (bytes < link_bytes + 40 || memcmp(frame, link, link_bytes) != 0)
		*why = "wrong link header sent";
	else
		*why = read_ip(world, frame + link_bytes, bytes - link_bytes, seg);
	return *why == NULL ? 1 : -1;
}
