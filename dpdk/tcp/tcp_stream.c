#include "tcp/tcp_stream.h"

#include "tcp/tcp_hold.h"
#include "tcp/tcp_idle.h"
#include "tcp/tcp_listen.h"
#include "tcp/tcp_pressure.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_room.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"
#include <assert.h>
#include <string.h>

/* --- down: what the protocol calls ------------------------------------------------------------- */

static bool is_writable(const struct hz_tcp_pcb *pcb)
{
	return (pcb->state == HZ_TCP_ESTABLISHED || pcb->state == HZ_TCP_CLOSE_WAIT) &&
	       !(pcb->flags & (HZ_TCP_F_FIN_OUT | HZ_TCP_F_ABORT));
}

/* Input still goes up: not after shutdown, which drops it, nor after abort. */
static bool is_reading(const struct hz_tcp_pcb *pcb)
{
	return (pcb->flags & (HZ_TCP_F_OPENED | HZ_TCP_F_FIN_OUT | HZ_TCP_F_ABORT)) ==
	               HZ_TCP_F_OPENED &&
	       pcb->state != HZ_TCP_CLOSED;
}

/* Of the pool's room nobody tells: it is looked for each turn, and meanwhile made. */
static void room_await(struct hz_tcp_pcb *pcb, enum hz_tcp_room room)
{
	pcb->flags |= HZ_TCP_F_WANT_WRITE;
	if (room != HZ_TCP_ROOM_POOL)
		return;
	pcb->flags |= HZ_TCP_F_NO_MBUF;
	hz_tcp_pressure_evict_reader(hz_tcp_of(pcb));
}

static struct hz_wspan blocked(struct hz_tcp_pcb *pcb)
{
	hz_tcp_pcb_touch(pcb);
	return (struct hz_wspan){ NULL, 0 };
}

/* The stack's spare buffer, from the pool of this connection's port. */
static struct rte_mbuf *spare_get(struct hz_tcp *tcp, struct hz_port *port)
{
	if (tcp->spare != NULL && tcp->spare->pool != port->pool) {
		rte_pktmbuf_free(tcp->spare);
		tcp->spare = NULL;
	}
	if (tcp->spare == NULL)
		tcp->spare = hz_port_alloc(port, false);
	return tcp->spare;
}

static struct hz_wspan reserved(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg, uint8_t *at,
                                uint32_t room)
{
	hz_tcp_of(pcb)->reserved_by = pcb;
	hz_tcp_of(pcb)->reserved_in = seg;
	hz_tcp_of(pcb)->reserved_bytes = room;
	return (struct hz_wspan){ at, room };
}

static struct hz_wspan stream_reserve(struct hz_stream *s, size_t min_bytes)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	const struct hz_tcp_rec *rec = pcb->rec;
	struct rte_mbuf *tail = rec != NULL ? rec->tx_tail : NULL, *seg;
	uint32_t min = (uint32_t)HZ_MAX(min_bytes, 1u), room;
	enum hz_tcp_room look;

	assert(min_bytes <= HZ_RESERVE_MAX);
	tcp->reserved_by = NULL;
	if (!is_writable(pcb))
		return (struct hz_wspan){ NULL, 0 };
	/* The last segment grows until its first byte is sent. */
	if (tail != NULL && hz_seq_geq(hz_seg_seq(tail), pcb->snd_max) &&
	    hz_seg_bytes(tail) + min <= pcb->snd_mss) {
		room = pcb->snd_mss - hz_seg_bytes(tail);
		return reserved(pcb, tail, hz_seg_payload(tail) + hz_seg_bytes(tail), room);
	}
	look = hz_tcp_room_look(pcb, min);
	if (look != HZ_TCP_ROOM_FREE) {
		room_await(pcb, look);
		return blocked(pcb);
	}
	seg = spare_get(tcp, pcb->path->port);
	if (seg == NULL) {
		pcb->flags |= HZ_TCP_F_WANT_WRITE | HZ_TCP_F_NO_MBUF;
		return blocked(pcb);
	}
	/* A peer with a smaller MSS gets the segment in slices (tcp_out.c). */
	room = HZ_MIN(HZ_MAX(min, pcb->snd_mss), rte_pktmbuf_tailroom(seg));
	assert(room >= min);
	return reserved(pcb, seg, hz_mbuf_bytes(seg).data, room);
}

static void queue_spare(struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	struct rte_mbuf *seg = hz_tcp_of(pcb)->spare;
	struct hz_tcp_rec *rec = hz_tcp_rec_need(pcb);

	hz_tcp_of(pcb)->spare = NULL;
	hz_seg_set(seg, pcb->snd_end, seg->data_off, bytes);
	hz_seg_set_next(seg, NULL);
	if (rec->tx_tail != NULL)
		hz_seg_set_next(rec->tx_tail, seg);
	else
		rec->tx_head = seg;
	rec->tx_tail = seg;
	if (rec->tx_next == NULL)
		rec->tx_next = seg;
	rec->tx_count++;
	hz_tcp_of(pcb)->tx_total++;
}

