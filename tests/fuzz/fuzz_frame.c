/* What a stranger and a hostile peer put on the wire: frames from the Ethernet header up, into a stack
 * with a live connection. The input is a list of steps; a step is raw bytes as a frame, a segment of the
 * connection with fields near the right ones, the same with bytes patched and checksums made right
 * again, time, or the application's doing. What must hold: every frame the stack sends is well formed
 * and carries the right bytes; an unspoilt stream arrives unspoilt; nothing is left at the end. */
#include "frame_bend.h"
#include "fuzz_target.h"
#include "tcp_world.h"
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX   64u
#define OPTIONS_MAX 40u
#define WRITE_MAX   4096u
#define SLICE_NS    (250 * HZ_NS_PER_MS)

/* The input, read to its end; beyond it are zeros. */
struct reader {
	const uint8_t *at, *end;
};

struct run {
	struct world *world;
	struct reader in;
	uint32_t our_edge;    /* highest number that the stack sent, relative */
	uint32_t peer_next;   /* the peer's next in order, relative */
	uint8_t identity[36]; /* addresses and ports of what it sends on this connection */
	bool is_spoilt;       /* something got in whose payload may be wrong */
	bool is_reopened; /* offsets of the streams are no longer those of the first connection */
};

static uint8_t get8(struct reader *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t get16(struct reader *in)
{
	uint8_t high = get8(in);

	return (uint16_t)(high << 8 | get8(in));
}

static size_t get_bytes(struct reader *in, uint8_t *to, size_t bytes)
{
	size_t left = (size_t)(in->end - in->at);

	bytes = bytes < left ? bytes : left;
	memcpy(to, in->at, bytes);
	in->at += bytes;
	return bytes;
}

static void identity_get(const uint8_t *frame, const struct frame_parts *parts, uint8_t to[36])
{
	size_t bytes = parts->is_v6 ? 32 : 8;

	memset(to, 0, 36);
	memcpy(to, frame + parts->l4 - bytes, bytes);
	memcpy(to + bytes, frame + parts->l4, 4);
}

/* A SYN-ACK to the connection's peer: numbers are relative to it from now on. */
static void opened(struct run *run, const uint8_t *tcp)
{
	struct world *world = run->world;

	world->isn_us = frame_get32(tcp + 4);
	run->our_edge = 1;
	run->peer_next = frame_get32(tcp + 8) - world->isn_peer;
	run->is_reopened |= world->app.open_count != 0;
}

/* A segment of the connection. */
static void segment_look(struct run *run, const uint8_t *tcp, size_t bytes)
{
	struct world *world = run->world;
	size_t header_bytes = (size_t)(tcp[12] >> 4) * 4;
	uint32_t seq = frame_get32(tcp + 4) - world->isn_us;
	uint32_t end = seq + (uint32_t)(bytes - header_bytes) + ((tcp[13] & HZ_TCP_FIN) != 0);

	if (header_bytes >= 32 && frame_get32(tcp + 20) == 0x0101080au)
		world->ts_last_us = frame_get32(tcp + 24);
	if (tcp[13] & HZ_TCP_RST)
		return;
	if ((int32_t)(end - run->our_edge) > 0)
		run->our_edge = end;
	for (size_t i = header_bytes; i < bytes && !run->is_reopened; i++) {
		if (tcp[i] != world_our_byte(seq - 1 + (uint32_t)(i - header_bytes)))
			fuzz_fault("the payload sent is the application's");
	}
}

/* Everything the stack sent is looked at. */
static void take(struct run *run)
{
	uint8_t frame[WORLD_FRAME_MAX], identity[36];
	size_t bytes;

	while ((bytes = fake_port_take(&run->world->fake, frame, sizeof(frame))) != 0) {
		struct frame_parts parts;
		const char *why = frame_judge(frame, bytes, &parts);

		if (why != NULL)
			fuzz_fault(why);
		identity_get(frame, &parts, identity);
		if (run->world->app.open_count == 0)
			memcpy(run->identity, identity, sizeof(identity));
		if (memcmp(run->identity, identity, sizeof(identity)) != 0)
			continue; /* to another peer, whom a bent frame invented */
		if (frame[parts.l4 + 13] & HZ_TCP_SYN)
			opened(run, frame + parts.l4);
		segment_look(run, frame + parts.l4, parts.l4_bytes);
	}
}

/* --- a segment of the connection ---------------------------------------------------------------------- */

static void seg_read(struct run *run, struct seg *seg)
{
	struct reader *in = &run->in;
	uint8_t shape = get8(in);

	*seg = (struct seg){ .flags = get8(in), .window = 65535 };
	seg->seq = run->peer_next;
	seg->ack = run->our_edge;
	if ((shape & 1) != 0)
		seg->seq += get16(in) - 0x8000u;
	if ((shape & 2) != 0)
		seg->ack += get16(in) - 0x8000u;
	if ((shape & 4) != 0)
		seg->window = get16(in);
	if ((shape & 8) != 0)
		seg->bytes = get16(in) % 1461;
	if ((shape & 16) != 0)
		seg->raw_option_bytes =
			(uint8_t)(get_bytes(in, seg->raw_options, get8(in) % (OPTIONS_MAX + 1)) &
		                  ~3u);
	seg->has_ts = (shape & 32) != 0 && seg->raw_option_bytes == 0;
	if (seg->has_ts)
		seg->ts_val = get16(in);
	if ((shape & 64) != 0) { /* anywhere at all */
		seg->seq = (uint32_t)get16(in) << 16 | get16(in);
		seg->ack = (uint32_t)get16(in) << 16 | get16(in);
	}
	seg->data_offset = (shape & 128) != 0 ? (get8(in) & 15) : 0;
	if (seg->data_offset != 0)
		run->is_spoilt = true; /* options are payload or payload is options */
}

/* In order and unspoilt, the next one goes behind it. */
static void seg_account(struct run *run, const struct seg *seg)
{
	uint32_t end = seg->seq + seg->bytes;

	if ((seg->flags & (HZ_TCP_SYN | HZ_TCP_RST)) == 0 && seg->seq == run->peer_next &&
	    seg->data_offset == 0)
		run->peer_next = end + ((seg->flags & HZ_TCP_FIN) != 0);
}

/* --- patched frames ----------------------------------------------------------------------------------- */

static void step_patched(struct run *run, bool is_fixed)
{
	uint8_t frame[WORLD_FRAME_MAX];
	struct seg seg;
	size_t bytes;

	seg_read(run, &seg);
	bytes = world_frame(run->world, &seg, frame);
	for (unsigned left = 1 + (get8(&run->in) & 7); left > 0; left--) {
		size_t at = get16(&run->in) % bytes;

		frame[at] = get8(&run->in);
	}
	if ((get8(&run->in) & 3) == 3)
		bytes = get16(&run->in) % (bytes + 1); /* and cut short */
	if (is_fixed)
		frame_checksum(frame, bytes);
	run->is_spoilt = true;
	world_inject_frame(run->world, frame, bytes);
}

static void step_raw(struct run *run)
{
	uint8_t frame[2048];
	size_t bytes = get_bytes(&run->in, frame, get16(&run->in) % (sizeof(frame) + 1));

	if ((get8(&run->in) & 1) != 0)
		frame_checksum(frame, bytes);
	run->is_spoilt = true;
	world_inject_frame(run->world, frame, bytes);
}

/* --- the steps ---------------------------------------------------------------------------------------- */

static void step_segment(struct run *run)
{
	struct seg seg;

	seg_read(run, &seg);
	world_inject(run->world, &seg);
	seg_account(run, &seg);
}

static void step_application(struct run *run)
{
	struct app *app = &run->world->app;
	uint8_t what = get8(&run->in);

	if (app->stream == NULL)
		return;
	switch (what & 7) {
	case 0:
		hz_stream_abort(app->stream);
		break;
	case 1:
		app->shutdown_on_data = true;
		break;
	case 2:
		app->consume_max = get16(&run->in);
		break;
	case 3:
		hz_stream_timer(app->stream,
		                run->world->env.now_ns + get16(&run->in) * HZ_NS_PER_MS);
		break;
	default:
		if (!app->shutdown_when_written && !app->shutdown_on_data)
			world_app_write(run->world, get16(&run->in) % WRITE_MAX);
		break;
	}
}

/* In slices, or an endless row of timeouts would fill the port: without buffers the stack tries again
 * every turn, and a turn of the world takes 1 us. */
static void step_time(struct run *run)
{
	uint64_t left_ns = get16(&run->in) * HZ_NS_PER_MS;

	if (run->world->fake.allocs_left != UINT32_MAX)
		left_ns = HZ_MIN(left_ns, HZ_NS_PER_MS);
	while (left_ns > 0) {
		uint64_t ns = HZ_MIN(left_ns, SLICE_NS);

		fake_port_release_held(&run->world->fake);
		world_advance(run->world, ns);
		take(run);
		left_ns -= ns;
	}
}

static void step(struct run *run)
{
	struct fake_port *fake = &run->world->fake;

	switch (get8(&run->in) & 15) {
	case 0:
		step_raw(run);
		break;
	case 1:
	case 2:
		step_patched(run, true);
		break;
	case 3:
		step_patched(run, false);
		break;
	case 4:
		step_time(run);
		break;
	case 5:
		step_application(run);
		break;
	case 6:
		fake_port_release_held(fake);
		fake->is_holding = (get8(&run->in) & 1) != 0;
		break;
	case 7:
		fake->allocs_left = (get8(&run->in) & 1) != 0 ? get8(&run->in) : UINT32_MAX;
		break;
	case 8:
		break; /* the same turn goes on */
	default:
		step_segment(run);
		break;
	}
}

/* --- a run -------------------------------------------------------------------------------------------- */

static void handshake(struct run *run, uint8_t choice)
{
	struct seg syn = { .flags = HZ_TCP_SYN, .window = 65535, .mss = 1460 };
	struct seg ack = { .flags = HZ_TCP_ACK, .window = 65535, .seq = 1, .ack = 1 };

	syn.has_ts = ack.has_ts = (choice & 8) != 0;
	syn.ts_val = ack.ts_val = 1;
	syn.has_sackok = (choice & 16) != 0;
	syn.has_wscale = (choice & 32) != 0;
	syn.wscale = 7;
	world_inject(run->world, &syn);
	world_turn(run->world);
	take(run);
	world_inject(run->world, &ack);
	world_turn(run->world);
	take(run);
	FUZZ_HOLDS(run->world->app.open_count == 1);
}

static void choose(struct world *world, uint8_t choice)
{
	world->is_v6 = (choice & 1) != 0;
	world->tags = (uint8_t)((choice >> 1 & 3) % 3);
	world->app.is_single = true;
	world->app.echo = (choice & 64) != 0;
	world->app.shutdown_on_eof = (choice & 128) != 0;
	world->app.reserve_bytes = (choice & 128) != 0 ? 700 : 0;
}

/* One for all inputs: opening EAL and its pool takes longer than thousands of them. */
static struct world *the_world(void)
{
	static struct world *world;

	if (world != NULL)
		return world;
	world = malloc(sizeof(*world));
	if (world == NULL || world_open(world) != 0)
		fuzz_fault("EAL and a pool open");
	return world;
}

int fuzz_frame_run(const uint8_t *data, size_t size)
{
	struct run run = { .world = the_world(), .in = { data, data + size } };
	struct world *world = run.world;
	uint8_t choice = get8(&run.in);

	choose(world, choice);
	if (world_start(world) != 0)
		fuzz_fault("the stack opens");
	handshake(&run, choice);
	for (unsigned i = 0; i < STEPS_MAX && run.in.at < run.in.end; i++) {
		bool is_turn_over = (*run.in.at & 0x80) == 0;

		step(&run);
		if (is_turn_over)
			world_turn(world);
		take(&run);
	}
	world->fake.allocs_left = UINT32_MAX;
	world_turn(world);
	take(&run);
	FUZZ_HOLDS(run.is_spoilt || run.is_reopened || !world->app.has_bad_data);
	FUZZ_HOLDS(world->app.open_count - world->app.close_count ==
	           (world->app.stream != NULL ? 1u : 0u));
	FUZZ_HOLDS(world_reset(world) == 0);
	return 0;
}

FUZZ_ENTRY(fuzz_frame_run)
