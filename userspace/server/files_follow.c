/* Files that change while they are served: when a change has come to rest, the snapshot is built anew from the same
 * site, and what did not change is shared with the one before. */
#include "core/log.h"
#include "server/server_priv.h"

#define QUIET_NS    (200 * HZ_NS_PER_MS) /* writers are done: editors save in several steps */
#define PATIENCE_NS (2 * HZ_NS_PER_S)    /* they never are: a file that is written all the time */
#define REBUILD_NS  (1 * HZ_NS_PER_S)    /* at most one in this time */

static bool is_due(const struct hz_server_files *files, uint64_t now_ns)
{
	if (files->first_ns == 0 || now_ns < files->rebuilt_ns + REBUILD_NS)
		return false;
	return now_ns >= files->last_ns + QUIET_NS || now_ns >= files->first_ns + PATIENCE_NS;
}

static void short_tell(struct hz_server *server, const struct hz_snapshot *snapshot)
{
	bool is_short = snapshot->watch.is_short ||
	                (snapshot->watch.fd == -1 && hz_snapshot_has_files(snapshot));

	if (!is_short || server->files.is_short)
		return;
	server->files.is_short = true;
	hz_server_degrade(server, "not all directories of files are watched: hzctl reload shows "
	                          "what changed (fs.inotify.max_user_watches)");
}

void hz_server_files_follow(struct hz_server *server, uint64_t now_ns)
{
	const struct hz_snapshot *snapshot = server->app.snapshot;
	struct hz_server_files *files = &server->files;
	struct hz_err err = { 0 };

	if (files->generation != server->generation) { /* built since: it has read what there is */
		files->generation = server->generation;
		files->first_ns = 0;
		short_tell(server, snapshot);
	}
	if (hz_files_watch_look(&snapshot->watch)) {
		files->last_ns = now_ns;
		if (files->first_ns == 0)
			files->first_ns = now_ns;
	}
	if (!is_due(files, now_ns))
		return;
	files->rebuilt_ns = now_ns;
	files->first_ns = 0;
	if (hz_server_rebuild(server, &err) == 0) {
		files->is_failing = false;
		return;
	}
	if (!files->is_failing)
		hz_log(HZ_LOG_WARN, "files changed, but what is served did not: %s", err.why);
	files->is_failing = true;
	files->first_ns = files->last_ns = now_ns; /* again, also when nothing more happens */
}
