#include "stream_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const paths[RIG_HANDLERS] = { "/events", "/lines", "/close", "/publish" };

static const void *rig_pin(void *app, uint32_t worker_index)
{
	(void)worker_index;
	return app;
}

static void rig_unpin(void *app, uint32_t worker_index, const void *snapshot)
{
	(void)app;
	(void)worker_index;
	(void)snapshot;
}

static const struct hz_http_limits *rig_limits(const void *snapshot)
{
	return &((const struct stream_rig *)snapshot)->limits;
}

static enum hz_http_next rig_route(const void *snapshot, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	(void)snapshot;
	(void)resp;
	req->route_index = 0;
	for (int i = 0; i < RIG_HANDLERS; i++) {
		if (req->path.len == strlen(paths[i]) &&
		    memcmp(req->path.data, paths[i], req->path.len) == 0)
			req->route_index = i;
	}
	route->takes_body = req->route_index == RIG_PUBLISH;
	return HZ_HTTP_NEXT;
}

static enum hz_http_next rig_handle(const void *snapshot, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	const struct stream_rig *rig = snapshot;
	const struct hz_handler *handler = &rig->handler[req->route_index];

	return handler->handle(handler->conf, req, resp);
}

static const struct hz_http_app_ops rig_ops = {
	.pin = rig_pin,
	.unpin = rig_unpin,
	.limits = rig_limits,
	.route = rig_route,
	.handle = rig_handle,
};

static void ring(void *ctx, uint32_t worker)
{
	(void)worker;
	((struct stream_rig *)ctx)->rings++;
}

static void topic_open(struct stream_rig *rig, uint64_t unix_s)
{
	const struct hz_topics_conf conf = { .worker_count = 1, .ring = ring, .ring_ctx = rig };
	const struct hz_topic_conf topic = {
		.name = "news", .keep = RIG_KEEP, .bytes = 262144, .unix_s = unix_s
	};

	if (hz_topics_open(&conf, &rig->topics) != 0 ||
	    hz_topics_get(rig->topics, &topic, &rig->topic) != 0)
		abort();
}

static void handlers_open(struct stream_rig *rig)
{
	struct hz_event_stream_conf conf = {
		.topic = rig->topic,
		.heartbeat_ns = RIG_HEARTBEAT,
		.retry_ms = 3000,
		.readers_max = RIG_READERS,
		.generation = rig->generation,
	};

	for (int i = RIG_EVENTS; i <= RIG_CLOSE; i++) {
		conf.kind = i == RIG_LINES ? HZ_EVENT_TEXT_LINES : HZ_EVENT_TEXT_SSE;
		conf.closes_slow = i == RIG_CLOSE;
		if (hz_event_stream_build(&conf, &rig->handler[i]) != 0)
			abort();
	}
	hz_publish_handler_build(rig->topic, &rig->handler[RIG_PUBLISH]);
}

struct stream_rig *stream_rig_open(uint64_t generation)
{
	return stream_rig_open_at(generation, 0);
}

struct stream_rig *stream_rig_open_at(uint64_t generation, uint64_t unix_s)
{
	struct stream_rig *rig = calloc(1, sizeof(*rig));
	struct hz_http_worker_conf conf = {
		.ops = &rig_ops,
		.app = rig,
		.connections_max = RIG_STREAMS,
	};

	if (rig == NULL)
		abort();
	rig->generation = generation;
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	rig->slot.hist = rig->hist;
	rig->slot.worker = &rig->worker;
	rig->limits = (struct hz_http_limits){
		.header_bytes = HZ_LIMIT_header_bytes_max,
		.header_count = HZ_LIMIT_header_count_max,
		.uri_bytes = HZ_LIMIT_uri_bytes_max,
		.body_bytes = HZ_LIMIT_body_bytes_max,
		.header_timeout_ns = 10 * HZ_NS_PER_S,
		.idle_timeout_ns = 60 * HZ_NS_PER_S,
		.answer_timeout_ns = HZ_NS_PER_S,
	};
	conf.env = &rig->env;
	conf.slot = &rig->slot;
	if (hz_http_worker_open(&conf, &rig->http) != 0)
		abort();
	topic_open(rig, unix_s);
	handlers_open(rig);
	return rig;
}

void stream_rig_close(struct stream_rig *rig)
{
	struct hz_topic_info info;

	for (unsigned i = 0; i < RIG_STREAMS; i++) {
		if (rig->fs[i].s.ops == NULL)
			continue;
		fake_stream_close(&rig->fs[i], HZ_CLOSE_DONE);
		CU_ASSERT_PTR_NULL(rig->fs[i].broken);
		fake_stream_free(&rig->fs[i]);
	}
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.readers, 0);
	CU_ASSERT_EQUAL(rig->http->flights.in_use, 1);
	CU_ASSERT_EQUAL(rig->http->blocks.in_use, 0);
	for (int i = 0; i < RIG_HANDLERS; i++)
		hz_handler_free(&rig->handler[i]);
	hz_topic_put(rig->topic);
	hz_topics_close(rig->topics);
	hz_http_worker_close(rig->http);
	free(rig);
}

void stream_rig_ask(struct stream_rig *rig, unsigned i, const char *request, size_t window)
{
	struct hz_h1_flight *flight = rig->http->scratch;

	memset(flight->arena_memory, 0xa5, sizeof(flight->arena_memory)); /* an earlier request's */
	if (rig->fs[i].s.ops == NULL &&
	    fake_stream_open(&rig->fs[i], &rig->env, &hz_h1_proto_ops, rig->http, window) != 0)
		abort();
	fake_stream_feed(&rig->fs[i], request, strlen(request));
}

unsigned stream_rig_turn(struct stream_rig *rig)
{
	unsigned turns = 0;

	while (hz_topics_turn(rig->topics, 0) > 0) {
		turns++;
		for (unsigned i = 0; i < RIG_STREAMS; i++) {
			if (rig->fs[i].is_open)
				(void)fake_stream_take(&rig->fs[i], 0);
		}
	}
	return turns;
}

uint64_t stream_rig_publish(struct stream_rig *rig, const char *text)
{
	struct hz_span part = { (const uint8_t *)text, strlen(text) };
	uint64_t seq = 0;

	CU_ASSERT_EQUAL(hz_topic_publish(rig->topic, &part, 1, &seq), 0);
	stream_rig_turn(rig);
	return seq;
}

/* Chunks joined, as far as they are whole. */
static size_t dechunk(const char *in, size_t len, char *out, size_t room)
{
	size_t used = 0, at = 0;

	while (at < len) {
		const char *line = memchr(in + at, '\n', len - at);
		size_t size = strtoul(in + at, NULL, 16), head;

		if (line == NULL)
			break;
		head = (size_t)(line + 1 - (in + at));
		if (len - at < head + size + 2 || used + size >= room)
			break;
		memcpy(out + used, in + at + head, size);
		used += size;
		at += head + size + 2;
	}
	return used;
}

const char *stream_rig_news(struct stream_rig *rig, unsigned i, char *out, size_t room)
{
	struct fake_stream *fs = &rig->fs[i];
	const char *text, *end;
	size_t len;

	fake_stream_take_all(fs, 4096);
	text = (const char *)fs->out + rig->seen[i];
	len = fs->out_len - rig->seen[i];
	rig->seen[i] = fs->out_len;
	end = len > 5 && memcmp(text, "HTTP/", 5) == 0 ? memmem(text, len, "\r\n\r\n", 4) : NULL;
	if (end != NULL) {
		len -= (size_t)(end + 4 - text);
		text = end + 4;
	}
	out[dechunk(text, len, out, room)] = '\0';
	return out;
}
