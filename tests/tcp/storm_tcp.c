/* Random segments into one connection, from the frame level: fields near the right ones or far from them,
 * any flags and options, bytes bent anywhere from the Ethernet header on with checksums made right again
 * or not, frames cut short, payloads that lie, and in between an application that writes, reads little
 * and lets time pass. Whatever the stack sends is well formed; when it is over, time alone brings its
 * tables back to nothing and every buffer home. Meant for SAN=asan as well: a received buffer then shows
 * only its frame's bytes.
 *   storm_tcp [SEGMENTS [SEED]]     default 10^5; called storm_tcp_long 10^6 */
#include "core/base.h"
#include "frame_bend.h"
#include "tcp_peer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_SHORT 100000u
#define SEGMENTS_LONG  1000000u
#define PROFILES       8u
#define QUIET_NS       (3 * 3600 * HZ_NS_PER_S) /* longer than any timer of the stack */

struct storm {
	struct world world;
	struct tcp_peer peer;
	struct hz_rng rng;
	uint64_t segments, connections, answers;
	uint32_t ours, peers; /* next numbers of the stack and of the peer, relative */
	const char *why;
};

static uint32_t below(struct storm *storm, uint32_t bound)
{
	return (uint32_t)hz_rng_below(&storm->rng, bound);
}

/* --- what the stack says ------------------------------------------------------------------------------ */

static void look(struct storm *storm, const uint8_t *frame, size_t bytes)
{
	struct frame_parts parts;
	const uint8_t *tcp;

	storm->why = frame_judge(frame, bytes, &parts);
	if (storm->why != NULL)
		return;
	tcp = frame + parts.l4;
	storm->answers++;
	if ((tcp[13] & (HZ_TCP_RST | HZ_TCP_ACK)) != HZ_TCP_ACK)
		return;
	storm->peers = frame_get32(tcp + 8) - storm->world.isn_peer;
	storm->ours = frame_get32(tcp + 4) - storm->world.isn_us + (uint32_t)parts.l4_bytes -
	              (tcp[12] >> 4) * 4u;
}

static void take(struct storm *storm)
{
	uint8_t frame[WORLD_FRAME_MAX];
	size_t bytes;

	while (storm->why == NULL &&
	       (bytes = fake_port_take(&storm->world.fake, frame, sizeof(frame))) != 0)
		look(storm, frame, bytes);
	if (storm->world.app.open_count - storm->world.app.close_count !=
	    (storm->world.app.stream != NULL))
		storm->why = "on_open and on_close do not pair";
}

/* --- what is thrown at it ------------------------------------------------------------------------------- */

static void options_choose(struct storm *storm, struct seg *seg)
{
	static const uint8_t likely[] = { 0, 1, 2, 3, 4, 5, 8, 10, 18 };

	seg->raw_option_bytes = (uint8_t)(below(storm, 11) * 4);
	for (unsigned i = 0; i < seg->raw_option_bytes; i++)
		seg->raw_options[i] = below(storm, 3) == 0 ? (uint8_t)below(storm, 256)
		                                           : likely[below(storm, sizeof(likely))];
}

static uint32_t near(struct storm *storm, uint32_t number)
{
	static const uint32_t reach[] = { 1, 2, 3000, 70000, 140000, 1u << 31 };
	uint32_t by = below(storm, reach[below(storm, HZ_ARRAY_LEN(reach))]);

	return below(storm, 2) == 0 ? number + by : number - by;
}

static void seg_choose(struct storm *storm, struct seg *seg)
{
	*seg = (struct seg){ .flags = HZ_TCP_ACK, .window = below(storm, 65536) };
	seg->seq = near(storm, storm->peers);
	seg->ack = near(storm, storm->ours);
	if (below(storm, 4) == 0)
		seg->flags = (uint8_t)below(storm, 256);
	/* Else most of the storm would find the connection ended. */
	if (below(storm, 16) != 0)
		seg->flags &= (uint8_t) ~(HZ_TCP_RST | HZ_TCP_FIN);
	if (below(storm, 2) == 0)
		seg->bytes = below(storm, 1461);
	seg->has_forged_payload = below(storm, 2) == 0;
	if (below(storm, 3) == 0)
		options_choose(storm, seg);
	seg->has_ts = seg->raw_option_bytes == 0 && below(storm, 2) == 0;
	seg->ts_val = (uint32_t)(storm->world.env.now_ns / HZ_NS_PER_MS) + below(storm, 3) - 1;
	seg->has_bad_checksum = below(storm, 32) == 0;
	seg->data_offset = (uint8_t)(below(storm, 16) == 0 ? below(storm, 16) : 0);
	seg->source_port = below(storm, 64) == 0 ? 1 + below(storm, 65535) : 0;
}

