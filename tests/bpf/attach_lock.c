/* One attach or detach at a time, and nobody but root can keep it from being done. */
#include "attach_world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BPFFS       "/sys/fs/bpf"
#define LOCK_FOLDER BPFFS "/lock~hz"
#define NOBODY      65534

/* A process that holds the lock of every folder it can open, until it is ended by holder_end. */
static pid_t holder_start(uid_t uid)
{
	static const char *const folders[] = { BPFFS, LOCK_FOLDER, WORLD_PINS };
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uid != 0 && setresuid(uid, uid, uid) != 0)
			_exit(1);
		for (size_t i = 0; i < HZ_ARRAY_LEN(folders); i++)
			(void)flock(open(folders[i], O_RDONLY | O_DIRECTORY), LOCK_EX);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1) {
		(void)waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static void holder_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void alarm_rings(int signal)
{
	(void)signal;
}

/* world_attach, or -EINTR when it waits for more than 20 s. */
static int attach_in_time(struct hz_err *err)
{
	const struct sigaction rings = { .sa_handler = alarm_rings }; /* no SA_RESTART */
	int status;

	(void)sigaction(SIGALRM, &rings, NULL);
	(void)alarm(20);
	status = world_attach(WORLD_A, 0, NULL, err);
	return alarm(0) == 0 ? -EINTR : status;
}

static const char *ordinary_user_cannot_hold_it(void)
{
	struct hz_err err;
	pid_t pid;
	int status;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_detach(WORLD_A, NULL) != 0)
		return "attach failed"; /* the lock's folder is there from now on */
	pid = holder_start(NOBODY);
	if (pid < 0)
		return "no other process";
	status = attach_in_time(&err);
	holder_end(pid);
	if (status == 0)
		return NULL;
	printf("# %d: %s\n", status, err.why);
	return "not attached while another user holds what locks it can";
}

static const char *held_for_long_is_told(void)
{
	struct hz_err err = { 0 };
	pid_t pid;
	int status;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_detach(WORLD_A, NULL) != 0)
		return "attach failed";
	pid = holder_start(0);
	if (pid < 0)
		return "no other process";
	status = attach_in_time(&err);
	holder_end(pid);
	if (status != -ETIMEDOUT || !world_told(&err, "bpffs_lock", 6, "5 s"))
		return "not told";
	return world_attach(WORLD_A, 0, NULL, NULL) == 0 ? NULL : "not attached once it is free";
}

static const char *folder_of_other_user_is_refused(void)
{
	struct hz_err err = { 0 };
	const char *why = NULL;

	(void)rmdir(LOCK_FOLDER);
	if (mkdir(LOCK_FOLDER, 0700) != 0 || chown(LOCK_FOLDER, NOBODY, NOBODY) != 0)
		return "no folder to be had";
	if (world_attach(WORLD_A, 0, NULL, &err) != -EEXIST ||
	    !world_told(&err, "bpffs_lock", 1, "rmdir " LOCK_FOLDER))
		why = "not refused";
	(void)rmdir(LOCK_FOLDER);
	if (why == NULL && world_attach(WORLD_A, 0, NULL, NULL) != 0)
		why = "not attached once it is gone";
	return why;
}

const struct world_test attach_lock_tests[] = {
	{ "lock.ordinary_user_cannot_hold_it", ordinary_user_cannot_hold_it },
	{ "lock.held_for_long_is_told", held_for_long_is_told },
	{ "lock.folder_of_other_user_is_refused", folder_of_other_user_is_refused },
	{ NULL, NULL },
};
