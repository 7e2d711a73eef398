/* `hzd -t`: what a start does with a site, by the same functions, and nothing of it stays. */
#include "api/api_module.h"
#include "config/site_errors.h"
#include "server/jwt_keys.h"
#include "server/log_file.h"
#include "server/server_priv.h"

static int logs_check(const struct hz_site *site, struct hz_site_errors *all, struct hz_err *err)
{
	int status = 0;

	for (const struct hz_mw_log_conf *log = site->logs; status == 0 && log != NULL;
	     log = log->next) {
		status = hz_log_file_check(log->to);
		if (status != 0)
			status = hz_site_problem(
				all, &log->at, hz_log_file_explain(log->to, log->line, status, err),
				err);
	}
	return status;
}

/* As many as there can be, where the machine decides: what is too much for those is so for fewer. */
static uint32_t workers_most(const struct hz_tune *tune)
{
	if (tune->boot_workers > 0)
		return tune->boot_workers;
	return tune->boot_io == HZ_IO_SOCKET ? 1 : HZ_WORKERS_MAX;
}

/* A stream is a request that waits. */
static void limits_check(const struct hz_site *site, const struct hz_tune *tune,
                         struct hz_site_errors *warnings)
{
	const uint32_t workers = workers_most(tune);
	const uint64_t places =
		(uint64_t)workers * hz_http_waiting_max(tune->boot_connections_max / workers);

	for (uint32_t i = 0; i < site->route_count; i++) {
		const struct hz_site_route *route = &site->route[i];
		const struct hz_conf_place *at = &route->readers_at;
		struct hz_site_error *warning;

		if (at->line == 0 || route->readers_max <= places)
			continue;
		warning = hz_site_errors_add(warnings, at->line, at->column, at->width,
		                             "route '%s': limit %u is never reached: on %u "
		                             "worker%s %llu requests can wait",
		                             route->name, route->readers_max, workers,
		                             workers == 1 ? "" : "s", (unsigned long long)places);
		if (warning == NULL)
			continue;
		warning->is_warning = true;
		snprintf(warning->hint, sizeof(warning->hint), "raise boot/connections_max (%u)",
		         tune->boot_connections_max);
	}
}

int hz_server_site_check(struct hz_site *site, const struct hz_tune *tune,
                         struct hz_site_errors *all, struct hz_site_errors *warnings,
                         struct hz_err *err)
{
	const struct hz_snapshot_conf conf = {
		.site = site, .tune = tune, .generation = 1, .all = all
	};
	struct hz_api_modules *modules = NULL;
	struct hz_snapshot *snapshot = NULL;
	int status;

	(void)hz_site_share(site); /* the snapshot's share is not the caller's */
	status = logs_check(site, all, err);
	if (status == 0)
		status = hz_server_modules_load(site, all, &modules, err);
	if (status == 0)
		status = hz_snapshot_build(&conf, &snapshot, err);
	if (snapshot == NULL)
		hz_site_free(site);
	hz_snapshot_free(snapshot);
	hz_jwt_keys_unload(site);
	hz_api_modules_close(modules);
	hz_site_errors_sort(all);
	limits_check(site, tune, warnings);
	return status;
}
