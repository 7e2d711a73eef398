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

int hz_server_site_check(struct hz_site *site, const struct hz_tune *tune,
                         struct hz_site_errors *all, struct hz_err *err)
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
	return status;
}
