/* Any bytes as a site: it is read, or refused with places. What is read, the router can build: the two
 * grammars of patterns agree, and a route's own pattern with its parameters filled in leads to it. */
#include "config/site.h"
#include "fuzz_target.h"
#include "router/host_map.h"
#include "router/route_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void errors_check(const struct hz_site_errors *errors, struct hz_span text)
{
	char *printed = NULL;
	size_t bytes;
	FILE *to = open_memstream(&printed, &bytes);

	FUZZ_HOLDS(errors->count > 0 && errors->count <= HZ_SITE_ERRORS_MAX);
	for (uint32_t i = 0; i < errors->count; i++)
		FUZZ_HOLDS(errors->error[i].line > 0 && errors->error[i].column > 0 &&
		           errors->error[i].width > 0 && errors->error[i].text[0] != 0);
	hz_site_errors_print(to, "site.yaml", text, errors);
	fclose(to);
	for (size_t i = 0; i < bytes; i++)
		FUZZ_HOLDS((uint8_t)printed[i] >= 0x20 || printed[i] == '\n');
	free(printed);
}

/* pattern with "v" for each parameter. */
static struct hz_span path_of(struct hz_span pattern, uint8_t *out)
{
	size_t used = 0;

	for (size_t i = 0; i < pattern.len; i++) {
		out[used++] = pattern.data[i];
		if (pattern.data[i] != '/' || i + 1 == pattern.len ||
		    (pattern.data[i + 1] != ':' && pattern.data[i + 1] != '*'))
			continue;
		out[used++] = 'v';
		while (i + 1 < pattern.len && pattern.data[i + 1] != '/')
			i++;
	}
	return (struct hz_span){ out, used };
}

/* A host that the name stands for. */
static struct hz_span host_of(struct hz_span name, uint8_t out[HZ_HOST_NAME_MAX])
{
	memcpy(out, name.data, name.len);
	if (name.data[0] == '*')
		out[0] = 'v';
	return (struct hz_span){ out, name.len };
}

/* The route's own path at each of its hosts leads somewhere. */
static void route_check(const struct hz_route_table *table, const struct hz_site_route *route)
{
	/* The path; then what a lookup needs of it: decoded, and where its slashes are. */
	size_t room = HZ_LIMIT_uri_bytes_max + 8, scratch = 2 * room;
	uint8_t *path = malloc(room + scratch), host[HZ_HOST_NAME_MAX];
	struct hz_arena arena;
	struct hz_route_ask ask = { .method = route->methods & -route->methods, .arena = &arena };
	struct hz_route_match match;

	ask.path = path_of(route->pattern, path);
	for (uint32_t k = 0; k == 0 || k < route->host_count; k++) {
		if (route->host_count > 0)
			ask.host = host_of(route->host[k], host);
		hz_arena_init(&arena, path + room, scratch);
		FUZZ_HOLDS(hz_route_table_find(table, &ask, &match) == HZ_ROUTE_FOUND);
	}
	free(path);
}

static void routes_check(const struct hz_site *site)
{
	struct hz_route_conf *routes = calloc(site->route_count + 1u, sizeof(*routes));
	struct hz_radix_conflict conflict;
	struct hz_route_table *table = NULL;
	int err;

	for (uint32_t i = 0; i < site->route_count; i++)
		routes[i] = (struct hz_route_conf){
			.pattern = site->route[i].pattern,
			.methods = site->route[i].methods,
			.host = site->route[i].host,
			.host_count = site->route[i].host_count,
			.paths = { .merge = site->route[i].paths.duplicate_slashes ==
			                    HZ_SITE_SLASHES_MERGE },
		};
	err = hz_route_table_build(routes, site->route_count, &table, &conflict);
	/* The one thing that config leaves to the router: how much patterns may overlap. */
	FUZZ_HOLDS(err == 0 || (err == -EINVAL && strstr(conflict.why, "overlap") != NULL));
	for (uint32_t i = 0; err == 0 && i < site->route_count; i++)
		route_check(table, &site->route[i]);
	hz_route_table_free(table);
	free(routes);
}

int fuzz_site_run(const uint8_t *data, size_t size)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	struct hz_span text = { data, size };
	int err = hz_site_parse(text, &site, &errors);

	FUZZ_HOLDS(err == 0 || err == -EINVAL);
	if (err != 0)
		errors_check(&errors, text);
	else
		routes_check(site);
	hz_site_free(site);
	return 0;
}

FUZZ_ENTRY(fuzz_site_run)
