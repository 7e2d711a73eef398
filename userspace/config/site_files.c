/* `files` of a route: a directory, or a mapping with `root` and what else there is to say. */
#include "config/site_route.h"

#include <stdio.h>
#include <string.h>

#define ROOT_BYTES_MAX      1024u
#define NAME_BYTES_MAX      255u
#define EXTENSION_BYTES_MAX 32u
#define CACHE_DEFAULT       (64ull << 20)
#define CACHE_MAX           (64ull << 30)

static void root_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_files *files = into;
	struct hz_span text;

	files->at = hz_site_read_place(key->value);
	if (hz_site_read_word(r, key, 1, ROOT_BYTES_MAX, &text))
		hz_site_read_copy(r, text, &files->root);
}

/* A name, not a path: it is looked for in every directory. */
static bool index_name_read(struct hz_site_reader *r, const struct hz_yaml_node *item,
                            struct hz_span *out)
{
	const struct hz_span text = item->text;

	if (item->kind != HZ_YAML_SCALAR || text.len == 0 || text.len > NAME_BYTES_MAX ||
	    text.data[0] == '.' || memchr(text.data, '/', text.len) != NULL) {
		hz_site_read_fail(r, item,
		                  "an entry of 'index' must be the name of a file, for "
		                  "example index.html");
		return false;
	}
	return hz_site_read_copy(r, text, out);
}

static void index_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_LIMIT_files_index_names_max);
	struct hz_site_files *files = into;
	struct hz_span *names;
	uint32_t count = 0;

	if (list == NULL)
		return;
	names = hz_site_read_get(r, (list->count + 1u) * sizeof(*names));
	if (names == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next)
		count += index_name_read(r, item, &names[count]);
	files->index = names;
	files->index_count = count;
}

static void cache_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_files *files = into;

	hz_site_read_size(r, key, 0, CACHE_MAX, &files->cache_bytes);
}

static void precompressed_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_files *files = into;

	hz_site_read_bool(r, key, &files->is_coded);
}

static bool is_extension(struct hz_span text)
{
	if (text.len == 0 || text.len > EXTENSION_BYTES_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || text.data[i] == '.' ||
		    text.data[i] == '/')
			return false;
	}
	return true;
}

static void types_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_files *files = into;
	const struct hz_yaml_node *map = key->value;
	struct hz_site_file_type *types;
	uint32_t count = 0;

	if (map->kind != HZ_YAML_MAP || map->count > HZ_LIMIT_files_types_max) {
		hz_site_read_fail(r, map,
		                  "'types' must be a mapping of at most %d extensions to "
		                  "content types, for example { log: text/plain }",
		                  HZ_LIMIT_files_types_max);
		return;
	}
	types = hz_site_read_get(r, (map->count + 1u) * sizeof(*types));
	if (types == NULL)
		return;
	for (const struct hz_yaml_node *name = map->first; name != NULL; name = name->next) {
		struct hz_site_file_type *type = &types[count];

		if (name->is_broken)
			continue;
		if (!is_extension(name->text))
			hz_site_read_fail(r, name, "'%.*s' is no extension: write it without dots",
			                  HZ_SITE_WORD(name->text));
		else if (hz_site_content_type_read(r, name, &type->type) &&
		         hz_site_read_copy(r, name->text, &type->extension))
			count++;
	}
	files->type = types;
	files->type_count = count;
}

static const struct hz_site_key files_keys[] = {
	{ "root", root_read, true },
	{ "index", index_read, false },
	{ "cache", cache_read, false },
	{ "types", types_read, false },
	{ "precompressed", precompressed_read, false },
};

static struct hz_site_files *files_default(struct hz_site_reader *r)
{
	struct hz_site_files *files = hz_site_read_get(r, sizeof(*files));
	struct hz_span *index = hz_site_read_get(r, sizeof(*index));

	if (files == NULL || index == NULL)
		return NULL;
	*index = HZ_SPAN_LITERAL("index.html");
	*files = (struct hz_site_files){
		.index_count = 1, .index = index, .cache_bytes = CACHE_DEFAULT, .is_coded = true
	};
	return files;
}

void hz_site_files_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	struct hz_site_files *files = files_default(r);
	char where[80];

	if (files == NULL)
		return;
	if (++r->files_count > HZ_LIMIT_files_routes_max)
		hz_site_read_fail(r, key, "more than %d routes have 'files'",
		                  HZ_LIMIT_files_routes_max);
	rr->route->handler = HZ_HANDLER_FILES;
	rr->route->files = files;
	if (key->value->kind == HZ_YAML_SCALAR) {
		root_read(r, key, files);
		return;
	}
	snprintf(where, sizeof(where), "'files' of %s", rr->where);
	hz_site_read_map(r, key->value, where, files_keys, HZ_ARRAY_LEN(files_keys), files);
}

/* Beside `files: DIR`; what it belongs to may stand after it. */
void hz_site_cache_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;

	(void)r;
	rr->cache = key;
}

static bool ends_with_wildcard(struct hz_span pattern)
{
	const uint8_t *slash = pattern.len == 0 ? NULL : memrchr(pattern.data, '/', pattern.len);

	return slash != NULL && slash + 1 < pattern.data + pattern.len && slash[1] == '*';
}

static void cache_finish(struct hz_site_reader *r, struct hz_site_route_read *rr)
{
	struct hz_site_files *files = (struct hz_site_files *)(uintptr_t)rr->route->files;

	if (rr->handler == NULL)
		return; /* the error is that there is none */
	if (files == NULL)
		hz_site_read_fail(r, rr->cache, "'cache' belongs to 'files'");
	else if (rr->handler->value->kind != HZ_YAML_SCALAR)
		hz_site_read_fail(r, rr->cache,
		                  "'cache' stands inside 'files' when that is a "
		                  "mapping");
	else
		cache_read(r, rr->cache, files);
}

void hz_site_files_finish(struct hz_site_reader *r, const struct hz_yaml_node *item,
                          struct hz_site_route_read *rr)
{
	const uint32_t get_and_head = 3; /* the first two of http/tokens.def */
	const struct hz_yaml_node *match;

	if (rr->cache != NULL)
		cache_finish(r, rr);
	if (rr->route->files == NULL || rr->is_match_bad)
		return;
	match = hz_yaml_doc_key(item, "match");
	if (!ends_with_wildcard(rr->route->pattern))
		hz_site_read_fail(r, match->value,
		                  "'files' needs a pattern that ends with the path of a file, for "
		                  "example /static/*path");
	else if ((rr->route->methods & ~get_and_head) != 0)
		hz_site_read_fail(r, match->value, "'files' answers GET and HEAD only");
}
