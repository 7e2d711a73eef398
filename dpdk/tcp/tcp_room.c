#include "tcp/tcp_room.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"

#define AHEAD_BYTES  65536u /* beyond the peer's window: it opens before the protocol has its turn */
#define CALM_PART    4u     /* of output's part of the pool */
#define RESERVE_PART 16u    /* of the pool: for first segments, beyond output's part */

/* Of the pool of this connection's port. */
static uint32_t budget(const struct hz_tcp_pcb *pcb)
{
	return pcb->path->port->pool->size / HZ_TCP_TX_POOL_PART;
}

static bool is_calm(const struct hz_tcp_pcb *pcb)
{
	return hz_tcp_of(pcb)->tx_total < budget(pcb) / CALM_PART;
}

static uint32_t piece_bytes(const struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	return HZ_MAX(bytes, pcb->snd_mss);
}

/* Always enough for an empty queue to take any reservation, so that nobody waits for what cannot come. */
static uint32_t limit_bytes(const struct hz_tcp_pcb *pcb)
{
	uint32_t leaves = pcb->snd_wnd, ahead = AHEAD_BYTES;

	if (HZ_UNLIKELY(!is_calm(pcb))) {
		leaves = HZ_MIN(leaves, pcb->cwnd);
		ahead = piece_bytes(pcb, HZ_RESERVE_MAX);
	}
	/* snd_wnd is less than 2^30, RFC 7323 2.3 */
	return HZ_MIN(leaves + ahead, HZ_LIMIT_tx_bytes_max);
}

/* Segments may be short, and each takes a buffer. */
static uint32_t limit_segments(const struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	return is_calm(pcb) ? HZ_TCP_TX_SEGMENTS_MAX : bytes / pcb->snd_mss + 1;
}

static enum hz_tcp_room pool_look(const struct hz_tcp_pcb *pcb, uint32_t segments)
{
	uint32_t most = budget(pcb);

	if (segments == 0)
		most += pcb->path->port->pool->size / RESERVE_PART;
	return hz_tcp_of(pcb)->tx_total < most ? HZ_TCP_ROOM_FREE : HZ_TCP_ROOM_POOL;
}

enum hz_tcp_room hz_tcp_room_look(const struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	uint32_t segments = pcb->rec != NULL ? pcb->rec->tx_count : 0;
	uint32_t limit = limit_bytes(pcb);

	if (hz_tcp_pcb_tx_bytes(pcb) + piece_bytes(pcb, bytes) > limit ||
	    segments >= limit_segments(pcb, limit))
		return HZ_TCP_ROOM_OWN;
	return pool_look(pcb, segments);
}

enum hz_tcp_room hz_tcp_room_wake(const struct hz_tcp_pcb *pcb)
{
	uint32_t segments = pcb->rec != NULL ? pcb->rec->tx_count : 0;
	uint32_t limit = limit_bytes(pcb);

	if (hz_tcp_pcb_tx_bytes(pcb) > limit / 4 * 3 ||
	    segments > limit_segments(pcb, limit) / 4 * 3)
		return HZ_TCP_ROOM_OWN;
	return hz_tcp_room_look(pcb, HZ_RESERVE_MAX);
}