static void stream_commit(struct hz_stream *s, size_t bytes)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct rte_mbuf *seg = tcp->reserved_in;
	uint32_t n = (uint32_t)bytes;

	if (bytes == 0 || tcp->reserved_by != pcb)
		return;
	assert(bytes <= tcp->reserved_bytes);
	tcp->reserved_by = NULL;
	if (pcb->rec != NULL && seg == pcb->rec->tx_tail)
		hz_seg_set(seg, hz_seg_seq(seg), hz_seg_offset(seg), hz_seg_bytes(seg) + n);
	else
		queue_spare(pcb, n);
	pcb->snd_end += n;
	hz_tcp_pcb_touch(pcb);
}

static size_t stream_write(struct hz_stream *s, struct hz_span bytes)
{
	size_t done = 0;

	/* Ends: every turn fills a segment, and tx_bytes_max bounds their number. */
	while (done < bytes.len) {
		struct hz_wspan room = stream_reserve(s, 1);
		size_t n = HZ_MIN(room.len, bytes.len - done);

		if (n == 0)
			break;
		memcpy(room.data, bytes.data + done, n);
		stream_commit(s, n);
		done += n;
	}
	return done;
}

static void stream_shutdown(struct hz_stream *s)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);

	if (!is_writable(pcb))
		return;
	pcb->flags |= HZ_TCP_F_FIN_OUT;
	hz_tcp_pcb_set_state(pcb, pcb->state == HZ_TCP_ESTABLISHED ? HZ_TCP_FIN_WAIT_1
	                                                           : HZ_TCP_LAST_ACK);
	hz_tcp_idle_start(pcb);
	hz_tcp_pcb_touch(pcb);
}

static void stream_abort(struct hz_stream *s)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);

	if (pcb->state == HZ_TCP_CLOSED || (pcb->flags & HZ_TCP_F_ABORT))
		return;
	pcb->flags |= HZ_TCP_F_ABORT;
	pcb->close_why = HZ_CLOSE_ABORT;
	hz_tcp_pcb_touch(pcb);
}

static void stream_timer(struct hz_stream *s, uint64_t deadline_ns)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);
	const struct hz_tcp *tcp = hz_tcp_of(pcb);

	pcb->app_at = 0;
	if (deadline_ns != 0) {
		uint64_t now_ns = hz_tcp_now(tcp);
		uint64_t after_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

		pcb->app_at = hz_tcp_tick_after(tcp, HZ_MIN(after_ns, HZ_TCP_AFTER_NS_MAX));
	}
	if (pcb->state != HZ_TCP_CLOSED)
		hz_tcp_timer_update(pcb);
}

static void stream_wake(struct hz_stream *s)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);

	if (!is_reading(pcb))
		return;
	pcb->flags |= HZ_TCP_F_WANT_WRITE;
	hz_tcp_pcb_touch(pcb);
}

static void stream_peer(const struct hz_stream *s, uint8_t addr[16], uint16_t *port)
{
	const struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);

	memcpy(addr, pcb->remote.byte, 16);
	*port = __builtin_bswap16((uint16_t)pcb->ports);
}

static bool stream_is_exempt(const struct hz_stream *s)
{
	return hz_tcp_listen_is_exempt(hz_tcp_pcb_of(s));
}

const struct hz_stream_ops hz_tcp_stream_ops = {
	.reserve = stream_reserve,
	.commit = stream_commit,
	.write = stream_write,
	.shutdown = stream_shutdown,
	.abort = stream_abort,
	.timer = stream_timer,
	.wake = stream_wake,
	.peer = stream_peer,
	.is_exempt = stream_is_exempt,
};

/* --- up: when the protocol is called ----------------------------------------------------------- */

void hz_tcp_stream_open(struct hz_tcp_pcb *pcb)
{
	bool is_active = (pcb->flags & HZ_TCP_F_ACTIVE) != 0;
	void *ctx = is_active ? pcb->stream.owner : hz_tcp_of(pcb)->conf.proto_ctx;

	pcb->flags &= ~(uint32_t)HZ_TCP_F_ACTIVE;
	if (hz_tcp_proto(pcb)->on_open(ctx, &pcb->stream) != 0)
		stream_abort(&pcb->stream);
	else
		pcb->flags |= HZ_TCP_F_OPENED;
}

