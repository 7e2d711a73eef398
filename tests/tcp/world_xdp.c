/* XDP in front of the world: answers SYNs with cookies, and leaves notes about what echoes them. */
#include "tcp_world.h"

#include <string.h>

#define PEER_PORT 40000u

/* Of every script the same, so that nothing is up to chance. */
void world_xdp_open(struct world *world)
{
	memset(&world->cookies, 0, sizeof(world->cookies));
	memset(world->cookies.key, 0x5a, sizeof(world->cookies.key));
	memset(&world->cookies.flow, 0xa5, sizeof(world->cookies.flow));
	world->cookies.token = 0x1122334455667788;
}

static uint64_t flow_hash(const struct world *world, uint32_t peer_port)
{
	uint16_t ports[2] = { __builtin_bswap16((uint16_t)peer_port),
		              __builtin_bswap16((uint16_t)world->our_port) };
	struct hz_cookie_flow flow;

	world_address(world, 1, &flow.remote);
	world_address(world, 2, &flow.local);
	memcpy(&flow.ports, ports, sizeof(flow.ports));
	return hz_cookie_flow_hash(&world->cookies.flow, &flow);
}

/* The numbers of the connection are those of this answer from now on. */
void world_xdp_syn(struct world *world, const struct seg *syn)
{
	uint64_t now_ns = world->env.now_ns;
	uint64_t hash = flow_hash(world, syn->source_port != 0 ? syn->source_port : PEER_PORT);
	uint32_t clock = (uint32_t)(now_ns / HZ_NS_PER_MS) + hz_cookie_ts_offset(hash);
	uint32_t wscale = syn->has_wscale ? syn->wscale : HZ_COOKIE_TS_SCALE_NONE;

	world->isn_before = world->isn_us;
	world->isn_us = hz_cookie_make(&world->cookies, hash, world->isn_peer + syn->seq,
	                               hz_cookie_mss_theirs(syn->mss, world->is_v6), now_ns);
	world->has_isn_us = true;
	world->ts_base_us = hz_cookie_ts_make(clock - HZ_COOKIE_TS_BEHIND,
	                                      hz_cookie_ts_bits(wscale, syn->has_sackok));
	world->ts_last_us = world->ts_base_us;
	world->cookies.verify_until_ns = now_ns + HZ_COOKIE_LIFE_NS;
}

/* The key is thrown away: without a note nothing is a cookie any more. */
void world_xdp_forget(struct world *world)
{
	memset(world->cookies.key, 0, sizeof(world->cookies.key));
}

static struct hz_cookie_note note_of(const struct world *world, const struct hz_packet *packet)
{
	struct hz_cookie_note note = { .token = world->cookies.token, .mss = 1300 };
	uint32_t number[2];

	memcpy(&note.ports, packet->l4, sizeof(note.ports));
	memcpy(&note.source, packet->src.byte + 12, sizeof(note.source));
	memcpy(number, packet->l4 + 4, sizeof(number));
	note.seq = __builtin_bswap32(number[0]);
	note.ack = __builtin_bswap32(number[1]);
	note.ts_offset =
		hz_cookie_ts_offset(flow_hash(world, (uint32_t)packet->l4[0] << 8 | packet->l4[1]));
	return note;
}

void world_xdp_note(const struct world *world, const struct hz_packet *packet)
{
	struct hz_cookie_note note = note_of(world, packet);

	if (world->note == WORLD_NOTE_NONE)
		memset(&note, 0, sizeof(note));
	else if (world->note == WORLD_NOTE_FORGED)
		note.token ^= 1;
	else if (world->note == WORLD_NOTE_OF_OTHER_SEQ)
		note.seq++;
	else if (world->note == WORLD_NOTE_OF_OTHER_ACK)
		note.ack++;
	else if (world->note == WORLD_NOTE_OF_OTHER_PORT)
		note.ports ^= 1;
	else if (world->note == WORLD_NOTE_OF_OTHER_SOURCE)
		note.source ^= 1;
	fake_port_before(packet->mbuf, &note, sizeof(note));
}
