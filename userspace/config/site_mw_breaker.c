/* `breaker: { failures: 50%, window: 10s, requests: 20, late: 200ms, open: 5s, probes: 3 }` */
#include "config/site_mw.h"

#define TIME_MAX_NS    (3600 * HZ_NS_PER_S)
#define WINDOW_LEAST   (100 * HZ_NS_PER_MS)
#define REQUESTS_MAX   1000000u
#define PROBES_MAX     1000u
#define OPEN_DEFAULT   (5 * HZ_NS_PER_S)
#define WINDOW_DEFAULT (10 * HZ_NS_PER_S)

static void failures_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;
	uint64_t percent;

	if (hz_site_read_percent(r, key, 1, 100, &percent))
		conf->failures_percent = (uint32_t)percent;
}

static void requests_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;
	uint64_t count;

	if (hz_site_read_count(r, key, 1, REQUESTS_MAX, &count))
		conf->requests_least = (uint32_t)count;
}

static void probes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;
	uint64_t count;

	if (hz_site_read_count(r, key, 1, PROBES_MAX, &count))
		conf->probes = (uint32_t)count;
}

static void late_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;

	(void)hz_site_read_time(r, key, HZ_NS_PER_US, TIME_MAX_NS, &conf->late_ns);
}

static void window_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;

	(void)hz_site_read_time(r, key, WINDOW_LEAST, TIME_MAX_NS, &conf->window_ns);
}

static void open_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_breaker_conf *conf = into;

	(void)hz_site_read_time(r, key, HZ_NS_PER_MS, TIME_MAX_NS, &conf->open_ns);
}

static const struct hz_site_key breaker_keys[] = {
	{ "failures", failures_read, true },  { "window", window_read, false },
	{ "requests", requests_read, false }, { "late", late_read, false },
	{ "open", open_read, false },         { "probes", probes_read, false },
};

void hz_site_mw_breaker_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                             struct hz_mw_set *set)
{
	struct hz_mw_breaker_conf *conf;

	if (key->value->is_broken)
		return;
	conf = hz_site_read_get(r, sizeof(*conf));
	if (conf == NULL)
		return;
	*conf = (struct hz_mw_breaker_conf){
		.requests_least = 20,
		.probes = 3,
		.window_ns = WINDOW_DEFAULT,
		.open_ns = OPEN_DEFAULT,
	};
	if (hz_site_read_map(r, key->value, "'breaker'", breaker_keys, HZ_ARRAY_LEN(breaker_keys),
	                     conf))
		set->breaker = conf;
}
