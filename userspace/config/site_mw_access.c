/* `access: { deny: [203.0.113.0/24], allow: [203.0.113.7] }` */
#include "config/site_mw.h"

#include "core/endpoint.h"
#include "core/span_ops.h"
#include <stdlib.h>

#define PREFIX_TEXT_MAX 49u /* an IPv6 address as long as can be, and /128 */

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

/* No bit is set beyond the prefix: who writes 10.0.0.1/8 means something else. */
static bool is_whole(const struct hz_addr *addr, uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++) {
		if ((addr->byte[i / 8] & (0x80u >> i % 8)) != 0)
			return false;
	}
	return true;
}

static bool prefix_parse(struct hz_span text, struct hz_mw_prefix *out)
{
	size_t slash = hz_span_find(text, '/');
	char addr[PREFIX_TEXT_MAX + 1];
	uint64_t bits, most;

	if (text.len > PREFIX_TEXT_MAX)
		return false;
	memcpy(addr, text.data, slash);
	addr[slash] = 0;
	if (hz_addr_parse(addr, &out->addr) != 0)
		return false;
	most = hz_addr_is_v4(&out->addr) ? 32 : 128;
	bits = most;
	if (slash < text.len && hz_span_u64(hz_span_skip(text, slash + 1), &bits) != 0)
		return false;
	if (bits > most || !is_whole(&out->addr, (uint32_t)bits + (most == 32 ? 96 : 0)))
		return false;
	out->bits = (uint8_t)bits;
	return true;
}

static void list_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                      struct access_read *access, bool is_allowed)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_LIMIT_access_prefixes_max);

	if (list == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		struct place place = { .prefix = { .is_allowed = is_allowed }, .at = item };

		if (item->is_broken)
			continue;
		if (item->kind == HZ_YAML_SCALAR && item->text.len > 0 &&
		    prefix_parse(item->text, &place.prefix))
			access->place[access->count++] = place;
		else
			hz_site_read_fail(r, item,
			                  "'%.*s' is no prefix, as 10.0.0.0/8 or 2001:db8::/32, "
			                  "with no bit set beyond it",
			                  HZ_SITE_WORD(item->text));
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
