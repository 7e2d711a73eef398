/* The handlers `events`, `lines` and `publish` of a route. */
#include "config/site_route.h"

#include "config/nearest.h"
#include <stdio.h>
#include <string.h>

#define HEARTBEAT_DEFAULT_NS (15 * HZ_NS_PER_S)
#define HEARTBEAT_MAX_NS     (600 * HZ_NS_PER_S)
#define RETRY_DEFAULT_MS     3000u
#define RETRY_MAX_NS         (3600 * HZ_NS_PER_S)
#define READERS_DEFAULT      1024u

/* Bits of methods, in the order of http/tokens.def. */
static bool has_only_methods_with_bodies(uint32_t methods)
{
	for (; methods != 0; methods &= methods - 1) {
		const char *name = hz_site_method_name(methods);

		if (strcmp(name, "POST") != 0 && strcmp(name, "PUT") != 0)
			return false;
	}
	return true;
}

static void topic_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error;
	struct hz_span name;

	if (!hz_site_read_word(r, key, 1, HZ_SITE_NAME_MAX - 1, &name))
		return;
	for (uint32_t i = 0; i < r->site->topic_count; i++) {
		const char *text = r->site->topic[i].name;
		struct hz_span topic = { (const uint8_t *)text, strlen(text) };

		if (topic.len == name.len && memcmp(text, name.data, name.len) == 0) {
			rr->route->topic = i;
			return;
		}
		hz_nearest_offer(&nearest, name, topic);
	}
	error = hz_site_read_fail(r, key->value, "no topic '%.*s' in 'topics'", HZ_SITE_WORD(name));
	hz_site_errors_hint(error, &nearest);
}

static void heartbeat_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	hz_site_read_time(r, key, 100 * HZ_NS_PER_MS, HEARTBEAT_MAX_NS, &rr->route->heartbeat_ns);
}

static void retry_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	uint64_t ns;

	if (hz_site_read_time(r, key, HZ_NS_PER_MS, RETRY_MAX_NS, &ns))
		rr->route->retry_ms = ns / HZ_NS_PER_MS;
}

static void slow_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_span word;

	if (!hz_site_read_word(r, key, 1, 16, &word))
		return;
	rr->route->closes_slow = word.len == 5 && memcmp(word.data, "close", 5) == 0;
	if (!rr->route->closes_slow && (word.len != 4 || memcmp(word.data, "drop", 4) != 0))
		hz_site_read_fail(r, key->value, "'slow' is drop or close, not '%.*s'",
		                  HZ_SITE_WORD(word));
}

static void limit_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	uint64_t limit;

	rr->route->readers_at = hz_site_read_place(key->value);
	if (hz_site_read_count(r, key, 1, HZ_LIMIT_stream_readers_max, &limit))
		rr->route->readers_max = (uint32_t)limit;
}

static void stream_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                        struct hz_site_route_read *rr, const struct hz_site_key *keys, size_t count)
{
	char where[80];

	rr->route->heartbeat_ns = HEARTBEAT_DEFAULT_NS;
	rr->route->retry_ms = RETRY_DEFAULT_MS;
	rr->route->readers_max = READERS_DEFAULT;
	snprintf(where, sizeof(where), "'%.*s' of %s", HZ_SITE_WORD(key->text), rr->where);
	hz_site_read_map(r, key->value, where, keys, count, rr);
}

void hz_site_events_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	static const struct hz_site_key keys[] = {
		{ "topic", topic_read, true },  { "heartbeat", heartbeat_read, false },
		{ "slow", slow_read, false },   { "limit", limit_read, false },
		{ "retry", retry_read, false },
	};
	struct hz_site_route_read *rr = route_read;

	rr->route->handler = HZ_HANDLER_EVENTS;
	stream_read(r, key, rr, keys, HZ_ARRAY_LEN(keys));
}

void hz_site_lines_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	static const struct hz_site_key keys[] = {
		{ "topic", topic_read, true },
		{ "heartbeat", heartbeat_read, false },
		{ "slow", slow_read, false },
		{ "limit", limit_read, false },
	};
	struct hz_site_route_read *rr = route_read;

	rr->route->handler = HZ_HANDLER_LINES;
	stream_read(r, key, rr, keys, HZ_ARRAY_LEN(keys));
}

static void body_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;

	hz_site_read_size(r, key, 1, HZ_LIMIT_message_bytes_max, &rr->route->body_bytes_max);
}

void hz_site_publish_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          void *route_read)
{
	static const struct hz_site_key keys[] = {
		{ "topic", topic_read, true },
		{ "body", body_read, false },
	};
	struct hz_site_route_read *rr = route_read;
	struct hz_site_route *route = rr->route;
	char where[80];

	route->handler = HZ_HANDLER_PUBLISH;
	route->body_bytes_max = HZ_MIN(route->body_bytes_max, HZ_LIMIT_message_bytes_max);
	snprintf(where, sizeof(where), "'publish' of %s", rr->where);
	if (!hz_site_read_map(r, key->value, where, keys, HZ_ARRAY_LEN(keys), rr))
		return;
	if (!rr->is_match_bad && !has_only_methods_with_bodies(route->methods))
		hz_site_read_fail(r, key, "'publish' takes a body: its methods are POST and PUT");
	if (strncmp(r->site->topic[route->topic].name, "hz.", 3) == 0)
		hz_site_read_fail(r, key, "topics named hz. are hz's own");
}
