/* `paths`, of the site and of a route: how the spelling of a request's path is read. */
#include "config/site_route.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 3u

/* The place of key's word in words; false and an error when it is none of them. */
static bool choice_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                        const char *const words[WORDS_MAX], uint32_t *out)
{
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error;
	struct hz_span text;
	char known[64] = "";

	if (!hz_site_read_word(r, key, 1, 64, &text))
		return false;
	for (uint32_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
		size_t used = strlen(known);

		if (strlen(words[i]) == text.len && memcmp(words[i], text.data, text.len) == 0) {
			*out = i;
			return true;
		}
		snprintf(known + used, sizeof(known) - used, "%s%s", used == 0 ? "" : ", ",
		         words[i]);
		hz_nearest_offer(&nearest, text,
		                 (struct hz_span){ (const uint8_t *)words[i], strlen(words[i]) });
	}
	error = hz_site_read_fail(r, key->value, "'%.*s' is one of %s, not '%.*s'",
	                          HZ_SITE_WORD(key->text), known, HZ_SITE_WORD(text));
	hz_site_errors_hint(error, &nearest);
	return false;
}

/* In the order of the enums in site.h. */
static void dots_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const words[WORDS_MAX] = { "resolve", "refuse" };
	struct hz_site_paths *paths = into;
	uint32_t choice;

	if (choice_read(r, key, words, &choice))
		paths->dot_segments = choice;
}

static void duplicate_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const words[WORDS_MAX] = { "keep", "merge" };
	struct hz_site_paths *paths = into;
	uint32_t choice;

	if (choice_read(r, key, words, &choice))
		paths->duplicate_slashes = choice;
}

static void encoded_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const words[WORDS_MAX] = { "param", "any", "refuse" };
	struct hz_site_paths *paths = into;
	uint32_t choice;

	if (choice_read(r, key, words, &choice))
		paths->encoded_slash = choice;
}

static void trailing_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const words[WORDS_MAX] = { "strict", "redirect", "same" };
	struct hz_site_paths *paths = into;
	uint32_t choice;

	if (choice_read(r, key, words, &choice))
		paths->trailing_slash = choice;
}

static const struct hz_site_key paths_keys[] = {
	{ "dot_segments", dots_read, false },
	{ "duplicate_slashes", duplicate_read, false },
	{ "encoded_slash", encoded_read, false },
	{ "trailing_slash", trailing_read, false },
};

void hz_site_paths_section(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	(void)into;
	hz_site_read_map(r, key->value, "'paths'", paths_keys, HZ_ARRAY_LEN(paths_keys),
	                 &r->site->paths);
}

void hz_site_paths_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	snprintf(where, sizeof(where), "'paths' of %s", rr->where);
	hz_site_read_map(r, key->value, where, paths_keys, HZ_ARRAY_LEN(paths_keys),
	                 &rr->route->paths);
}
