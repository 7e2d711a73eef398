/* Request bodies: counted by Content-Length or decoded from chunks into blocks of the worker's pool. */
#include "http/h1_worker.h"
#include <errno.h>
#include <string.h>

/* The beginning of a body lies in the request's arena, where that has plenty: a client that sends no more
 * than this, however slowly, takes no block from others. */
#define FIRST_BYTES      1024u
#define FIRST_LEAVES     (HZ_LIMIT_request_arena_bytes / 4u * 3u)
#define BLOCK_HEAD_BYTES sizeof(struct hz_http_body_block)

void hz_h1_body_begin(struct hz_h1_flight *flight)
{
	flight->body = (struct hz_http_body){ 0 };
	flight->length_left = flight->req.content_length;
	if (flight->req.is_chunked)
		hz_chunked_init(&flight->chunked, flight->route.body_bytes_max);
}

static struct hz_http_body_block *first_get(struct hz_h1_flight *flight)
{
	if (flight->arena.size - flight->arena.used < FIRST_BYTES + FIRST_LEAVES)
		return NULL;
	return hz_arena_get(&flight->arena, FIRST_BYTES);
}

static bool is_in_arena(const struct hz_http_body_block *block)
{
	return block->room == FIRST_BYTES - BLOCK_HEAD_BYTES;
}

static struct hz_http_body_block *block_add(struct hz_h1_flight *flight)
{
	struct hz_http_body *body = &flight->body;
	struct hz_http_body_block *block = body->first == NULL ? first_get(flight) : NULL;
	uint32_t bytes = FIRST_BYTES;

	if (block == NULL) {
		block = hz_pool_get(&flight->http->blocks);
		bytes = HZ_LIMIT_body_block_bytes;
	}
	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->used = 0;
	block->room = bytes - (uint32_t)BLOCK_HEAD_BYTES;
	if (body->last != NULL)
		body->last->next = block;
	else
		body->first = block;
	body->last = block;
	return block;
}

int hz_h1_body_append(struct hz_h1_flight *flight, struct hz_span bytes)
{
	while (bytes.len > 0) {
		struct hz_http_body_block *last = flight->body.last;
		size_t take;

		if (last == NULL || last->used == last->room)
			last = block_add(flight);
		if (last == NULL)
			return -ENOMEM;
		take = HZ_MIN(bytes.len, last->room - last->used);
		memcpy(last->data + last->used, bytes.data, take);
		hz_slot_add(flight->http->conf.slot, HZ_COUNTER_input_copied_bytes, take);
		last->used += (uint32_t)take;
		flight->body.bytes += take;
		bytes.data += take;
		bytes.len -= take;
	}
	return 0;
}

void hz_h1_body_free(struct hz_h1_flight *flight)
{
	struct hz_http_body_block *block = flight->body.first;

	while (block != NULL) {
		struct hz_http_body_block *next = block->next;

		if (!is_in_arena(block))
			hz_pool_put(&flight->http->blocks, block);
		block = next;
	}
	flight->body = (struct hz_http_body){ 0 };
}

/* A piece of the body: dropped, given to a streaming route, or kept. *next is NEXT before. 0 or -ENOMEM. */
static int body_take(struct hz_h1_flight *flight, const void *snapshot, struct hz_span data,
                     enum hz_http_next *next)
{
	if (flight->is_refused || data.len == 0)
		return 0;
	if (!flight->route.is_streaming && !flight->route.takes_body)
		return 0;
	if (!flight->route.is_streaming)
		return hz_h1_body_append(flight, data);
	*next = flight->http->conf.ops->body(snapshot, &flight->req, &flight->resp, data);
	return 0;
}

static enum hz_parse length_feed(struct hz_h1_flight *flight, const void *snapshot,
                                 struct hz_span bytes, size_t *consumed, uint16_t *status,
                                 enum hz_http_next *next)
{
	if (bytes.len > flight->length_left)
		bytes.len = (size_t)flight->length_left;
	*consumed = bytes.len;
	if (body_take(flight, snapshot, bytes, next) != 0) {
		*status = 503;
		return HZ_PARSE_BAD;
	}
	flight->length_left -= bytes.len;
	return flight->length_left == 0 ? HZ_PARSE_DONE : HZ_PARSE_MORE;
}

static enum hz_parse chunked_feed(struct hz_h1_flight *flight, const void *snapshot,
                                  struct hz_span bytes, size_t *consumed, uint16_t *status,
                                  enum hz_http_next *next)
{
	enum hz_parse r = HZ_PARSE_MORE;
	size_t at = 0;

	while (r == HZ_PARSE_MORE && at < bytes.len && *next == HZ_HTTP_NEXT) {
		struct hz_span rest = { bytes.data + at, bytes.len - at };
		struct hz_span data;
		size_t taken = 0;

		r = hz_chunked_decode(&flight->chunked, rest, &taken, &data);
		if (r == HZ_PARSE_BAD) {
			*status = flight->chunked.status;
			return r;
		}
		at += taken;
		if (body_take(flight, snapshot, data, next) != 0) {
			*status = 503;
			return HZ_PARSE_BAD;
		}
	}
	*consumed = at;
	return r;
}

enum hz_parse hz_h1_body_feed(struct hz_h1_flight *flight, const void *snapshot,
                              struct hz_span bytes, size_t *consumed, uint16_t *status,
                              enum hz_http_next *next)
{
	enum hz_parse r = flight->req.is_chunked
	                          ? chunked_feed(flight, snapshot, bytes, consumed, status, next)
	                          : length_feed(flight, snapshot, bytes, consumed, status, next);

	if (r != HZ_PARSE_BAD)
		flight->received_bytes += *consumed;
	return r;
}
