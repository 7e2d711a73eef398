/* Blind attackers, RFC 5961: they know addresses and ports of a connection and guess its numbers. SYN,
 * RST, FIN, data and pure ACKs, at random over the whole space, in sweeps that step by one window, so
 * that some are sure to be in it, and in sweeps that step by their payload, so that one is in order. None may end the connection or move a byte of it; and where RFC 5961
 * asks for challenge ACKs, they stay within their limit.
 *   blind_tcp [TRIES]     default 10^5; called blind_tcp_long 10^7 */
#include "core/base.h"
#include "tcp_peer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_SHORT   100000u
#define TRIES_LONG    10000000u
#define TRY_NS        (10 * HZ_NS_PER_US) /* 100,000 a second */
#define BETWEEN       1000u               /* tries between looks at the honest side */
#define COMBS         4u
#define COMB_BYTES    1400u
#define EXCHANGE      5000u /* bytes */
#define ANSWERS_PER_S 1000u /* RFC 5961 7: HZ_TCP_CHALLENGES_PER_S and its random part */

struct attack {
	struct world world;
	struct tcp_peer peer;
	struct hz_rng rng;
	uint64_t tries;
	uint32_t sweep; /* next number of the sweep, absolute */
	uint32_t comb;  /* of the one in small steps */
	uint64_t answers;
};

enum kind {
	KIND_RST,
	KIND_RST_ACK,
	KIND_SYN,
	KIND_SYN_ACK,
	KIND_DATA,
	KIND_ACK,
	KIND_FIN,
	KIND_COUNT
};

static const struct {
	const char *name;
	uint8_t flags;
	bool is_acked; /* RFC 9293 3.10.7.4: outside the window, an ACK for each */
} kinds[KIND_COUNT] = {
	[KIND_RST] = { "rst", HZ_TCP_RST, false },
	[KIND_RST_ACK] = { "rst_ack", HZ_TCP_RST | HZ_TCP_ACK, false },
	[KIND_SYN] = { "syn", HZ_TCP_SYN, false },
	[KIND_SYN_ACK] = { "syn_ack", HZ_TCP_SYN | HZ_TCP_ACK, false },
	[KIND_DATA] = { "data", HZ_TCP_ACK | HZ_TCP_PSH, true },
	[KIND_ACK] = { "ack", HZ_TCP_ACK, false },
	[KIND_FIN] = { "fin", HZ_TCP_FIN | HZ_TCP_ACK, true },
};

enum how { HOW_RANDOM, HOW_SWEEP, HOW_COMB, HOW_COUNT };

/* One guess. The exact next number is left out: whoever has it is not blind. */
static void try(struct attack *attack, enum kind kind, enum how how)
{
	struct world *world = &attack->world;
	struct seg seg = { .flags = kinds[kind].flags, .has_forged_payload = true };
	uint32_t number = (uint32_t)hz_rng_next(&attack->rng);

	if (how == HOW_SWEEP) {
		number = attack->sweep;
		attack->sweep += 65535;
	} else if (how == HOW_COMB) {
		number = attack->comb;
		attack->comb += COMB_BYTES;
	}
	seg.seq = number - world->isn_peer;
	if (seg.seq == attack->peer.next)
		seg.seq++;
	seg.ack = (uint32_t)hz_rng_next(&attack->rng);
	seg.window = (uint32_t)hz_rng_below(&attack->rng, 65536);
	seg.bytes = kind == KIND_DATA ? COMB_BYTES : 0;
	seg.has_ts = attack->peer.has_ts;
	seg.ts_val = (uint32_t)hz_rng_next(&attack->rng);
	world_inject(world, &seg);
	attack->tries++;
}

/* BETWEEN tries, then the honest side's say. 0, or -1 with the peer's why. */
static int round_run(struct attack *attack, enum kind kind, enum how how)
{
	struct tcp_peer *peer = &attack->peer;
	uint64_t before = peer->captured;

	/* The whole comb takes 3 million tries: this part of it passes over the right number. */
	attack->comb = attack->world.isn_peer + peer->next - BETWEEN / 2 * COMB_BYTES +
	               (uint32_t)hz_rng_below(&attack->rng, COMB_BYTES);
	for (unsigned i = 0; i < BETWEEN; i++) {
		try(attack, kind, how);
		world_advance(&attack->world, TRY_NS);
	}
	if (tcp_peer_take(peer) != 0)
		return -1;
	attack->answers += peer->captured - before;
	return tcp_peer_exchange(peer, EXCHANGE);
}

static const char *run(struct attack *attack, enum kind kind, bool has_ts, uint64_t tries)
{
	uint64_t limit = ANSWERS_PER_S * (1 + tries * TRY_NS / HZ_NS_PER_S);
	const char *why;

	if (world_open(&attack->world) != 0 || world_start(&attack->world) != 0)
		return "EAL, its pool or the stack does not open";
	attack->world.app.echo = true;
	if (tcp_peer_open(&attack->peer, &attack->world, has_ts) == 0 &&
	    tcp_peer_exchange(&attack->peer, EXCHANGE) == 0) {
		/* Each of the first few stands for the 3 million tries of a whole comb. */
		unsigned combs = COMBS;
		enum how how = HOW_COMB;

		while (attack->tries < tries && round_run(attack, kind, how) == 0) {
			if (combs == 0 || --combs == 0)
				how = (enum how)hz_rng_below(&attack->rng, HOW_COMB);
		}
	}
	why = attack->peer.why;
	if (world_close(&attack->world) != 0 && why == NULL)
		why = "packet buffers leaked";
	if (why == NULL && !kinds[kind].is_acked && attack->answers > limit)
		why = "more challenge ACKs than their limit";
	return why;
}

int main(int argc, char **argv)
{
	bool is_long = strstr(argv[0], "_long") != NULL;
	uint64_t tries = argc > 1 ? strtoull(argv[1], NULL, 0) : is_long ? TRIES_LONG : TRIES_SHORT;
	uint64_t each = (tries + 2 * KIND_COUNT - 1) / (2 * KIND_COUNT);
	struct attack *attack = malloc(sizeof(*attack));
	int failed = 0;

	if (attack == NULL)
		return 70;
	for (unsigned i = 0; i < 2 * KIND_COUNT; i++) {
		enum kind kind = (enum kind)(i / 2);
		const char *why;
		bool has_ts = i % 2 != 0;

		memset(attack, 0, sizeof(*attack));
		hz_rng_seed(&attack->rng, 1000 + i);
		why = run(attack, kind, has_ts, each);
		printf("%s blind.%s_%s_never_succeeds%s%s\n", why == NULL ? "ok" : "not ok",
		       kinds[kind].name, has_ts ? "with_timestamps" : "without_timestamps",
		       why == NULL ? "" : ": ", why == NULL ? "" : why);
		printf("# %" PRIu64 " tries, %" PRIu64 " answers\n", attack->tries,
		       attack->answers);
		fflush(stdout);
		failed |= why != NULL;
	}
	free(attack);
	return failed;
}
