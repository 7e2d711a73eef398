/* The application at one end of a simulated connection: writes a stream whose every byte is known, checks
 * every byte it reads, and ends the way its plan says. */
#ifndef HZ_SIM_APP_H
#define HZ_SIM_APP_H

#include "core/env.h"
#include "core/stream.h"

enum sim_end {
	SIM_END_DONE,  /* closes when it has written and read everything */
	SIM_END_SENT,  /* half-closes as soon as everything is written; reads no more */
	SIM_END_EOF,   /* closes when the peer has, and everything is written */
	SIM_END_ABORT, /* aborts at abort_at bytes written and read */
};

struct sim_plan {
	uint64_t key; /* of the stream it writes */
	uint32_t send_bytes;
	uint32_t piece_bytes; /* 0: write(); else reserve and commit in pieces of this size */
	uint32_t take_max;    /* bytes per on_data, at least 1 */
	uint32_t nap_ms;      /* reads nothing for this long after each on_data */
	uint32_t stall_at, stall_ms; /* reads nothing for this long once; stall_ms 0: never */
	uint32_t abort_at;
	uint32_t open_limit_ms; /* aborts an open that takes longer, 0: waits */
	enum sim_end end;
	bool refuses; /* on_open fails */
};

struct sim_app {
	struct sim_plan plan;
	const struct sim_app *peer;
	const struct hz_env *env;
	struct hz_stream *stream; /* NULL: not open */
	uint32_t sent, got;
	uint64_t asleep_until_ns;
	uint32_t open_count, close_count;
	enum hz_close_why why;
	bool saw_eof, is_shut, has_aborted, has_stalled;
	const char *broken; /* the first rule that the stack broke */
};

extern const struct hz_proto_ops sim_app_ops; /* proto_ctx: struct sim_app */

/* Byte by byte the stream of a key. */
void sim_app_fill(uint64_t key, uint32_t offset, uint8_t *to, uint32_t bytes);
bool sim_app_matches(uint64_t key, uint32_t offset, const uint8_t *from, uint32_t bytes);

#endif
