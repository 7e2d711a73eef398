/* `redirect` of a route, and `delay`. */
#include "config/site_route.h"

#include <stdio.h>
#include <string.h>

#define TO_BYTES_MAX 2048u
#define HOLES_MAX    16u /* as handlers/redirect.h */
#define DELAY_MAX_NS (600 * HZ_NS_PER_S)

static void status_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	uint64_t status;

	if (!hz_site_read_count(r, key, 301, 308, &status))
		return;
	if (status > 303 && status < 307)
		hz_site_read_fail(r, key->value, "'status' must be 301, 302, 303, 307 or 308");
	else
		rr->route->status = (uint16_t)status;
}

/* Where the path begins; 0 with *is_bad: nowhere. */
static size_t path_at(struct hz_span to, bool *is_bad)
{
	static const char *const schemes[] = { "http://", "https://" };

	*is_bad = false;
	if (to.data[0] == '/')
		return 0;
	for (size_t i = 0; i < HZ_ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i]);
		const uint8_t *slash = NULL;

		if (to.len > len && memcmp(to.data, schemes[i], len) == 0)
			slash = memchr(to.data + len, '/', to.len - len);
		if (slash != NULL && slash > to.data + len)
			return (size_t)(slash - to.data);
	}
	*is_bad = true;
	return 0;
}

/* The rule is that of handlers/redirect.h: scheme and host are the site's own. */
static bool place_check(struct hz_site_reader *r, const struct hz_yaml_node *value)
{
	const struct hz_span to = value->text;
	const uint8_t *hole = memchr(to.data, '{', to.len);
	const char *why = NULL;
	bool is_bad;
	size_t path = path_at(to, &is_bad);

	if (is_bad)
		why = "it begins with '/', or with http:// or https://, a host and '/'";
	else if (path == 0 && to.len > 1 && to.data[1] == '/')
		why = "'//' would name another host";
	else if (hole != NULL && hole < to.data + path)
		why = "the host cannot depend on the request";
	for (size_t i = 0; why == NULL && i < to.len; i++) {
		if (to.data[i] <= 0x20 || to.data[i] >= 0x7f ||
		    memchr("\"<>\\^`|#", to.data[i], 8) != NULL)
			why = "a byte that is not of a URI, or a fragment";
	}
	if (why != NULL)
		hz_site_read_fail(r, value, "'%.*s' is no place to go to: %s", HZ_SITE_WORD(to),
		                  why);
	return why == NULL;
}

static void holes_check(struct hz_site_reader *r, struct hz_site_route_read *rr,
                        const struct hz_yaml_node *value)
{
	const struct hz_span to = value->text;
	uint32_t count = 0;

	for (size_t i = 0; i < to.len; i++) {
		const uint8_t *end = NULL;
		struct hz_span name;

		if (to.data[i] != '{' && to.data[i] != '}')
			continue;
		if (to.data[i] == '{')
			end = memchr(to.data + i, '}', to.len - i);
		if (end == NULL) {
			hz_site_read_fail_part(r, value, i, 1,
			                       "a '%c' alone: write {name} for a parameter",
			                       to.data[i]);
			return;
		}
		if (++count > HOLES_MAX) {
			hz_site_read_fail_part(r, value, i, 1, "more than %u parameters",
			                       HOLES_MAX);
			return;
		}
		name = (struct hz_span){ to.data + i + 1, (size_t)(end - to.data) - i - 1 };
		hz_site_param_check(r, rr, value, i + 1, name);
		i += name.len + 1;
	}
}

static void to_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, TO_BYTES_MAX, &text) || !place_check(r, key->value))
		return;
	holes_check(r, rr, key->value);
	hz_site_read_copy(r, text, &rr->route->redirect_to);
}

static const struct hz_site_key redirect_keys[] = {
	{ "to", to_read, true },
	{ "status", status_read, false },
};

void hz_site_redirect_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                           void *route_read)
{
	struct hz_site_route_read *rr = route_read;
	char where[80];

	rr->route->handler = HZ_HANDLER_REDIRECT;
	rr->route->status = 308;
	snprintf(where, sizeof(where), "'redirect' of %s", rr->where);
	hz_site_read_map(r, key->value, where, redirect_keys, HZ_ARRAY_LEN(redirect_keys), rr);
}

void hz_site_delay_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	struct hz_site_route_read *rr = route_read;

	hz_site_read_time(r, key, HZ_NS_PER_MS, DELAY_MAX_NS, &rr->route->delay_ns);
}
