/* Lists of sources and the limit per source: what XDP refuses on the server's behalf. */
#include "core/hint.h"
#include "core/log.h"
#include "server/server_priv.h"
#include <string.h>

static bool has_kernel_plane(const struct hz_server *server)
{
	return server->maps.beat != NULL;
}

static void lists_log(const struct hz_xdp_lists *lists)
{
	uint32_t count[HZ_SOURCE_LISTS] = { 0 }, all = 0;

	for (uint32_t list = HZ_SOURCE_DENY; list < HZ_SOURCE_LISTS; list++) {
		count[list] = lists->next.prefixes[0][list] + lists->next.prefixes[1][list];
		all += count[list];
	}
	if (all > 0)
		hz_log(HZ_LOG_INFO, "prefixes of sources: %u to deny, %u to allow, %u that probe",
		       count[HZ_SOURCE_DENY], count[HZ_SOURCE_ALLOW], count[HZ_SOURCE_PROBE]);
}

static int open_fail(const struct hz_server *server, int status, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), server->conf->instance,
	              "xdp detach all, then attach again");
	return hz_err_set(err, status, 6, "lists", hint, "the lists of sources: %s",
	                  strerror(-status));
}

int hz_server_sources_open(struct hz_server *server, struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	const struct hz_snapshot *snapshot = server->app.snapshot;
	const struct hz_site *site = snapshot->site;
	int status;

	if (!has_kernel_plane(server)) {
		if (site->sources.line > 0 || tune->shed_source_rate > 0)
			hz_server_degrade(server, "sources and shed/source_rate are XDP's, "
			                          "which is not there: nobody is refused");
		return 0;
	}
	status = hz_xdp_lists_open(server->conf->instance, &server->lists);
	if (status == 0)
		status = hz_xdp_lists_rate(&server->lists, tune->shed_source_rate,
		                           tune->shed_source_burst);
	if (status != 0)
		return open_fail(server, status, err);
	status = hz_server_sources_fill(server, site, err);
	if (status == 0)
		hz_server_sources_flip(server);
	return status;
}

int hz_server_sources_fill(struct hz_server *server, const struct hz_site *site, struct hz_err *err)
{
	if (!has_kernel_plane(server))
		return 0;
	return hz_xdp_lists_fill(&server->lists, site->sources.rule, site->sources.rule_count, err);
}

void hz_server_sources_flip(struct hz_server *server)
{
	if (!has_kernel_plane(server))
		return;
	if (hz_xdp_lists_flip(&server->lists) != 0)
		hz_log(HZ_LOG_ERROR, "cannot write the map acl: the lists of sources are those "
		                     "from before");
	else
		lists_log(&server->lists);
}

void hz_server_sources_drop(struct hz_server *server)
{
	if (has_kernel_plane(server))
		hz_xdp_lists_drop(&server->lists);
}

void hz_server_sources_close(struct hz_server *server)
{
	hz_xdp_lists_close(&server->lists);
}
