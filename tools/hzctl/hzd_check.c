#include "hzd_check.h"
#include "config/site_errors.h"
#include "out.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* hzd beside this program, where it is installed so, or "hzd", for PATH. */
static const char *hzd_find(char beside[PATH_MAX])
{
	ssize_t bytes = readlink("/proc/self/exe", beside, PATH_MAX - sizeof("hzd"));
	char *slash;

	if (bytes <= 0)
		return "hzd";
	beside[bytes] = '\0';
	slash = strrchr(beside, '/');
	if (slash == NULL)
		return "hzd";
	memcpy(slash + 1, "hzd", sizeof("hzd"));
	return access(beside, X_OK) == 0 ? beside : "hzd";
}

/* Its standard output into *out, to be read to the end. 0 or -errno. */
static int hzd_start(const char *path, pid_t *pid, int *out)
{
	char *const words[] = { (char *)(uintptr_t) "hzd", (char *)(uintptr_t) "-t",
		                (char *)(uintptr_t) "-j",  (char *)(uintptr_t) "-c",
		                (char *)(uintptr_t)path,   NULL };
	posix_spawn_file_actions_t actions;
	char beside[PATH_MAX];
	int ends[2], status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	status = posix_spawn_file_actions_init(&actions);
	if (status == 0) {
		status = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
		if (status == 0) /* what it says there is said in JSON too */
			status = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
			                                          "/dev/null", O_WRONLY, 0);
		if (status == 0)
			status =
				posix_spawnp(pid, hzd_find(beside), &actions, NULL, words, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (status == 0)
		*out = ends[0];
	else
		close(ends[0]);
	return -status;
}

static void errors_add(const json_t *answer, struct hz_site_errors *errors)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(answer, "errors"), i, item) {
		struct hz_site_error *error = hz_site_errors_add(
			errors, (uint32_t)hz_out_u64(item, "line"),
			(uint32_t)hz_out_u64(item, "column"), (uint32_t)hz_out_u64(item, "width"),
			"%s", hz_out_string(item, "text"));

		if (error != NULL)
			snprintf(error->hint, sizeof(error->hint), "%.79s",
			         hz_out_string(item, "hint"));
	}
}

int hz_hzd_check(const char *path, struct hz_site_errors *errors, struct hz_err *err)
{
	int out = -1, exited = 0, status;
	json_t *answer = NULL;
	FILE *from;
	pid_t pid;

	status = hzd_start(path, &pid, &out);
	if (status != 0)
		return status == -ENOENT ? status
		                         : hz_err_set(err, status, 1, "hzd", "hzd -V",
		                                      "cannot run hzd: %s", strerror(-status));
	from = fdopen(out, "r");
	if (from != NULL)
		answer = json_loadf(from, 0, NULL);
	if (from != NULL)
		fclose(from);
	else
		close(out);
	while (waitpid(pid, &exited, 0) == -1 && errno == EINTR)
		;
	if (answer == NULL)
		return hz_err_set(err, -EPROTO, 1, "hzd", "hzd -t -c SITE",
		                  "hzd could not check %s (exit code %d)", path,
		                  WIFEXITED(exited) ? WEXITSTATUS(exited) : -1);
	errors_add(answer, errors);
	json_decref(answer);
	return 0;
}
