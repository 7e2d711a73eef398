/* One hash table for exact names and, from their dot on, wildcards: ".example.org". A host is looked up
 * as a whole, then from each of its dots that a wildcard could begin at, the longest part first: at most
 * host_labels_max of them, whatever the host. */
#include "router/host_map.h"

#include "core/base.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 8u

/* A host in lower case; zeros behind it, so that it and its parts are hashed by words. */
struct text {
	uint32_t len;
	uint8_t bytes[256 + WORD_BYTES];
};
_Static_assert(HZ_HOST_NAME_MAX <= 256, "a name fits");

struct name {
	uint32_t text; /* first of its bytes */
	uint32_t len;
	uint32_t next; /* name of the wildcard around it; 0: none */
};

struct slot {
	uint32_t hash;
	uint32_t name; /* 0: empty */
};

struct hz_host_map {
	struct slot *slots; /* all owned */
	struct name *names; /* 1..count */
	uint8_t *text;      /* of the names, without the '*' */
	uint32_t slot_mask; /* their number, a power of two, less one */
	uint32_t count;
	uint32_t text_bytes;
	uint32_t wild_dots_min, wild_dots_max; /* of all wildcards; max 0: there are none */
};

static uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Upper case letters of eight bytes to lower case: a byte is one when it is above '@' but not above
 * 'Z', and below 0x80. Seven bits are compared, so that no carry leaves a byte. */
static uint64_t word_lower(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t seven = word & ~highs;
	uint64_t above_at = seven + ones * (0x80 - 'A');
	uint64_t above_z = seven + ones * (0x80 - 'Z' - 1);
	uint64_t is_upper = above_at & ~above_z & ~word & highs;

	return word | is_upper >> 2;
}

/* host without port and last dot, RFC 9110 4.2.3: they say nothing about which host it is. false: it is
 * no name of a host that could be in the map. */
static bool text_set(struct text *text, struct hz_span host)
{
	size_t len = 0;

	if (host.len > 0 && host.data[0] == '[') {
		const uint8_t *close = memchr(host.data, ']', host.len);

		len = close == NULL ? 0 : (size_t)(close - host.data) + 1;
	} else if (host.len > 0) {
		const uint8_t *colon = memchr(host.data, ':', host.len);

		len = colon == NULL ? host.len : (size_t)(colon - host.data);
	}
	if (len > 0 && host.data[len - 1] == '.')
		len--;
	if (len == 0 || len > HZ_HOST_NAME_MAX)
		return false;
	text->len = (uint32_t)len;
	memcpy(text->bytes, host.data, len);
	memset(text->bytes + len, 0, WORD_BYTES);
	for (size_t i = 0; i < len; i += WORD_BYTES) {
		uint64_t word = word_lower(load64(text->bytes + i));

		memcpy(text->bytes + i, &word, sizeof(word));
	}
	return true;
}

/* Of the text from at on. A reader of the map cannot choose what is in it, so that a known hash only
 * finds him slots that others fill as well. */
static uint32_t text_hash(const struct text *text, uint32_t at)
{
	uint64_t hash = text->len - at;

	for (; at < text->len; at += WORD_BYTES) {
		unsigned __int128 product =
			(unsigned __int128)(hash ^ load64(text->bytes + at)) * 0x9e3779b97f4a7c15u;

		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return (uint32_t)hash;
}

/* The name that is the text from at on, or 0; *slot is where it is, or would go. */
static uint32_t name_find(const struct hz_host_map *map, const struct text *text, uint32_t at,
                          uint32_t *slot)
{
	uint32_t hash = text_hash(text, at);
	uint32_t i = hash & map->slot_mask;

	for (; map->slots[i].name != 0; i = (i + 1) & map->slot_mask) {
		const struct name *name = &map->names[map->slots[i].name];

		if (map->slots[i].hash == hash && name->len == text->len - at &&
		    memcmp(map->text + name->text, text->bytes + at, name->len) == 0)
			break;
	}
	*slot = i;
	return map->slots[i].name;
}

static uint32_t dots_count(const struct text *text)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < text->len; i++)
		count += text->bytes[i] == '.';
	return count;
}

