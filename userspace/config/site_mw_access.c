/* `access: { deny: [203.0.113.0/24], allow: [203.0.113.7] }` */
#include "config/site_mw.h"

#include "core/endpoint.h"
#include "core/span_ops.h"
#include <stdlib.h>

/* A prefix and where it stands. */
struct place {
	struct hz_mw_prefix prefix;
	const struct hz_yaml_node *at;
};

struct access_read {
	struct place *place; /* owned by the site */
	uint32_t count;
	bool has_deny;
};

static void list_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                      struct access_read *access, bool is_allowed)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_LIMIT_access_prefixes_max);

	if (list == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		struct place place = { .prefix = { .is_allowed = is_allowed }, .at = item };

		if (hz_site_read_prefix(r, item, &place.prefix))
			access->place[access->count++] = place;
	}
}

static void allow_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	list_read(r, key, into, true);
}

static void deny_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct access_read *access = into;

	access->has_deny = true;
	list_read(r, key, access, false);
}

static const struct hz_site_key access_keys[] = {
	{ "allow", allow_read, false },
	{ "deny", deny_read, false },
};

/* The later in the file last. */
static int place_compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->prefix.addr.byte, y->prefix.addr.byte, sizeof(x->prefix.addr.byte));

	if (order == 0)
		order = (int)x->prefix.bits - (int)y->prefix.bits;
	if (order == 0)
		order = (x->at->line > y->at->line) - (x->at->line < y->at->line);
	if (order == 0)
		order = (x->at->column > y->at->column) - (x->at->column < y->at->column);
	return order;
}

static bool twice_check(struct hz_site_reader *r, struct access_read *access)
{
	bool is_good = true;

	qsort(access->place, access->count, sizeof(access->place[0]), place_compare);
	for (uint32_t i = 1; i < access->count; i++) {
		const struct place *before = &access->place[i - 1], *at = &access->place[i];

		if (before->prefix.bits != at->prefix.bits ||
		    memcmp(before->prefix.addr.byte, at->prefix.addr.byte, 16) != 0)
			continue;
		hz_site_read_fail(r, at->at, "'%.*s' again, first at line %u",
		                  HZ_SITE_WORD(at->at->text), before->at->line);
		is_good = false;
	}
	return is_good;
}

static void access_keep(struct hz_site_reader *r, const struct access_read *access,
                        struct hz_mw_set *set)
{
	struct hz_mw_access_conf *conf = hz_site_read_get(r, sizeof(*conf));
	struct hz_mw_prefix *prefix = hz_site_read_get(r, (access->count + 1u) * sizeof(*prefix));

	if (conf == NULL || prefix == NULL)
		return;
	for (uint32_t i = 0; i < access->count; i++)
		prefix[i] = access->place[i].prefix;
	*conf = (struct hz_mw_access_conf){
		.count = access->count,
		.prefix = prefix,
		.allows_rest = access->has_deny,
	};
	set->access = conf;
}

/* How many prefixes the mapping can bring. */
static uint32_t items_count(const struct hz_yaml_node *map)
{
	uint32_t count = 0;

	if (map->kind != HZ_YAML_MAP)
		return 0;
	for (const struct hz_yaml_node *key = map->first; key != NULL; key = key->next) {
		if (key->value->kind == HZ_YAML_LIST)
			count += key->value->count;
	}
	return count;
}

void hz_site_mw_access_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                            struct hz_mw_set *set)
{
	struct access_read access = { 0 };

	if (key->value->is_broken)
		return;
	access.place = hz_site_read_get(r, (items_count(key->value) + 1u) * sizeof(*access.place));
	if (access.place == NULL || !hz_site_read_map(r, key->value, "'access'", access_keys,
	                                              HZ_ARRAY_LEN(access_keys), &access))
		return;
	if (access.count == 0)
		hz_site_read_fail(r, key, "'access' needs a prefix in 'allow' or 'deny'");
	else if (twice_check(r, &access))
		access_keep(r, &access, set);
}
