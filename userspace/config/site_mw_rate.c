/* `rate: { per: client, limit: 2000/s, burst: 200 }` */
#include "config/site_mw.h"

#include "core/span_ops.h"

#define LIMIT_MOST_PER_HOUR (1000000ull * 3600)
#define BURST_MAX           1000000u
#define NAME_MAX            64u

static bool header_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                        struct hz_span name, struct hz_mw_rate_conf *conf)
{
	uint8_t *lower;

	if (!hz_span_is_token(name) || name.len > NAME_MAX) {
		hz_site_read_fail(r, key->value, "'%.*s' is no name of a field",
		                  HZ_SITE_WORD(name));
		return false;
	}
	lower = hz_site_read_get(r, name.len);
	if (lower == NULL)
		return false;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = hz_ascii_lower(name.data[i]);
	conf->per = HZ_RATE_HEADER;
	conf->header = (struct hz_span){ lower, name.len };
	return true;
}

static void per_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_span header = HZ_SPAN_LITERAL("header ");
	struct hz_mw_rate_conf *conf = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, header.len + NAME_MAX, &text))
		return;
	if (hz_span_equals(text, HZ_SPAN_LITERAL("client")))
		conf->per = HZ_RATE_CLIENT;
	else if (hz_span_equals(text, HZ_SPAN_LITERAL("route")))
		conf->per = HZ_RATE_ROUTE;
	else if (hz_span_starts_with(text, header))
		(void)header_read(r, key, hz_span_skip(text, header.len), conf);
	else
		hz_site_read_fail(r, key->value,
		                  "'per' is one of client, route, header NAME, not '%.*s'",
		                  HZ_SITE_WORD(text));
}

static void limit_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_rate_conf *conf = into;

	(void)hz_site_read_rate(r, key, LIMIT_MOST_PER_HOUR, &conf->per_hour);
}

static void burst_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_rate_conf *conf = into;
	uint64_t burst;

	if (hz_site_read_count(r, key, 1, BURST_MAX, &burst))
		conf->burst = (uint32_t)burst;
}

static void announce_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_rate_conf *conf = into;

	(void)hz_site_read_bool(r, key, &conf->is_announced);
}

static const struct hz_site_key rate_keys[] = {
	{ "per", per_read, true },
	{ "limit", limit_read, true },
	{ "burst", burst_read, false },
	{ "announce", announce_read, false },
};

void hz_site_mw_rate_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          struct hz_mw_set *set)
{
	const struct hz_span scope = hz_span_text(r->scope != NULL ? r->scope : "defaults");
	struct hz_mw_rate_conf *conf;

	if (key->value->is_broken)
		return;
	conf = hz_site_read_get(r, sizeof(*conf));
	if (conf == NULL ||
	    !hz_site_read_map(r, key->value, "'rate'", rate_keys, HZ_ARRAY_LEN(rate_keys), conf))
		return;
	if (conf->burst == 0) /* what comes in a second */
		conf->burst = (uint32_t)HZ_MAX(conf->per_hour / 3600, 1ull);
	if (hz_site_read_copy(r, scope, &conf->scope))
		set->rate = conf;
}
