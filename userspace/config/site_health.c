/* Section `health`. */
#include "config/site_read.h"

#include "core/span_ops.h"
#include <string.h>

#define HEALTH_PATH_MAX (sizeof(((struct hz_site_health *)0)->path) - 1)

static void health_port_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_health *health = into;
	uint64_t port;

	if (hz_site_read_count(r, key, 1, 65535, &port))
		health->port = (uint16_t)port;
}

static void health_path_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_health *health = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, HEALTH_PATH_MAX, &text))
		return;
	if (text.data[0] != '/' || memchr(text.data, ' ', text.len) != NULL ||
	    memchr(text.data, '?', text.len) != NULL || memchr(text.data, '#', text.len) != NULL) {
		hz_site_read_fail(
			r, key->value,
			"'path' must begin with '/' and hold no space, '?' or '#', not '%.*s'",
			HZ_SITE_WORD(text));
		return;
	}
	memset(health->path, 0, sizeof(health->path));
	memcpy(health->path, text.data, text.len);
	health->path_bytes = (uint8_t)text.len;
}

static void health_body_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_health *health = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 0, HZ_HEALTH_BODY_MAX, &text))
		return;
	memset(health->body, 0, sizeof(health->body));
	if (text.len > 0)
		memcpy(health->body, text.data, text.len);
	health->body_bytes = (uint8_t)text.len;
}

static void health_protocol_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                                 void *into)
{
	struct hz_site_health *health = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, 16, &text))
		return;
	health->is_udp = hz_span_equals(text, HZ_SPAN_LITERAL("udp"));
	if (!health->is_udp && !hz_span_equals(text, HZ_SPAN_LITERAL("tcp")))
		hz_site_read_fail(r, key->value, "'protocol' is tcp or udp, not '%.*s'",
		                  HZ_SITE_WORD(text));
}

static void health_from_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_SITE_PROBERS_MAX);
	struct hz_site_health *health = into;
	struct hz_mw_prefix *from;

	if (list == NULL)
		return;
	if (list->first == NULL) {
		hz_site_read_fail(r, list, "'from' names nobody");
		return;
	}
	from = hz_site_read_get(r, sizeof(*from) * HZ_SITE_PROBERS_MAX);
	if (from == NULL)
		return;
	health->from = from;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		if (!hz_site_read_prefix(r, item, &from[health->from_count]))
			continue;
		if (from[health->from_count].bits == 0)
			hz_site_read_fail(r, item, "'%.*s' would leave the port to nobody else",
			                  HZ_SITE_WORD(item->text));
		else
			health->from_count++;
	}
}

static const struct hz_site_key health_keys[] = {
	{ "port", health_port_read, true },          { "path", health_path_read, false },
	{ "body", health_body_read, false },         { "from", health_from_read, false },
	{ "protocol", health_protocol_read, false },
};

static const struct hz_site_listen *listen_on(const struct hz_site *site, uint16_t port)
{
	for (uint32_t i = 0; i < site->listen_count; i++)
		if (site->listen[i].endpoint.port == port)
			return &site->listen[i];
	return NULL;
}

/* One of the same port and protocol that leaves no room for another one. */
static const struct hz_site_health *health_on(const struct hz_site *site,
                                              const struct hz_site_health *health)
{
	for (uint32_t i = 0; i < site->health_count; i++) {
		const struct hz_site_health *other = &site->health[i];

		if (other->port == health->port && other->is_udp == health->is_udp &&
		    (other->from_count == 0 || health->from_count == 0))
			return other;
	}
	return NULL;
}

/* Two entries that answer the same source at one port in two ways. */
static bool is_from_twice(const struct hz_site *site, const struct hz_site_health *health,
                          const struct hz_site_health **out)
{
	for (uint32_t i = 0; i < site->health_count; i++) {
		const struct hz_site_health *other = &site->health[i];

		for (uint32_t a = 0; a < other->from_count && other->port == health->port; a++)
			for (uint32_t b = 0; b < health->from_count; b++)
				if (memcmp(&other->from[a], &health->from[b],
				           sizeof(other->from[a])) == 0) {
					*out = other;
					return true;
				}
	}
	return false;
}

static void health_check(struct hz_site_reader *r, const struct hz_yaml_node *at,
                         const struct hz_site_health *health)
{
	const struct hz_site_listen *listen = listen_on(r->site, health->port);
	const struct hz_site_health *other = health_on(r->site, health);

	if (health->is_udp && health->from != NULL)
		hz_site_read_fail(r, at, "a site's port has no UDP: 'from' is for tcp");
	else if (health->from != NULL && listen == NULL)
		hz_site_read_fail(r, at, "port %u is not listened on: 'from' is for a site's port",
		                  health->port);
	else if (health->from == NULL && listen != NULL && !health->is_udp)
		hz_site_read_fail(r, at,
		                  "port %u is listened on, at line %u: a health answer "
		                  "needs a port of its own, or 'from'",
		                  health->port, listen->line);
	else if (other != NULL || is_from_twice(r->site, health, &other))
		hz_site_read_fail(r, at, "port %u has a health answer already, at line %u",
		                  health->port, other->line);
}

void hz_site_health_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_SITE_HEALTH_MAX);

	(void)into;
	for (const struct hz_yaml_node *item = list != NULL ? list->first : NULL; item != NULL;
	     item = item->next) {
		struct hz_site_health health = {
			.path = "/healthz",
			.path_bytes = sizeof("/healthz") - 1,
			.body = "ok",
			.body_bytes = sizeof("ok") - 1,
			.line = item->line,
		};

		if (!hz_site_read_map(r, item, "an entry of 'health'", health_keys,
		                      HZ_ARRAY_LEN(health_keys), &health))
			continue;
		health_check(r, hz_yaml_doc_key(item, "port")->value, &health);
		r->site->health[r->site->health_count++] = health;
	}
}
