#include "config/route_name.h"
#include <string.h>

#define HASH_CHARS 6u /* of 5 bits, base32 of RFC 4648 section 6 in lower case */
#define TAIL_BYTES 9u /* paths of one site begin alike */
#define NAME_BYTES (HZ_SITE_NAME_MAX - 1u)

/* Match and host as one text, which nobody builds: up to 8 KiB of which 31 bytes count. */
struct text {
	struct hz_span part[3]; /* "GET ", the host, "/path" */
	size_t len;
};

static uint8_t byte_at(const struct text *text, size_t at)
{
	size_t i = 0;

	while (at >= text->part[i].len)
		at -= text->part[i++].len;
	return text->part[i].data[at];
}

/* '?' is in no match: a path ends before it. */
static char safe_at(const struct text *text, size_t at)
{
	uint8_t c = byte_at(text, at);

	return c < ' ' || c >= 0x7f || c == '"' || c == '\\' ? '?' : (char)c;
}

static bool is_safe(const struct text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		if (safe_at(text, i) != (char)byte_at(text, i))
			return false;
	}
	return true;
}

/* FNV-1a, folded: routes of one site are to differ, nobody attacks them. Two that do not are refused by name. */
static uint32_t hash_of(const struct text *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < text->len; i++)
		hash = (hash ^ byte_at(text, i)) * 0x100000001b3ull;
	return (uint32_t)(hash ^ hash >> 32);
}

static size_t hash_put(uint32_t hash, char *out)
{
	out[0] = '~';
	for (unsigned i = 1; i <= HASH_CHARS; i++, hash >>= 5)
		out[i] = "abcdefghijklmnopqrstuvwxyz234567"[hash & 31];
	return HASH_CHARS + 1;
}

static struct text text_of(struct hz_span match, struct hz_span host)
{
	struct text text = { .part = { match } };
	size_t path = 0;

	while (host.len > 0 && path < match.len && match.data[path] != '/')
		path++;
	if (host.len > 0) {
		text.part[0].len = path;
		text.part[1] = host;
		text.part[2] = (struct hz_span){ match.data + path, match.len - path };
	}
	text.len = match.len + host.len;
	return text;
}

void hz_route_name_make(struct hz_span match, struct hz_span host, char out[HZ_SITE_NAME_MAX])
{
	const struct text text = text_of(match, host);
	const bool is_whole = text.len <= NAME_BYTES && is_safe(&text);
	size_t tail = 0, head = text.len, at;

	if (!is_whole && text.len > NAME_BYTES - HASH_CHARS - 1) {
		tail = TAIL_BYTES;
		head = NAME_BYTES - TAIL_BYTES - HASH_CHARS - 2;
	}
	memset(out, 0, HZ_SITE_NAME_MAX);
	for (at = 0; at < head; at++)
		out[at] = safe_at(&text, at);
	if (is_whole)
		return;
	at += hash_put(hash_of(&text), out + at);
	if (tail > 0)
		out[at++] = '~';
	for (size_t i = text.len - tail; i < text.len; i++)
		out[at++] = safe_at(&text, i);
}
