/* `timeout: 50ms` */
#include "config/site_mw.h"

#define TIMEOUT_MAX_NS (600 * HZ_NS_PER_S)

void hz_site_mw_timeout_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                             struct hz_mw_set *set)
{
	struct hz_mw_timeout_conf *conf = hz_site_read_get(r, sizeof(*conf));

	if (conf != NULL && hz_site_read_time(r, key, HZ_NS_PER_MS, TIMEOUT_MAX_NS, &conf->ns))
		set->timeout = conf;
}
