/* A configuration's topics, and the handlers around them. */
#include "handlers/event_stream.h"
#include "handlers/publish.h"
#include "server/snapshot.h"
#include <errno.h>
#include <string.h>
#include <time.h>

static int topic_error(const struct hz_site_topic *topic, int status, struct hz_err *err)
{
	switch (status) {
	case -EBUSY:
		return hz_err_set(err, status, 1, "needs_restart",
		                  "another name is another topic, or restart hzd",
		                  "line %u: the size of topic '%s' cannot change while running",
		                  topic->line, topic->name);
	case -ENOSPC:
		return hz_err_set(
			err, status, 1, "busy", "try again when long requests have ended",
			"line %u: topic '%s': requests still hold those of older generations",
			topic->line, topic->name);
	default:
		return hz_err_set(err, status, 5, "memory", "", "topic '%s': %s", topic->name,
		                  strerror(-status));
	}
}

int hz_snapshot_topics_get(const struct hz_snapshot_conf *conf, struct hz_snapshot *snapshot,
                           struct hz_err *err)
{
	for (uint32_t i = 0; conf->topics != NULL && i < conf->site->topic_count; i++) {
		const struct hz_site_topic *topic = &conf->site->topic[i];
		const struct hz_topic_conf sizes = { .name = topic->name,
			                             .keep = topic->keep,
			                             .bytes = topic->bytes,
			                             .unix_s = (uint64_t)time(NULL) };
		int status = hz_topics_get(conf->topics, &sizes, &snapshot->topic[i]);

		if (status != 0)
			return topic_error(topic, status, err);
	}
	return 0;
}

static int stream_build(const struct hz_snapshot *snapshot, const struct hz_site_route *route,
                        enum hz_event_text_kind kind, struct hz_handler *out)
{
	const struct hz_event_stream_conf conf = {
		.kind = kind,
		.topic = snapshot->topic[route->topic],
		.heartbeat_ns = route->heartbeat_ns,
		.retry_ms = route->retry_ms,
		.readers_max = route->readers_max,
		.closes_slow = route->closes_slow,
		.generation = snapshot->generation,
	};

	return hz_event_stream_build(&conf, out);
}

int hz_snapshot_topics_build(const struct hz_snapshot *snapshot, const struct hz_site_route *route,
                             struct hz_handler *out)
{
	if (route->handler == HZ_HANDLER_EVENTS)
		return stream_build(snapshot, route, HZ_EVENT_TEXT_SSE, out);
	if (route->handler == HZ_HANDLER_LINES)
		return stream_build(snapshot, route, HZ_EVENT_TEXT_LINES, out);
	hz_publish_handler_build(snapshot->topic[route->topic], out);
	return 0;
}
