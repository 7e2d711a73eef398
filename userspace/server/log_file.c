#include "server/log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)

static bool is_of_owner_alone(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Who may write the directory may exchange the file for any other. */
static int directory_open(const char *path, size_t bytes)
{
	char directory[PATH_MAX];
	struct stat st;
	int fd, status = 0;

	if (bytes >= sizeof(directory))
		return -ENAMETOOLONG;
	memcpy(directory, path, bytes);
	directory[bytes] = '\0';
	fd = open(bytes == 0 ? "/" : directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) != 0)
		status = -errno;
	else if (!is_of_owner_alone(&st))
		status = -EACCES;
	if (status == 0)
		return fd;
	close(fd);
	return status;
}

/* A second name would be another file's, which lines are not to be put into. */
static int file_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISFIFO(st.st_mode))
		return is_of_owner_alone(&st) ? 0 : -EPERM;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_nlink != 1)
		return -EMLINK;
	return is_of_owner_alone(&st) ? 0 : -EPERM;
}

int hz_log_file_open(const char *path)
{
	const char *name = strrchr(path, '/') + 1; /* the path is absolute */
	int directory = directory_open(path, (size_t)(name - path) - 1);
	int fd, status;

	if (directory < 0)
		return directory;
	fd = openat(directory, name, OPEN_FLAGS, 0640);
	status = fd == -1 ? -errno : file_check(fd);
	close(directory);
	if (status == 0)
		return fd;
	if (fd != -1)
		close(fd);
	return status;
}

/* A file that is there, without touching it: the reader of a FIFO would notice. */
static int existing_check(int directory, const char *name)
{
	int fd = openat(directory, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct stat st = { 0 };
	int status;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode))
		status = -ELOOP;
	else if (S_ISDIR(st.st_mode))
		status = -EISDIR;
	else
		status = file_check(fd);
	close(fd);
	if (status == 0 && faccessat(directory, name, W_OK, AT_EACCESS) != 0)
		status = -errno;
	return status;
}

int hz_log_file_check(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	int directory = directory_open(path, (size_t)(name - path) - 1);
	int status;

	if (directory < 0)
		return directory;
	status = existing_check(directory, name);
	if (status == -ENOENT)
		status = faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
	close(directory);
	return status;
}

int hz_log_file_explain(const char *path, uint32_t line, int status, struct hz_err *err)
{
	const char *why = strerror(-status);
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "ls -l %.200s", path);
	switch (status) {
	case -EACCES:
		snprintf(hint, sizeof(hint), "install -d -m 0750 %.*s",
		         (int)(strrchr(path, '/') - path), path);
		why = "its directory must be of root or this user, and writable by nobody else";
		break;
	case -EPERM:
		why = "others than its owner may write it, or it is neither root's nor this user's";
		break;
	case -ELOOP:
		why = "a symbolic link, which could lead elsewhere at the next rotation";
		break;
	case -EMLINK:
		why = "it has a second name";
		break;
	case -EINVAL:
	case -EISDIR:
		why = "neither a regular file nor a FIFO";
		break;
	case -ENXIO:
		why = "a FIFO without a reader";
		break;
	case -ENOENT:
		snprintf(hint, sizeof(hint), "install -d -m 0750 %.*s",
		         (int)(strrchr(path, '/') - path), path);
		break;
	default:
		break;
	}
	if (line == 0) /* it was opened at start, and is not the site's fault now */
		return hz_err_set(err, status, 2, "log_file", hint, "log: %s: %s", path, why);
	return hz_err_set(err, status, 2, "log_file", hint, "line %u: log: %s: %s", line, path,
	                  why);
}