static size_t bend(struct storm *storm, uint8_t *frame, size_t bytes)
{
	for (unsigned left = 1 + below(storm, 6); left > 0; left--) {
		/* Headers are what is worth bending. */
		size_t room = below(storm, 4) == 0 ? bytes : HZ_MIN(bytes, 94u);

		frame[below(storm, (uint32_t)room)] ^= (uint8_t)(1 + below(storm, 255));
	}
	if (below(storm, 8) == 0)
		bytes = below(storm, (uint32_t)bytes + 1);
	if (below(storm, 4) != 0)
		frame_checksum(frame, bytes);
	return bytes;
}

static void throw(struct storm * storm)
{
	uint8_t frame[WORLD_FRAME_MAX];
	struct seg seg;
	size_t bytes;

	seg_choose(storm, &seg);
	bytes = world_frame(&storm->world, &seg, frame);
	if (below(storm, 3) == 0)
		bytes = bend(storm, frame, bytes);
	world_inject_frame(&storm->world, frame, bytes);
	storm->segments++;
}

static void application_act(struct storm *storm)
{
	struct app *app = &storm->world.app;

	if (app->stream == NULL)
		return;
	if (below(storm, 4) == 0)
		app->consume_max = below(storm, 3) == 0 ? 0 : below(storm, 5000);
	else if (!app->shutdown_when_written && app->write_left < 100000)
		world_app_write(&storm->world, 1 + below(storm, 5000));
}

/* --- a storm ---------------------------------------------------------------------------------------------- */

static bool open_world(struct storm *storm, bool is_first)
{
	struct world *world = &storm->world;

	if (is_first && world_open(world) != 0) {
		storm->why = "EAL or its pool does not open";
		return false;
	}
	world->is_v6 = below(storm, 2) == 0;
	world->tags = (uint8_t)below(storm, 3);
	world->isn_peer = (uint32_t)hz_rng_next(&storm->rng);
	world->fake.is_holding = below(storm, 4) == 0;
	world->app.is_single = true;
	world->app.echo = below(storm, 2) == 0;
	world->app.shutdown_on_eof = true;
	if (world_start(world) != 0 ||
	    tcp_peer_open(&storm->peer, world, below(storm, 2) == 0) != 0) {
		storm->why = "the connection does not open";
		return false;
	}
	storm->ours = storm->peers = 1;
	storm->connections++;
	return true;
}

static void step(struct storm *storm)
{
	struct world *world = &storm->world;

	throw(storm);
	if (below(storm, 16) == 0)
		application_act(storm);
	if (below(storm, 2) == 0)
		world_turn(world); /* else the next frame is of the same turn */
	if (below(storm, 8) == 0)
		world_advance(world, below(storm, 50) * HZ_NS_PER_MS);
	if (below(storm, 64) == 0)
		fake_port_release_held(&world->fake);
	take(storm);
}

/* Time alone ends everything. */
static void calm(struct storm *storm)
{
	struct world *world = &storm->world;

	world->app.consume_max = UINT32_MAX;
	for (unsigned i = 0; i < 600 && storm->why == NULL; i++) {
		world_advance(world, QUIET_NS / 600);
		fake_port_release_held(&world->fake);
		take(storm);
	}
	if (storm->why != NULL)
		return;
	if (hz_tcp_connection_count(world->tcp) != 0)
		storm->why = "a connection is left hours later";
	else if (world->fake.conns.time_wait != 0)
		storm->why = "a TIME_WAIT record is left hours later";
}

static const char *run(struct storm *storm, uint64_t segments)
{
	bool is_open = open_world(storm, true);

	while (is_open && storm->why == NULL && storm->segments < segments) {
		step(storm);
		if (storm->why != NULL || storm->world.app.stream != NULL)
			continue;
		calm(storm);
		if (storm->why == NULL && world_reset(&storm->world) != 0)
			storm->why = "packet buffers leaked";
		is_open = storm->why == NULL && open_world(storm, false);
	}
	if (storm->why == NULL)
		calm(storm);
	if (storm->world.tcp != NULL && world_close(&storm->world) != 0 && storm->why == NULL)
		storm->why = "packet buffers leaked";
	return storm->why;
}

int main(int argc, char **argv)
{
	bool is_long = strstr(argv[0], "_long") != NULL;
	uint64_t segments = argc > 1  ? strtoull(argv[1], NULL, 0)
	                    : is_long ? SEGMENTS_LONG
	                              : SEGMENTS_SHORT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct storm *storm = malloc(sizeof(*storm));
	int failed = 0;

	if (storm == NULL)
		return 70;
	for (unsigned i = 0; i < PROFILES; i++) {
		const char *why;

		memset(storm, 0, sizeof(*storm));
		hz_rng_seed(&storm->rng, seed + i);
		why = run(storm, segments / PROFILES);
		if (why == NULL)
			printf("ok storm.seed_%" PRIu64 "\n", seed + i);
		else
			printf("not ok storm.seed_%" PRIu64 ": after %" PRIu64 " segments: %s\n",
			       seed + i, storm->segments, why);
		printf("# %" PRIu64 " segments into %" PRIu64 " connections, %" PRIu64
		       " frames back\n",
		       storm->segments, storm->connections, storm->answers);
		fflush(stdout);
		failed |= why != NULL;
	}
	free(storm);
	return failed;
}
