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

static int actions_set(posix_spawn_file_actions_t *actions, int out)
{
	int status = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);

	if (status == 0) /* what it says there is said in JSON too */
		status = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null",
		                                          O_WRONLY, 0);
	return status;
}

/* Its standard output into *out, to be read to the end. 0 or -errno. */
static int hzd_start(const char *const *words, pid_t *pid, int *out)
{
	posix_spawn_file_actions_t actions;
	char beside[PATH_MAX];
	int ends[2], status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	status = posix_spawn_file_actions_init(&actions);
	if (status == 0) {
		status = actions_set(&actions, ends[1]);
		if (status == 0)
			status = posix_spawnp(pid, hzd_find(beside), &actions, NULL,
			                      (char *const *)(uintptr_t)words, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (status == 0)
		*out = ends[0];
	else
		close(ends[0]);
	return -status;
}

/* What it says, or NULL; *code is its exit code, -1 for none. */
static json_t *hzd_hear(pid_t pid, int out, int *code)
{
	FILE *from = fdopen(out, "r");
	json_t *answer = NULL;
	int exited = 0;

	if (from != NULL)
		answer = json_loadf(from, 0, NULL);
	if (from != NULL)
		fclose(from);
	else
		close(out);
	while (waitpid(pid, &exited, 0) == -1 && errno == EINTR)
		;
	*code = WIFEXITED(exited) ? WEXITSTATUS(exited) : -1;
	return answer;
}

static void errors_add(const json_t *list, bool are_warnings, struct hz_site_errors *errors)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		struct hz_site_error *error = hz_site_errors_add(
			errors, (uint32_t)hz_out_u64(item, "line"),
			(uint32_t)hz_out_u64(item, "column"), (uint32_t)hz_out_u64(item, "width"),
			"%s", hz_out_string(item, "text"));

		if (error == NULL)
			return;
		snprintf(error->hint, sizeof(error->hint), "%.79s", hz_out_string(item, "hint"));
		error->is_warning = are_warnings;
	}
}

int hz_hzd_check(const char *path, const char *const settings[HZ_HZD_SETTINGS_MAX],
                 struct hz_site_errors *errors, struct hz_site_errors *warnings, struct hz_err *err)
{
	const char *words[6 + 2 * HZ_HZD_SETTINGS_MAX] = { "hzd", "-t", "-j", "-c", path };
	size_t count = 5;
	int out = -1, code, status;
	json_t *answer;
	pid_t pid;

	for (size_t i = 0; i < HZ_HZD_SETTINGS_MAX && settings[i] != NULL; i++) {
		words[count++] = "-o";
		words[count++] = settings[i];
	}
	status = hzd_start(words, &pid, &out);
	if (status == -ENOENT)
		return status;
	if (status != 0)
		return hz_err_set(err, status, 1, "hzd", "hzd -V", "cannot run hzd: %s",
		                  strerror(-status));
	answer = hzd_hear(pid, out, &code);
	if (answer == NULL)
		return hz_err_set(err, -EPROTO, 1, "hzd", "hzd -t -c SITE",
		                  "hzd could not check %s (exit code %d)", path, code);
	errors_add(json_object_get(answer, "errors"), false, errors);
	errors_add(json_object_get(answer, "warnings"), true, warnings);
	json_decref(answer);
	return 0;
}
