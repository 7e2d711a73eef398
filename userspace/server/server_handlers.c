/* Routes behind which code of others stands: modules of the site, and what a program that embeds us adds. */
#include "api/api_module.h"
#include "core/hint.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

/* Routes are not const before a snapshot has them. */
static struct hz_site_route *routes_of(struct hz_site *site)
{
	return (struct hz_site_route *)(uintptr_t)site->route;
}

static int module_missing(const struct hz_server *server, const char *file, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), server->conf->instance, "drain, then start hzd again");
	return hz_err_set(err, -EBUSY, 1, "needs_restart", hint,
	                  "module %s was not loaded at start, and cannot be while running", file);
}

static int module_resolve(struct hz_api_modules *modules, struct hz_site_route *route,
                          struct hz_err *err)
{
	int status = hz_api_modules_load(modules, route->module_file, err);

	if (status == 0)
		route->own = hz_api_modules_find(modules, route->module_file);
	return status;
}

int hz_server_modules_load(struct hz_site *site, struct hz_site_errors *all,
                           struct hz_api_modules **out, struct hz_err *err)
{
	int status = 0;

	if (*out == NULL)
		*out = hz_api_modules_open(NULL);
	if (*out == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	for (uint32_t i = 0; i < site->route_count && status == 0; i++)
		if (site->route[i].handler == HZ_HANDLER_MODULE)
			status = hz_site_problem(all, &site->route[i].at,
			                         module_resolve(*out, &routes_of(site)[i], err),
			                         err);
	return status;
}

int hz_server_handlers_open(struct hz_server *server, struct hz_err *err)
{
	const struct hz_api_owner program = { 0 };
	int status = 0;

	server->api = server->conf->host.api;
	if (server->api == NULL)
		status = hz_api_open(&program, &server->api);
	if (status == 0)
		server->modules = hz_api_modules_open(server->api);
	if (server->modules == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	server->app.api = server->api;
	return 0;
}

static int own_append(const struct hz_server *server, struct hz_site *site, struct hz_err *err)
{
	const struct hz_server_host *host = &server->conf->host;
	char why[256] = "";
	int status = 0;

	if (host->own_count > 0)
		status = hz_site_append(site, host->own, host->own_count, why, sizeof(why));
	if (status == 0)
		return 0;
	return hz_err_set(err, status, status == -ENOMEM ? 5 : 2, "bad_route", "", "%s",
	                  why[0] != '\0' ? why : strerror(-status));
}

int hz_server_handlers_bind(struct hz_server *server, struct hz_site *site, bool may_load,
                            struct hz_err *err)
{
	int status = own_append(server, site, err);

	if (status != 0)
		return status;
	if (may_load)
		return hz_server_modules_load(site, NULL, &server->modules, err);
	for (uint32_t i = 0; i < site->route_count; i++) {
		struct hz_site_route *route = &routes_of(site)[i];

		if (route->handler != HZ_HANDLER_MODULE)
			continue;
		if (server->modules != NULL)
			route->own = hz_api_modules_find(server->modules, route->module_file);
		if (route->own == NULL)
			return module_missing(server, route->module_file, err);
	}
	return 0;
}

void hz_server_handlers_start(struct hz_server *server)
{
	const struct hz_api_run run = {
		.ring = hz_server_ring,
		.ring_ctx = server,
		.stall_ns = server->conf->tune.worker_stall_ms * HZ_NS_PER_MS,
	};

	for (uint32_t i = 0; i < server->seats.count; i++)
		hz_api_seat(server->api, i, &server->seats.seat[i].env,
		            &server->seats.seat[i].slot);
	hz_api_start(server->api, &run);
}

void hz_server_handlers_close(struct hz_server *server)
{
	if (server->api != server->conf->host.api)
		hz_api_close(server->api);
	hz_api_modules_close(server->modules);
}
