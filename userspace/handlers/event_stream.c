#include "handlers/event_stream.h"

#include "core/span_ops.h"
#include "handlers/answer.h"
#include <errno.h>
#include <stdlib.h>

_Static_assert(HZ_LIMIT_stream_piece_bytes % 8 == 0, "pieces of a message are read from words on");

/* One answer. In the request's arena. */
struct stream {
	struct hz_topic_reader reader; /* joined until release */
	const struct hz_event_stream_conf *conf;
	const struct hz_msg_ring *ring;
	struct hz_event_text text;
	uint64_t seq;      /* of the message that is being sent, or comes next */
	uint64_t until;    /* the stream ends before this one; 0: it goes on */
	uint64_t heard_ns; /* when the client was last given something */
	uint32_t message_bytes;
	uint32_t fetched;     /* of them */
	struct hz_span piece; /* of those, not yet given; in raw */
	bool is_foreign;      /* what the client has is of another life of the topic */
	bool is_fresh;        /* has not caught up once: what it missed was before its time */
	enum { STREAM_NEXT, STREAM_MESSAGE, STREAM_OVER, STREAM_BROKEN } state;
	uint8_t raw[HZ_LIMIT_stream_piece_bytes];
};

/* The next piece of the message; 0, -EAGAIN or -ESTALE. */
static int piece_fetch(struct stream *stream)
{
	struct hz_wspan raw = { stream->raw, sizeof(stream->raw) };
	ssize_t bytes = hz_msg_ring_read(stream->ring, stream->seq, stream->fetched, raw,
	                                 &stream->message_bytes);

	if (bytes < 0)
		return (int)bytes;
	stream->piece = (struct hz_span){ stream->raw, (size_t)bytes };
	stream->fetched += (uint32_t)bytes;
	return 0;
}

static void end(struct stream *stream)
{
	hz_event_text_bye(&stream->text);
	stream->state = STREAM_OVER;
}

/* Messages before oldest are lost; how many a foreign client lost nobody knows. */
static void gap(struct stream *stream, uint64_t oldest)
{
	uint64_t count = stream->is_foreign ? 0 : oldest - stream->seq;

	hz_topic_skipped(stream->reader.topic, count);
	if (stream->conf->closes_slow && !stream->is_fresh) {
		hz_topic_closed(stream->reader.topic);
		end(stream);
		return;
	}
	hz_event_text_gap(&stream->text, count);
	stream->is_foreign = false;
	stream->seq = oldest;
}

/* Everything was given. Returns whether there is something to say all the same. */
static bool nothing_new(struct stream *stream)
{
	struct hz_http_req *req = stream->reader.req;

	stream->is_fresh = false;
	if (req->env->now_ns - stream->heard_ns >= stream->conf->heartbeat_ns) {
		hz_event_text_beat(&stream->text);
		stream->heard_ns = req->env->now_ns;
		return true;
	}
	req->wake_ns = stream->heard_ns + stream->conf->heartbeat_ns;
	return false;
}

/* What the client has a right to before the end: all that is there now. */
static bool is_at_end(struct stream *stream)
{
	const struct hz_event_stream_conf *conf = stream->conf;

	if (stream->until == 0 && (hz_http_is_draining(stream->reader.req) ||
	                           hz_topic_is_over(stream->reader.topic, conf->generation)))
		stream->until = hz_msg_ring_next(stream->ring);
	return stream->until != 0 && stream->seq >= stream->until;
}

/* Between two messages. False: nothing to say. */
static bool next_begin(struct stream *stream)
{
	uint64_t oldest = hz_msg_ring_oldest(stream->ring);

	if (is_at_end(stream)) {
		end(stream);
		return true;
	}
	if (stream->seq < oldest || stream->is_foreign) {
		gap(stream, oldest);
		return true;
	}
	stream->fetched = 0;
	switch (piece_fetch(stream)) {
	case 0:
		hz_event_text_begin(&stream->text, stream->seq);
		stream->state = STREAM_MESSAGE;
		return true;
	case -EAGAIN:
		return nothing_new(stream);
	default: /* overwritten since: oldest has moved */
		return true;
	}
}

static void message_go_on(struct stream *stream, struct hz_wspan *out)
{
	if (stream->piece.len > 0) {
		hz_event_text_put(&stream->text, &stream->piece, out);
	} else if (stream->fetched == stream->message_bytes) {
		hz_event_text_end(&stream->text);
		stream->seq++;
		stream->state = STREAM_NEXT;
	} else if (piece_fetch(stream) != 0) {
		hz_topic_closed(stream->reader.topic);
		stream->state = STREAM_BROKEN;
	}
}

/* False: no more for now. */
static bool step(struct stream *stream, struct hz_wspan *out)
{
	switch (stream->state) {
	case STREAM_NEXT:
		return next_begin(stream);
	case STREAM_MESSAGE:
		message_go_on(stream, out);
		return true;
	case STREAM_OVER:
	case STREAM_BROKEN:
	default:
		return false;
	}
}

