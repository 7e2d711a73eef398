/* `trace: on`, `trace: { accept: false }` */
#include "config/site_mw.h"

static void accept_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_trace_conf *conf = into;

	(void)hz_site_read_bool(r, key, &conf->accepts);
}

static const struct hz_site_key trace_keys[] = {
	{ "accept", accept_read, false },
};

static bool is_on(const struct hz_yaml_node *value)
{
	return value->kind == HZ_YAML_SCALAR && value->is_plain && value->text.len == 2 &&
	       value->text.data[0] == 'o' && value->text.data[1] == 'n';
}

void hz_site_mw_trace_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                           struct hz_mw_set *set)
{
	struct hz_mw_trace_conf *conf = hz_site_read_get(r, sizeof(*conf));

	if (conf == NULL || key->value->is_broken)
		return;
	conf->accepts = true;
	if (key->value->kind == HZ_YAML_SCALAR && !is_on(key->value)) {
		hz_site_read_fail(r, key->value,
		                  "'trace' must be on, off, or a mapping, as "
		                  "{ accept: false }");
		return;
	}
	if (is_on(key->value) ||
	    hz_site_read_map(r, key->value, "'trace'", trace_keys, HZ_ARRAY_LEN(trace_keys), conf))
		set->trace = conf;
}
