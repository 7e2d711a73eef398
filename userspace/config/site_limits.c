/* Section `limits`. */
#include "config/site_read.h"

_Static_assert(HZ_LIMIT_header_bytes_max <= HZ_LIMIT_hold_bytes_max,
               "a connection keeps a whole head unread");

void hz_site_limits_default(struct hz_site *site)
{
	site->limits.header_bytes = HZ_LIMIT_header_bytes_max;
	site->limits.header_count = HZ_LIMIT_header_count_max;
	site->limits.uri_bytes = HZ_LIMIT_uri_bytes_max;
	site->limits.body_bytes = HZ_LIMIT_body_bytes_max;
	site->limits.requests_per_connection = HZ_LIMIT_requests_per_connection_max;
	site->limits.connections_per_source = HZ_LIMIT_connections_per_source_max;
	site->limits.connection_lifetime_ns = HZ_LIMIT_connection_lifetime_s_max * HZ_NS_PER_S;
}

static void size32_read(struct hz_site_reader *r, const struct hz_yaml_node *key, uint32_t least,
                        uint32_t most, uint32_t *out)
{
	uint64_t value;

	if (hz_site_read_size(r, key, least, most, &value))
		*out = (uint32_t)value;
}

static void count32_read(struct hz_site_reader *r, const struct hz_yaml_node *key, uint32_t least,
                         uint32_t most, uint32_t *out)
{
	uint64_t value;

	if (hz_site_read_count(r, key, least, most, &value))
		*out = (uint32_t)value;
}

static void header_bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	size32_read(r, key, 256, HZ_LIMIT_header_bytes_max, &site->limits.header_bytes);
}

static void header_count_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	count32_read(r, key, 1, HZ_LIMIT_header_count_max, &site->limits.header_count);
}

static void uri_bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	size32_read(r, key, 16, HZ_LIMIT_uri_bytes_max, &site->limits.uri_bytes);
}

static void body_bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	hz_site_read_size(r, key, 0, HZ_SITE_BODY_BYTES_MAX, &site->limits.body_bytes);
}

static void requests_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	count32_read(r, key, 0, UINT32_MAX, &site->limits.requests_per_connection);
}

static void connections_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	count32_read(r, key, 0, UINT32_MAX, &site->limits.connections_per_source);
}

static void lifetime_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site *site = into;

	hz_site_read_time(r, key, HZ_NS_PER_S, 365 * 86400 * HZ_NS_PER_S,
	                  &site->limits.connection_lifetime_ns);
}

static const struct hz_site_key limits_keys[] = {
	{ "header_bytes", header_bytes_read, false },
	{ "header_count", header_count_read, false },
	{ "uri_bytes", uri_bytes_read, false },
	{ "body_bytes", body_bytes_read, false },
	{ "requests_per_connection", requests_read, false },
	{ "connections_per_source", connections_read, false },
	{ "connection_lifetime", lifetime_read, false },
};

void hz_site_limits_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	(void)into;
	hz_site_read_map(r, key->value, "'limits'", limits_keys, HZ_ARRAY_LEN(limits_keys),
	                 r->site);
}
