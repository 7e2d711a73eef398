/* Section `topics`: `news: { keep: 256, bytes: 1MiB }`. */
#include "config/site_read.h"

#include <string.h>

#define KEEP_DEFAULT  256u
#define BYTES_DEFAULT (1ull << 20)

/* A minute of what is fed once a second. */
static const struct hz_site_topic latency = { .name = HZ_SITE_TOPIC_LATENCY,
	                                      .keep = 60,
	                                      .bytes = 256ull << 10 };

_Static_assert(HZ_LIMIT_message_bytes_max <= BYTES_DEFAULT, "a topic holds a message");

void hz_site_topics_default(struct hz_site *site)
{
	site->topic = &latency;
	site->topic_count = 1;
}

static void keep_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_topic *topic = into;
	uint64_t keep;

	if (hz_site_read_count(r, key, 1, HZ_LIMIT_topic_keep_max, &keep))
		topic->keep = (uint32_t)keep;
}

static void bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_topic *topic = into;

	hz_site_read_size(r, key, HZ_LIMIT_message_bytes_max, HZ_LIMIT_topic_bytes_max,
	                  &topic->bytes);
}

static const struct hz_site_key topic_keys[] = {
	{ "keep", keep_read, false },
	{ "bytes", bytes_read, false },
};

static bool name_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                      struct hz_site_topic *topic)
{
	if (key->text.len == 0 || key->text.len >= HZ_SITE_NAME_MAX) {
		hz_site_read_fail(r, key, "the name of a topic has 1 to %d bytes",
		                  HZ_SITE_NAME_MAX - 1);
		return false;
	}
	if (!hz_site_read_name(r, key, key->text, topic->name))
		return false;
	if (strncmp(topic->name, "hz.", 3) == 0) {
		hz_site_read_fail(r, key, "topics named hz. are hz's own");
		return false;
	}
	return true;
}

static void topic_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                       struct hz_site_topic *topic)
{
	const struct hz_yaml_node *value = key->value;

	topic->keep = KEEP_DEFAULT;
	topic->bytes = BYTES_DEFAULT;
	topic->line = key->line;
	if (!name_read(r, key, topic))
		return;
	/* `news:` with nothing after it says all there is to say. */
	if (value->kind == HZ_YAML_SCALAR && value->is_plain && value->text.len == 0)
		return;
	hz_site_read_map(r, value, "a topic", topic_keys, HZ_ARRAY_LEN(topic_keys), topic);
}

void hz_site_topics_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *map = key->value;
	struct hz_site_topic *topics;
	uint64_t bytes = latency.bytes;
	uint32_t count = 1;

	(void)into;
	if (map->kind != HZ_YAML_MAP) {
		hz_site_read_fail(r, map, "'topics' must be a mapping of names to sizes");
		return;
	}
	if (map->count >= HZ_LIMIT_topics_max) {
		hz_site_read_fail(r, key, "'topics' has %u entries, at most %d are allowed",
		                  map->count, HZ_LIMIT_topics_max - 1);
		return;
	}
	topics = hz_site_read_get(r, (map->count + 1) * sizeof(*topics));
	if (topics == NULL)
		return;
	topics[0] = latency;
	for (const struct hz_yaml_node *name = map->first; name != NULL && r->err == 0;
	     name = name->next) {
		topic_read(r, name, &topics[count]);
		bytes += topics[count++].bytes;
	}
	if (bytes > HZ_LIMIT_topics_bytes_max)
		hz_site_read_fail(r, key, "topics may have %d MiB together",
		                  HZ_LIMIT_topics_bytes_max >> 20);
	r->site->topic = topics;
	r->site->topic_count = count;
}
