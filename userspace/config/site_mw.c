/* Section `defaults`, and what routes make of it. */
#include "config/site_mw.h"

static bool is_off(const struct hz_yaml_node *key)
{
	const struct hz_yaml_node *value = key->value;

	return value->kind == HZ_YAML_SCALAR && value->is_plain && value->text.len == 3 &&
	       value->text.data[0] == 'o' && value->text.data[1] == 'f' &&
	       value->text.data[2] == 'f';
}

#define HZ_MW(name, help)                                                                          \
	void hz_site_mw_##name##_key(struct hz_site_reader *r, const struct hz_yaml_node *key,     \
	                             struct hz_mw_set *set)                                        \
	{                                                                                          \
		if (is_off(key))                                                                   \
			set->off |= 1u << HZ_MW_##name;                                            \
		else                                                                               \
			hz_site_mw_##name##_read(r, key, set);                                     \
	}                                                                                          \
	static void name##_default(struct hz_site_reader *r, const struct hz_yaml_node *key,       \
	                           void *into)                                                     \
	{                                                                                          \
		hz_site_mw_##name##_key(r, key, into);                                             \
	}
#include "core/mw.def"
#undef HZ_MW

static const struct hz_site_key default_keys[] = {
#define HZ_MW(name, help) { #name, name##_default, false },
#include "core/mw.def"
#undef HZ_MW
};

void hz_site_defaults_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	(void)into;
	hz_site_read_map(r, key->value, "'defaults'", default_keys, HZ_ARRAY_LEN(default_keys),
	                 &r->site->defaults);
}

void hz_site_mw_inherit(struct hz_mw_set *set, const struct hz_mw_set *defaults)
{
#define HZ_MW(name, help)                                                                          \
	if (set->name == NULL && !(set->off & 1u << HZ_MW_##name))                                 \
		set->name = defaults->name;
#include "core/mw.def"
#undef HZ_MW
}
