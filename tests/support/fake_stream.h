/* A transport made of memory, after the rules of core/stream.h, for tests of protocols: output space,
 * pieces, time and ends are in the test's hands. Every span handed up is a heap block of its own that
 * is freed when the call returns, so that a sanitizer sees whoever keeps or over-reads it. A broken
 * rule of the seam is reported in `broken`. */
#ifndef FAKE_STREAM_H
#define FAKE_STREAM_H

#include "core/env.h"
#include "core/stream.h"

struct fake_stream {
	struct hz_stream s; /* first: the stream is the fake */
	struct hz_env *env;
	const struct hz_proto_ops *proto;
	uint8_t peer_addr[16];
	/* Input given and not consumed. */
	uint8_t *held;
	size_t held_len;
	/* Output: all bytes ever committed or written; of the last queued the peer has taken none. */
	uint8_t *out;
	size_t out_len;
	size_t out_cap;
	size_t queued;
	size_t window;      /* most that may be queued */
	size_t reserve_max; /* most that one reserve offers, at least what it was asked for */
	uint8_t *reserved;  /* lives until the next down-call or return */
	size_t reserved_len;
	uint64_t deadline_ns; /* 0: disarmed */
	bool wants_writable;
	bool is_eof_due; /* the peer's FIN arrived */
	bool is_eof_told;
	bool is_up; /* inside a call up */
	bool is_shutdown;
	bool is_aborted;
	bool is_open;
	bool is_exempt;                             /* told so when asked */
	unsigned reserves, commits, writes, timers; /* calls */
	const char *broken;                         /* the first rule that was broken, or NULL */
};

/* Opens a connection: 0 or what on_open returned. window and reserve_max may be changed later. */
int fake_stream_open(struct fake_stream *fs, struct hz_env *env, const struct hz_proto_ops *proto,
                     void *proto_ctx, size_t window);
/* The same, from a peer of this address; else it is "::". */
int fake_stream_open_from(struct fake_stream *fs, struct hz_env *env,
                          const struct hz_proto_ops *proto, void *proto_ctx, size_t window,
                          const uint8_t addr[16]);
/* Bytes from the peer; presented at once, joined with what is held. */
void fake_stream_feed(struct fake_stream *fs, const void *bytes, size_t len);
/* The peer takes up to len queued bytes; a blocked protocol hears of it. Returns how many it took. */
size_t fake_stream_take(struct fake_stream *fs, size_t len);
/* Takes piece by piece until nothing is queued and nobody waits. */
void fake_stream_take_all(struct fake_stream *fs, size_t piece);
/* Time passes; a due timer fires. Returns whether it did. */
bool fake_stream_advance(struct fake_stream *fs, uint64_t ns);
/* Fires due timers at the present time until none is due, at most rounds times. */
void fake_stream_settle(struct fake_stream *fs, unsigned rounds);
/* The peer's FIN. */
void fake_stream_eof(struct fake_stream *fs);
/* on_close and the end of everything the fake owns but out; idempotent. */
void fake_stream_close(struct fake_stream *fs, enum hz_close_why why);
void fake_stream_free(struct fake_stream *fs); /* closes if need be */

#endif
