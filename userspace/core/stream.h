/* The seam between a transport and a protocol: two small vtables. A transport (dpdk/tcp, io_sock, a
 * test's fake) knows bytes and connections, a protocol (http) knows what they mean; neither includes
 * the other.
 *
 * Rules
 * - A stream lives on one worker thread; every call below happens on it.
 * - The transport never calls up into a stream from inside that stream's own down-call: no re-entry.
 * - on_close is the last call; the stream is gone when it returns. After abort() the transport still
 *   calls on_close (HZ_CLOSE_ABORT), later, from its own loop.
 * - on_data's span is contiguous and holds every byte not yet consumed. In the common case it points
 *   into the received packet; it is valid until on_data returns. What is not consumed the transport
 *   keeps (copied, up to the stream's hold limit, window closing as it fills) and presents again,
 *   joined with what follows: when more bytes arrive, after on_writable, and after on_timer.
 * - When held bytes reach hold_bytes_max and on_data consumes nothing while not blocked on output, the
 *   protocol must itself answer (431, 413) and close; the transport only stops opening its window.
 * - After the peer's FIN, and once all bytes are consumed or on_data consumed nothing of what is left,
 *   on_eof is called once. The protocol may still send; it ends with shutdown() or abort(). */
#ifndef HZ_STREAM_H
#define HZ_STREAM_H

#include <hz/span.h>
#include <stdbool.h>

struct hz_stream;

enum hz_close_why {
	HZ_CLOSE_DONE,    /* both sides finished in order */
	HZ_CLOSE_RESET,   /* the peer reset */
	HZ_CLOSE_TIMEOUT, /* retransmissions or a transport timer gave up */
	HZ_CLOSE_ABORT,   /* our own abort(), or the transport's: out of memory, shutting down */
};

/* Up: implemented by the protocol. */
struct hz_proto_ops {
	/* A connection is established. Sets s->owner. 0, or -errno: the transport resets it and makes no
	 * further call. proto_ctx is the listener's. */
	int (*on_open)(void *proto_ctx, struct hz_stream *s);
	/* Returns the number of bytes consumed, 0..bytes.len. */
	size_t (*on_data)(struct hz_stream *s, struct hz_span bytes);
	void (*on_eof)(struct hz_stream *s);
	/* Room to send again, after reserve or write came back short, or after wake(). */
	void (*on_writable)(struct hz_stream *s);
	/* The deadline set with timer() passed. */
	void (*on_timer)(struct hz_stream *s);
	void (*on_close)(struct hz_stream *s, enum hz_close_why why);
	/* Once per turn of the transport's loop, and before its thread sleeps: what other threads have left for the
	 * protocol. proto_ctx is the listener's. Returns how much it found. NULL: nothing ever comes that way. */
	unsigned (*on_turn)(void *proto_ctx);
	/* The time at which on_turn is wanted at the latest; UINT64_MAX, or NULL: whenever it comes. */
	uint64_t (*turn_due_ns)(void *proto_ctx);
	/* The last call on the transport's thread, every stream is closed. NULL: nothing to do. */
	void (*on_end)(void *proto_ctx);
	/* Nothing is lost if the connection ends now, between two requests: the transport may abort it to make
	 * room. NULL: never. Changes nothing and calls nothing. */
	bool (*is_idle)(const struct hz_stream *s);
};

/* Down: implemented by the transport. */
struct hz_stream_ops {
	/* Space of at least min_bytes for output, inside the packet being built where there is one; with
	 * len 0 when there is no room now (on_writable will follow). min_bytes <= HZ_RESERVE_MAX. The
	 * space is valid until commit, the next down-call, or return to the transport. */
	struct hz_wspan (*reserve)(struct hz_stream *s, size_t min_bytes);
	/* The first bytes of the reserved space are output now, in order. */
	void (*commit)(struct hz_stream *s, size_t bytes);
	/* Copies as much of bytes as there is room for and returns how much; less than all: on_writable
	 * will follow. */
	size_t (*write)(struct hz_stream *s, struct hz_span bytes);
	/* Orderly end of output: FIN after everything committed. Input goes on until the peer's FIN, for
	 * at most the transport's linger time, in which bytes are dropped. */
	void (*shutdown)(struct hz_stream *s);
	/* RST now; queued output is lost. */
	void (*abort)(struct hz_stream *s);
	/* One deadline per stream, 0 disarms. Fires at most 1 tick late. */
	void (*timer)(struct hz_stream *s, uint64_t deadline_ns);
	/* on_writable follows soon, also when nothing came back short: what the protocol waited for is there.
	 * From on_turn or a call up of another stream. */
	void (*wake)(struct hz_stream *s);
	/* Peer of this stream, for logs and limits: the same from on_open to on_close. */
	void (*peer)(const struct hz_stream *s, uint8_t addr[16], uint16_t *port);
	/* Its listener is of the class control: overload sheds nothing of it. NULL: of no stream. */
	bool (*is_exempt)(const struct hz_stream *s);
};

/* The shared head of a transport's connection object, which embeds it. Where up-calls go is the
 * transport's own matter: mostly one protocol for all its connections. */
struct hz_stream {
	const struct hz_stream_ops *ops;
	void *owner; /* the protocol's object */
};

#define HZ_RESERVE_MAX 1024u /* every transport can offer this much in one piece, given room */

static inline struct hz_wspan hz_stream_reserve(struct hz_stream *s, size_t min_bytes)
{
	return s->ops->reserve(s, min_bytes);
}

static inline void hz_stream_commit(struct hz_stream *s, size_t bytes)
{
	s->ops->commit(s, bytes);
}

static inline size_t hz_stream_write(struct hz_stream *s, struct hz_span bytes)
{
	return s->ops->write(s, bytes);
}

static inline void hz_stream_shutdown(struct hz_stream *s)
{
	s->ops->shutdown(s);
}

static inline void hz_stream_abort(struct hz_stream *s)
{
	s->ops->abort(s);
}

static inline void hz_stream_timer(struct hz_stream *s, uint64_t deadline_ns)
{
	s->ops->timer(s, deadline_ns);
}

static inline void hz_stream_wake(struct hz_stream *s)
{
	s->ops->wake(s);
}

static inline bool hz_stream_is_exempt(const struct hz_stream *s)
{
	return s->ops->is_exempt != NULL && s->ops->is_exempt(s);
}

#endif