/* The longest wildcard that the text is below; what it is itself does not count. */
static uint32_t wild_find(const struct hz_host_map *map, const struct text *text)
{
	uint32_t dot[HZ_LIMIT_host_labels_max], count = 0, slot;

	for (uint32_t i = text->len; i-- > 1 && count < map->wild_dots_max;) {
		if (text->bytes[i] == '.')
			dot[count++] = i;
	}
	for (; count > 0 && count >= map->wild_dots_min; count--) {
		uint32_t at = dot[count - 1];
		/* A label that is empty is none: nothing is below "..example.org". */
		uint32_t name = text->bytes[at - 1] == '.' ? 0 : name_find(map, text, at, &slot);

		if (name != 0)
			return name;
	}
	return 0;
}

struct hz_host_map *hz_host_map_open(uint32_t names, size_t bytes)
{
	struct hz_host_map *map = calloc(1, sizeof(*map));
	uint32_t slots = 8;

	while (slots < 2 * (uint64_t)names && slots < 1u << 31)
		slots *= 2;
	if (map == NULL)
		return NULL;
	map->slots = calloc(slots, sizeof(*map->slots));
	map->names = calloc(names + 1u, sizeof(*map->names));
	map->text = malloc(bytes + 1);
	map->slot_mask = slots - 1;
	if (map->slots == NULL || map->names == NULL || map->text == NULL) {
		hz_host_map_close(map);
		return NULL;
	}
	return map;
}

void hz_host_map_close(struct hz_host_map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map->names);
	free(map->text);
	free(map);
}

static void wild_note(struct hz_host_map *map, uint32_t dots)
{
	if (map->wild_dots_max == 0 || dots < map->wild_dots_min)
		map->wild_dots_min = dots;
	map->wild_dots_max = HZ_MAX(map->wild_dots_max, dots);
}

int hz_host_map_add(struct hz_host_map *map, struct hz_span name, uint32_t *host)
{
	bool is_wild = name.len > 1 && name.data[0] == '*';
	struct text text;
	uint32_t slot, found, dots;

	if (is_wild)
		name = (struct hz_span){ name.data + 1, name.len - 1 };
	if (!text_set(&text, name))
		return -EINVAL;
	dots = dots_count(&text);
	if (is_wild && dots > HZ_LIMIT_host_labels_max)
		return -EINVAL;
	found = name_find(map, &text, 0, &slot);
	if (found == 0) {
		found = ++map->count;
		map->names[found] = (struct name){ map->text_bytes, text.len, 0 };
		map->slots[slot] = (struct slot){ text_hash(&text, 0), found };
		memcpy(map->text + map->text_bytes, text.bytes, text.len);
		map->text_bytes += text.len;
		if (is_wild)
			wild_note(map, dots);
	}
	*host = found;
	return 0;
}

void hz_host_map_finish(struct hz_host_map *map)
{
	for (uint32_t i = 1; i <= map->count; i++) {
		struct name *name = &map->names[i];
		struct text text;

		if (text_set(&text, (struct hz_span){ map->text + name->text, name->len }))
			name->next = wild_find(map, &text);
	}
}

uint32_t hz_host_map_find(const struct hz_host_map *map, struct hz_span host)
{
	struct text text;
	uint32_t found, slot;

	/* A host that begins with a dot is no host, and must not be taken for a wildcard. */
	if (map->count == 0 || !text_set(&text, host) || text.bytes[0] == '.')
		return 0;
	found = name_find(map, &text, 0, &slot);
	return found != 0 ? found : wild_find(map, &text);
}

uint32_t hz_host_map_next(const struct hz_host_map *map, uint32_t host)
{
	return host == 0 ? 0 : map->names[host].next;
}

size_t hz_host_map_bytes(const struct hz_host_map *map)
{
	return sizeof(*map) + (map->slot_mask + 1u) * sizeof(*map->slots) +
	       (map->count + 1u) * sizeof(*map->names) + map->text_bytes;
}
