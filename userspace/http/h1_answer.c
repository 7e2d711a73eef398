/* Answers on their way out: into reserved space where they fit, resumed where they were blocked. */
#include "http/h1_turn.h"
#include <string.h>

/* --- the output being built in this turn ----------------------------------------------------------- */

void hz_h1_out_flush(struct hz_h1_turn *turn)
{
	if (turn->used != 0)
		hz_stream_commit(turn->stream, turn->used);
	turn->used = 0;
	turn->room = (struct hz_wspan){ NULL, 0 };
}

bool hz_h1_out_room(struct hz_h1_turn *turn, size_t bytes)
{
	if (turn->room.len - turn->used >= bytes)
		return true;
	hz_h1_out_flush(turn);
	turn->room = hz_stream_reserve(turn->stream, bytes);
	return turn->room.len >= bytes;
}

/* As much of bytes as there is room for; returns how much. Short: blocked. */
static size_t out_span(struct hz_h1_turn *turn, struct hz_span bytes)
{
	size_t take = HZ_MIN(bytes.len, turn->room.len - turn->used);

	if (take != 0) {
		memcpy(turn->room.data + turn->used, bytes.data, take);
		turn->used += take;
	}
	if (take == bytes.len)
		return take;
	hz_h1_out_flush(turn);
	return take + hz_stream_write(turn->stream,
	                              (struct hz_span){ bytes.data + take, bytes.len - take });
}

/* --- head ------------------------------------------------------------------------------------------ */

void hz_h1_answer_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	flight->out_bytes = hz_h1_body_bytes(&flight->resp, &flight->body);
	flight->out_at = 0;
	flight->framing = HZ_H1_LENGTH;
	if (flight->out_bytes == HZ_BODY_UNKNOWN)
		flight->framing = flight->req.minor == 0 ? HZ_H1_UNTIL_CLOSE : HZ_H1_CHUNKED;
	flight->out_block = flight->body.first;
	flight->out_block_at = 0;
	flight->unsent = (struct hz_span){ NULL, 0 };
	flight->is_head_out = false;
	flight->is_keep = flight->is_keep && !flight->resp.close &&
	                  !hz_h1_is_draining(turn->http) && !hz_h1_is_expired(turn) &&
	                  flight->framing != HZ_H1_UNTIL_CLOSE;
	hz_h1_flight_rate_begin(flight, turn->now_ns);
}

static size_t head_compose(const struct hz_h1_turn *turn, const struct hz_h1_flight *flight,
                           uint8_t *out)
{
	enum hz_h1_connection connection = HZ_H1_CLOSE;

	if (flight->is_keep)
		connection = flight->req.minor == 0 ? HZ_H1_KEEP_1_0 : HZ_H1_KEEP;
	return hz_h1_head_write(out, &flight->resp, flight->out_bytes,
	                        (enum hz_h1_framing)flight->framing, &turn->http->date, connection);
}

/* Where the arena has no room for it, a head takes the place of a large one that came. */
static uint8_t *aside_get(struct hz_h1_flight *flight, size_t bytes)
{
	uint8_t *aside = hz_arena_get(&flight->arena, bytes);

	if (aside == NULL && bytes <= HZ_LIMIT_header_bytes_max)
		aside = flight->big_out = hz_pool_get(&flight->http->big_heads);
	return aside;
}

/* A head beyond what a transport can reserve is composed aside and written in pieces. Where there is no place for
 * that: 500 without its fields. */
static void head_compose_aside(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	uint8_t *aside = aside_get(flight, hz_h1_head_bound(&flight->resp));

	if (aside == NULL) {
		hz_h1_count(turn, HZ_COUNTER_http_no_memory);
		flight->resp = (struct hz_http_resp){ .status = 500,
			                              .source = flight->resp.source,
			                              .source_ctx = flight->resp.source_ctx };
		flight->out_bytes = 0;
		flight->framing = HZ_H1_LENGTH;
		return;
	}
	flight->unsent = (struct hz_span){ aside, head_compose(turn, flight, aside) };
	flight->is_head_out = true;
}

static bool head_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	size_t bound = hz_h1_head_bound(&flight->resp);
	size_t want;

	if (bound > HZ_RESERVE_MAX) {
		head_compose_aside(turn, flight);
		if (flight->is_head_out)
			return true;
		bound = hz_h1_head_bound(&flight->resp);
	}
	/* With a short body, ask for a place that takes both. */
	want = flight->out_bytes <= HZ_RESERVE_MAX - bound ? bound + (size_t)flight->out_bytes
	                                                   : bound;
	if (!hz_h1_out_room(turn, want))
		return false;
	turn->used += head_compose(turn, flight, turn->room.data + turn->used);
	flight->is_head_out = true;
	return true;
}

/* --- body ------------------------------------------------------------------------------------------ */

static bool span_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span body)
{
	flight->out_at += out_span(turn, (struct hz_span){ body.data + flight->out_at,
	                                                   body.len - (size_t)flight->out_at });
	return flight->out_at == body.len;
}

static bool blocks_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	while (flight->out_block != NULL) {
		const struct hz_http_body_block *block = flight->out_block;
		struct hz_span rest = { block->data + flight->out_block_at,
			                block->used - flight->out_block_at };
		size_t sent = out_span(turn, rest);

		flight->out_at += sent;
		flight->out_block_at += (uint32_t)sent;
		if (sent < rest.len)
			return false;
		flight->out_block = block->next;
		flight->out_block_at = 0;
	}
	return true;
}

