/* Lists of sources and the limit per source: what XDP refuses on the server's behalf. */
#include "core/hint.h"
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

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

/* Without XDP nobody looks at them, which a reload may begin as well as a start. */
static void absence_tell(struct hz_server *server, const struct hz_site *site)
{
	static const char absent[] = "sources and shed/source_rate are XDP's, which is not there: "
				     "nobody is refused";

	if (site->sources.rule_count > 0 || server->conf->tune.shed_source_rate > 0)
		hz_server_degrade(server, absent);
	else
		hz_server_degrade_end(server, absent);
}

static int map_fail(const struct hz_server *server, int status, const char *name,
                    struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), server->conf->instance, "xdp show");
	return hz_err_set(err, status, 6, "map", hint, "map %s: %s", name, strerror(-status));
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
	const struct hz_snapshot *snapshot = server->app.snapshot;
	const struct hz_site *site = snapshot->site;
	int status = 0;

	if (hz_server_has_xdp(server)) {
		status = hz_xdp_lists_open(server->conf->instance, &server->lists);
		if (status != 0)
			return open_fail(server, status, err);
		server->lists.wait_ms =
			HZ_XDP_LISTS_WAIT_PATIENT_MS; /* nobody waits for this thread yet */
	}
	status = hz_server_sources_rate(server, err);
	if (status == 0)
		status = hz_server_sources_fill(server, site, err);
	if (status == 0)
		status = hz_server_sources_flip(server, site, err);
	server->lists.wait_ms = HZ_XDP_LISTS_WAIT_MS;
	return status;
}

int hz_server_sources_rate(const struct hz_server *server, struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	int status;

	if (!hz_server_has_xdp(server))
		return 0;
	status = hz_xdp_lists_rate(&server->lists, tune->shed_source_rate, tune->shed_source_burst);
	return status == 0 ? 0 : map_fail(server, status, "src_rate", err);
}

int hz_server_sources_fill(struct hz_server *server, const struct hz_site *site, struct hz_err *err)
{
	if (!hz_server_has_xdp(server))
		return 0;
	return hz_xdp_lists_fill(&server->lists, site->sources.rule, site->sources.rule_count, err);
}

int hz_server_sources_flip(struct hz_server *server, const struct hz_site *site, struct hz_err *err)
{
	int status;

	if (!hz_server_has_xdp(server)) {
		absence_tell(server, site);
		return 0;
	}
	status = hz_xdp_lists_flip(&server->lists);
	if (status != 0)
		return map_fail(server, status, "acl", err);
	lists_log(&server->lists);
	return 0;
}

void hz_server_sources_drop(struct hz_server *server)
{
	if (hz_server_has_xdp(server))
		hz_xdp_lists_drop(&server->lists);
}

void hz_server_sources_close(struct hz_server *server)
{
	hz_xdp_lists_close(&server->lists);
}
