/* Files that change while they are served: when a change has come to rest, their trees are read anew beside the
 * snapshot, and what did not change is shared with what was read before. Requests under way hold what they send and
 * nothing else, so that neither a slow download nor a stream holds up further changes, or a reload. */
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>

#define QUIET_NS    (200 * HZ_NS_PER_MS) /* writers are done: editors save in several steps */
#define PATIENCE_NS (2 * HZ_NS_PER_S)    /* they never are: a file that is written all the time */
#define READ_NS     (1 * HZ_NS_PER_S)    /* at most once in this time */

static bool is_due(const struct hz_server_files *files, uint64_t now_ns)
{
	if (files->first_ns == 0 || now_ns < files->read_ns + READ_NS)
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

void hz_server_files_reclaim(struct hz_server *server)
{
	struct hz_files_held held;

	hz_files_rep_reclaim(&server->files.held, &held);
}

/* Who reads slowly enough could make us keep every state that a file ever had. */
static int held_has_room(struct hz_server *server, struct hz_err *err)
{
	struct hz_files_held held;

	hz_files_rep_reclaim(&server->files.held, &held);
	if (held.count < HZ_LIMIT_files_held_max && held.memory_bytes < HZ_LIMIT_files_held_bytes)
		return 0;
	return hz_err_set(err, -EBUSY, 1, "busy", "try again when slow downloads have ended",
	                  "answers still hold %u contents that changed, %.1f MiB", held.count,
	                  (double)held.memory_bytes / (1 << 20));
}

static int trees_renew(struct hz_server *server, struct hz_err *err)
{
	struct hz_snapshot *snapshot = server->app.snapshot;
	int status = held_has_room(server, err);

	if (status == 0)
		status = hz_snapshot_files_renew(snapshot, &server->files.held, err);
	if (status != 0)
		return status;
	hz_log(HZ_LOG_INFO, "files changed");
	hz_snapshot_files_log(snapshot);
	short_tell(server, snapshot);
	return 0;
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
	files->read_ns = now_ns;
	files->first_ns = 0;
	if (trees_renew(server, &err) == 0) {
		files->is_failing = false;
		return;
	}
	if (!files->is_failing)
		hz_log(HZ_LOG_WARN, "files changed, but what is served did not: %s", err.why);
	files->is_failing = true;
	files->first_ns = files->last_ns = now_ns; /* again, also when nothing more happens */
}