static void hold_discard(struct hz_tcp_pcb *pcb)
{
	if (pcb->rec != NULL)
		hz_tcp_hold_consume(hz_tcp_of(pcb), &pcb->rec->hold, hz_tcp_rec_held(pcb));
}

/* Shows all that is held; returns how much was consumed. */
static uint32_t held_show(struct hz_tcp_pcb *pcb)
{
	struct hz_span held = hz_tcp_hold_bytes(&pcb->rec->hold);
	size_t n = hz_tcp_proto(pcb)->on_data(&pcb->stream, held);

	assert(n <= held.len);
	if (!is_reading(pcb)) {
		hold_discard(pcb);
		return 0;
	}
	hz_tcp_hold_consume(hz_tcp_of(pcb), &pcb->rec->hold, (uint32_t)n);
	if (n > 0 && n < held.len) {
		pcb->flags |= HZ_TCP_F_AGAIN;
		hz_tcp_pcb_touch(pcb);
	}
	return (uint32_t)n;
}

void hz_tcp_stream_deliver(struct hz_tcp_pcb *pcb, const uint8_t *data, uint32_t bytes)
{
	size_t n = 0;

	if (bytes == 0)
		return;
	if (!is_reading(pcb)) {
		hz_tcp_idle_discard(pcb);
		return;
	}
	if (hz_tcp_rec_held(pcb) == 0) {
		n = hz_tcp_proto(pcb)->on_data(&pcb->stream, (struct hz_span){ data, bytes });
		assert(n <= bytes);
		if (n == bytes || !is_reading(pcb))
			return;
		if (n > 0)
			pcb->flags |= HZ_TCP_F_AGAIN;
	}
	if (hz_tcp_hold_put(hz_tcp_of(pcb), &hz_tcp_rec_need(pcb)->hold, data + n,
	                    bytes - (uint32_t)n) != 0) {
		stream_abort(&pcb->stream);
		return;
	}
	if (hz_tcp_rec_held(pcb) > bytes - n)
		held_show(pcb);
}

void hz_tcp_stream_eof(struct hz_tcp_pcb *pcb)
{
	if (!(pcb->flags & HZ_TCP_F_FIN_IN) || (pcb->flags & HZ_TCP_F_EOF_DONE) || !is_reading(pcb))
		return;
	while (hz_tcp_rec_held(pcb) > 0) {
		if (held_show(pcb) == 0)
			break;
	}
	/* A protocol that is blocked on output has not refused the rest; it gets its turn first. */
	if (!is_reading(pcb) || (pcb->flags & HZ_TCP_F_WANT_WRITE))
		return;
	pcb->flags |= HZ_TCP_F_EOF_DONE;
	hz_tcp_proto(pcb)->on_eof(&pcb->stream);
}

void hz_tcp_stream_turn(struct hz_tcp_pcb *pcb)
{
	uint32_t due = pcb->flags & (HZ_TCP_F_WANT_WRITE | HZ_TCP_F_AGAIN);

	if (!is_reading(pcb)) {
		pcb->flags &= ~(uint32_t)(HZ_TCP_F_WANT_WRITE | HZ_TCP_F_AGAIN);
		hold_discard(pcb);
		return;
	}
	if (due == 0)
		return;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_AGAIN;
	if (due & HZ_TCP_F_WANT_WRITE) {
		enum hz_tcp_room room = hz_tcp_room_wake(pcb);

		if (room != HZ_TCP_ROOM_FREE) {
			room_await(pcb, room);
			return;
		}
		pcb->flags &= ~(uint32_t)HZ_TCP_F_WANT_WRITE;
		hz_tcp_proto(pcb)->on_writable(&pcb->stream);
	}
	if (is_reading(pcb) && hz_tcp_rec_held(pcb) > 0)
		held_show(pcb);
	hz_tcp_stream_eof(pcb);
}

void hz_tcp_stream_timer(struct hz_tcp_pcb *pcb)
{
	if (!(pcb->flags & (HZ_TCP_F_OPENED | HZ_TCP_F_ACTIVE)) || (pcb->flags & HZ_TCP_F_ABORT))
		return;
	hz_tcp_proto(pcb)->on_timer(&pcb->stream);
	if (is_reading(pcb) && hz_tcp_rec_held(pcb) > 0) {
		held_show(pcb);
		hz_tcp_stream_eof(pcb);
	}
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_stream_closed(struct hz_tcp_pcb *pcb)
{
	if (pcb->flags & (HZ_TCP_F_OPENED | HZ_TCP_F_ACTIVE)) {
		pcb->flags &= ~(uint32_t)(HZ_TCP_F_OPENED | HZ_TCP_F_ACTIVE);
		hz_tcp_proto(pcb)->on_close(&pcb->stream, pcb->close_why);
	}
	hold_discard(pcb);
}
