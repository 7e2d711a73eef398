/* Any bytes as a site: it is read, or refused with places. What is read, the router can build: the two
 * grammars of patterns agree, and a route's own pattern with its parameters filled in leads to it. */
#include "config/site.h"
#include "fuzz_target.h"
#include "router/radix.h"

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

static void routes_check(const struct hz_site *site)
{
	struct hz_radix_route *routes = calloc(site->route_count + 1u, sizeof(*routes));
	uint8_t *path = malloc(HZ_LIMIT_uri_bytes_max + 1);
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;
	int err;

	for (uint32_t i = 0; i < site->route_count; i++)
		routes[i] =
			(struct hz_radix_route){ site->route[i].pattern, site->route[i].methods };
	err = hz_radix_build(routes, site->route_count, &radix, &conflict);
	/* The one thing that config leaves to the router: how much patterns may overlap. */
	FUZZ_HOLDS(err == 0 || (err == -EINVAL && strstr(conflict.why, "overlap") != NULL));
	for (uint32_t i = 0; err == 0 && i < site->route_count; i++) {
		struct hz_radix_match match;
		uint32_t method = routes[i].methods & -routes[i].methods;

		FUZZ_HOLDS(hz_radix_lookup(radix, method, path_of(routes[i].pattern, path),
		                           &match) == HZ_RADIX_FOUND);
	}
	hz_radix_free(radix);
	free(path);
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