static bool generated_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	while (flight->out_at < flight->out_bytes) {
		uint64_t left = flight->out_bytes - flight->out_at;
		struct hz_wspan out;

		if (!hz_h1_out_room(turn, 1))
			return false;
		out.data = turn->room.data + turn->used;
		out.len = turn->room.len - turn->used;
		if (out.len > left)
			out.len = (size_t)left;
		flight->resp.produce(flight->resp.produce_ctx, flight->out_at, out);
		turn->used += out.len;
		flight->out_at += out.len;
	}
	return true;
}

/* --- bodies that come piece by piece --------------------------------------------------------------- */

#define CHUNK_HEAD_BYTES 6u /* "05b4" CR LF; leading zeros are allowed, RFC 9112 7.1 */
#define CHUNK_TAIL_BYTES 2u
#define CHUNK_BYTES_MAX  0xffffu
#define SOURCE_ROOM      128u /* less is not worth a call */

static const uint8_t last_chunk[] = "0\r\n\r\n";

static void chunk_frame(uint8_t *out, size_t bytes)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = (uint8_t)hex[bytes >> 12 & 15];
	out[1] = (uint8_t)hex[bytes >> 8 & 15];
	out[2] = (uint8_t)hex[bytes >> 4 & 15];
	out[3] = (uint8_t)hex[bytes & 15];
	out[4] = '\r';
	out[5] = '\n';
	out[CHUNK_HEAD_BYTES + bytes] = '\r';
	out[CHUNK_HEAD_BYTES + bytes + 1] = '\n';
}

/* One piece into the room that is there; returns what pull said. */
static ssize_t source_pull(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	bool is_chunked = flight->framing == HZ_H1_CHUNKED;
	size_t head = is_chunked ? CHUNK_HEAD_BYTES : 0, tail = is_chunked ? CHUNK_TAIL_BYTES : 0;
	uint8_t *at = turn->room.data + turn->used;
	struct hz_wspan out = { at + head, turn->room.len - turn->used - head - tail };
	ssize_t bytes;

	if (is_chunked)
		out.len = HZ_MIN(out.len, CHUNK_BYTES_MAX);
	out.len = (size_t)HZ_MIN(out.len, flight->out_bytes - flight->out_at);
	bytes = flight->resp.source->pull(flight->resp.source_ctx, out);
	if (bytes <= 0)
		return bytes;
	if (is_chunked)
		chunk_frame(at, (size_t)bytes);
	turn->used += head + (size_t)bytes + tail;
	flight->out_at += (uint64_t)bytes;
	return bytes;
}

/* In the room in which the source was asked, and had nothing to put. */
static enum hz_h1_push source_end(struct hz_h1_turn *turn, const struct hz_h1_flight *flight)
{
	const size_t bytes = sizeof(last_chunk) - 1;

	if (flight->framing == HZ_H1_LENGTH)
		return flight->out_at == flight->out_bytes ? HZ_H1_PUSH_DONE : HZ_H1_PUSH_BROKEN;
	if (flight->framing == HZ_H1_CHUNKED) {
		memcpy(turn->room.data + turn->used, last_chunk, bytes);
		turn->used += bytes;
	}
	return HZ_H1_PUSH_DONE;
}
_Static_assert(SOURCE_ROOM >= 64 + CHUNK_HEAD_BYTES + CHUNK_TAIL_BYTES,
               "what <hz/hz.h> promises a pull");
_Static_assert(sizeof(last_chunk) <= SOURCE_ROOM,
               "where there is room to ask there is room to end");

/* Ends: each turn fills space, of which the transport gives so much and no more. */
static enum hz_h1_push source_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	while (flight->out_at < flight->out_bytes) {
		ssize_t bytes;

		if (!hz_h1_out_room(turn, SOURCE_ROOM))
			return HZ_H1_PUSH_BLOCKED;
		bytes = source_pull(turn, flight);
		if (bytes == 0)
			return HZ_H1_PUSH_STARVED;
		if (bytes == HZ_SOURCE_END)
			return source_end(turn, flight);
		if (bytes < 0)
			return HZ_H1_PUSH_BROKEN;
	}
	return HZ_H1_PUSH_DONE;
}

static enum hz_h1_push body_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	bool is_out = true;

	if (flight->out_bytes == 0 || flight->req.method == HZ_HTTP_HEAD)
		return HZ_H1_PUSH_DONE;
	if (flight->resp.prepared != NULL) {
		is_out = span_push(turn, flight, flight->resp.prepared->body);
		return is_out ? HZ_H1_PUSH_DONE : HZ_H1_PUSH_BLOCKED;
	}
	switch (flight->resp.body_kind) {
	case HZ_BODY_SPAN:
		is_out = span_push(turn, flight, flight->resp.body);
		break;
	case HZ_BODY_REQUEST:
		is_out = flight->body.whole.len != 0 ? span_push(turn, flight, flight->body.whole)
		                                     : blocks_push(turn, flight);
		break;
	case HZ_BODY_GENERATED:
		is_out = generated_push(turn, flight);
		break;
	case HZ_BODY_SOURCE:
		return source_push(turn, flight);
	case HZ_BODY_NONE:
	default:
		break;
	}
	return is_out ? HZ_H1_PUSH_DONE : HZ_H1_PUSH_BLOCKED;
}

enum hz_h1_push hz_h1_answer_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!flight->is_head_out && !head_push(turn, flight))
		return HZ_H1_PUSH_BLOCKED;
	if (flight->unsent.len != 0) {
		size_t sent = out_span(turn, flight->unsent);

		flight->unsent.data += sent;
		flight->unsent.len -= sent;
		if (flight->unsent.len != 0)
			return HZ_H1_PUSH_BLOCKED;
	}
	return body_push(turn, flight);
}