static ssize_t stream_pull(void *ctx, struct hz_wspan room)
{
	struct stream *stream = ctx;
	struct hz_wspan out = room;

	hz_topic_rouse(&stream->reader);
	while (hz_event_text_flush(&stream->text, &out) && out.len > 0 && step(stream, &out))
		;
	if (out.len < room.len) {
		stream->heard_ns = stream->reader.req->env->now_ns;
		return (ssize_t)(room.len - out.len);
	}
	if (stream->state == STREAM_OVER)
		return HZ_SOURCE_END;
	if (stream->state == STREAM_BROKEN)
		return -ESTALE;
	hz_topic_wait(&stream->reader);
	return 0;
}

static void stream_release(void *ctx)
{
	hz_topic_leave(&((struct stream *)ctx)->reader);
}

static const struct hz_http_source_ops stream_ops = {
	.pull = stream_pull,
	.release = stream_release,
	.ends_with_reader = true,
};

static ssize_t nothing_pull(void *ctx, struct hz_wspan room)
{
	(void)ctx;
	(void)room;
	return HZ_SOURCE_END;
}

/* Behind the answer to HEAD. */
static const struct hz_http_source_ops nothing_ops = { .pull = nothing_pull };

/* Where the stream begins: behind what the client has. */
static void place_find(struct stream *stream, const struct hz_http_req *req)
{
	const struct hz_msg_ring *ring = stream->ring;
	const struct hz_http_header *last =
		hz_http_req_header(req, HZ_SPAN_LITERAL("last-event-id"));
	uint64_t next = hz_msg_ring_next(ring), seq;

	stream->seq = next;
	stream->is_foreign = false;
	if (last == NULL || hz_span_u64(last->value, &seq) != 0)
		return;
	if (seq >= ring->first && seq < next) {
		stream->seq = seq + 1;
	} else {
		stream->seq = ring->first;
		stream->is_foreign = seq != 0; /* 0: everything there is */
	}
}

static void stream_begin(struct stream *stream, const struct hz_event_stream_conf *conf,
                         const struct hz_http_req *req)
{
	const struct hz_msg_ring *ring = hz_topic_ring(stream->reader.topic);

	stream->conf = conf;
	stream->ring = ring;
	stream->text = (struct hz_event_text){ .kind = conf->kind };
	stream->until = 0;
	stream->heard_ns = req->env->now_ns;
	stream->message_bytes = 0;
	stream->fetched = 0;
	stream->piece = (struct hz_span){ NULL, 0 };
	stream->is_fresh = true;
	stream->state = STREAM_NEXT;
	place_find(stream, req);
	hz_event_text_hello(&stream->text, conf->retry_ms);
}

static enum hz_http_next answer(const struct hz_event_stream_conf *conf, struct hz_http_resp *resp,
                                const struct hz_http_source_ops *source, struct stream *stream)
{
	resp->status = 200;
	resp->content_type = conf->kind == HZ_EVENT_TEXT_SSE
	                             ? HZ_SPAN_LITERAL("text/event-stream")
	                             : HZ_SPAN_LITERAL("application/x-ndjson");
	resp->extra = HZ_SPAN_LITERAL("Cache-Control: no-cache\r\n");
	resp->body_kind = HZ_BODY_SOURCE;
	resp->body_bytes = HZ_BODY_UNKNOWN;
	resp->source = source;
	resp->source_ctx = stream;
	return HZ_HTTP_ANSWER;
}

static enum hz_http_next stream_handle(const void *ctx, struct hz_http_req *req,
                                       struct hz_http_resp *resp)
{
	const struct hz_event_stream_conf *conf = ctx;
	struct stream *stream;

	if (req->method == HZ_HTTP_HEAD)
		return answer(conf, resp, &nothing_ops, NULL);
	stream = hz_arena_get(req->arena, sizeof(*stream));
	if (stream == NULL) {
		hz_answer(resp, 414); /* of the arena only the target can take so much */
		return HZ_HTTP_ANSWER;
	}
	stream->reader = (struct hz_topic_reader){ 0 };
	if (!hz_topic_join(conf->topic, &stream->reader, req, conf->readers_max)) {
		hz_answer(resp, 503);
		return HZ_HTTP_ANSWER;
	}
	stream_begin(stream, conf, req);
	return answer(conf, resp, &stream_ops, stream);
}

int hz_event_stream_build(const struct hz_event_stream_conf *conf, struct hz_handler *out)
{
	struct hz_event_stream_conf *copy;

	if (conf->heartbeat_ns == 0 || conf->readers_max == 0)
		return -EINVAL;
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	*copy = *conf;
	*out = (struct hz_handler){
		.handle = stream_handle,
		.has_no_validator = true,
		.free = free,
		.conf = copy,
	};
	return 0;
}
