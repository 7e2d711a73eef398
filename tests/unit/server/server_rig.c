#include "server_rig.h"
#include "server/log_writer.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int server_rig_site_write(const struct server_rig *rig, const char *text)
{
	int fd = open(rig->site_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t bytes = strlen(text);
	int err = 0;

	if (fd == -1)
		return -errno;
	if (write(fd, text, bytes) != (ssize_t)bytes)
		err = -EIO;
	close(fd);
	return err;
}

static void nobody_rings(void *ctx, uint32_t worker)
{
	(void)ctx;
	(void)worker;
}

static int topics_open(struct server_rig *rig)
{
	const struct hz_topics_conf conf = { .worker_count = HZ_WORKERS_MAX, .ring = nobody_rings };

	return hz_topics_open(&conf, &rig->server.app.topics);
}

static int snapshot_open(struct server_rig *rig)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_snapshot *snapshot = NULL;
	struct hz_site *site = NULL;
	struct hz_span text = { 0 };
	struct hz_snapshot_conf conf = {
		.tune = &rig->conf.tune,
		.generation = 1,
		.topics = rig->server.app.topics,
	};
	struct hz_err err = { 0 };
	int status = -ENOMEM;

	if (errors != NULL)
		status = hz_site_load(rig->site_path, &site, &text, errors);
	conf.site = site;
	if (status == 0)
		status = hz_snapshot_build(&conf, &snapshot, &err);
	if (status == 0)
		rig->server.app.snapshot = snapshot;
	else
		hz_site_free(site);
	free(errors);
	free((void *)(uintptr_t)text.data);
	return status;
}

struct server_rig *server_rig_open(const char *site_text)
{
	struct server_rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL)
		return NULL;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/hz-server-XXXXXX");
	if (mkdtemp(rig->dir) == NULL) {
		free(rig);
		return NULL;
	}
	snprintf(rig->site_path, sizeof(rig->site_path), "%s/site.yaml", rig->dir);
	hz_tune_defaults(&rig->conf.tune);
	rig->conf.tune.boot_io = HZ_IO_SOCKET;
	rig->conf.site_path = rig->site_path;
	rig->server.conf = &rig->conf;
	rig->server.rundir.lock_fd = -1;
	memcpy(rig->server.rundir.path, rig->dir, strlen(rig->dir) + 1);
	rig->server.generation = 1;
	rig->server.state = HZ_STATE_READY;
	rig->server.started_ns = rig->server.reloaded_ns = hz_clock_monotonic_ns();
	if (hz_log_writer_open(1, &rig->server.log_writer) != 0 ||
	    server_rig_site_write(rig, site_text) != 0 || topics_open(rig) != 0 ||
	    snapshot_open(rig) != 0) {
		server_rig_close(rig);
		return NULL;
	}
	return rig;
}

void server_rig_close(struct server_rig *rig)
{
	struct hz_rundir_shared *shared = &rig->server.shared;

	hz_seats_close(&rig->server.seats);
	free(shared->latency);
	free(shared->beat);
	free(shared->worker);
	free(shared->conns);
	hz_server_reclaim(&rig->server);
	hz_snapshot_free(rig->server.app.snapshot);
	hz_log_writer_close(rig->server.log_writer);
	hz_topics_close(rig->server.app.topics);
	hz_site_free(rig->conf.site);
	unlink(rig->site_path);
	rmdir(rig->dir);
	free(rig);
}

int server_rig_seats_open(struct server_rig *rig, uint32_t count)
{
	struct hz_rundir_shared *shared = &rig->server.shared;
	struct hz_err err = { 0 };
	struct hz_seats_conf conf = {
		.count = count,
		.tune = &rig->conf.tune,
		.ops = &hz_snapshot_app_ops,
		.app = &rig->server.app,
	};

	rig->conf.tune.boot_connections_max = 1024;
	if (shared->latency == NULL) {
		shared->latency = calloc(HZ_HIST_ENTRIES, sizeof(*shared->latency));
		shared->beat = calloc(HZ_WORKERS_MAX, sizeof(*shared->beat));
		shared->worker = calloc(HZ_WORKERS_MAX, sizeof(*shared->worker));
		shared->conns = calloc(HZ_WORKERS_MAX, sizeof(*shared->conns));
	}
	if (!shared->latency || !shared->beat || !shared->worker || !shared->conns)
		return -ENOMEM;
	conf.latency = shared->latency;
	conf.beat = shared->beat;
	conf.worker = shared->worker;
	conf.conns = shared->conns;
	return hz_seats_open(&rig->server.seats, &conf, &err);
}

int server_rig_as_nobody(int (*fn)(void *ctx), void *ctx, const char *dir)
{
	int status;
	pid_t child;

	if (geteuid() != 0)
		return RIG_NO_RIGHTS;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (dir != NULL)
			setenv("XDG_RUNTIME_DIR", dir, 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		if (setgroups(0, NULL) != 0 || setresgid(RIG_NOBODY, RIG_NOBODY, RIG_NOBODY) != 0 ||
		    setresuid(RIG_NOBODY, RIG_NOBODY, RIG_NOBODY) != 0)
			_exit(RIG_NO_RIGHTS);
		_exit(fn(ctx));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
