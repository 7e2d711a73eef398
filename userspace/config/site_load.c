/* Reading a site's file, which must be one that only its owner could have written. */
#include "config/site.h"

#include "config/site_memory.h"
#include "config/site_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checked on the open descriptor, so that the file cannot be exchanged in between. */
static int file_check(int fd, size_t bytes_max, size_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM;
	if (st.st_size < 0 || (size_t)st.st_size > bytes_max)
		return -EFBIG;
	*bytes = (size_t)st.st_size;
	return 0;
}

/* Up to room bytes; a file that grows meanwhile is read as far as it was long. */
static int file_read(int fd, uint8_t *text, size_t room, size_t *out)
{
	size_t used = 0;

	while (used < room) {
		ssize_t n = read(fd, text + used, room - used);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*out = used;
	return 0;
}

int hz_site_load_text(const char *path, size_t bytes_max, struct hz_span *out)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *text = NULL;
	size_t room = 0, bytes = 0;
	int err;

	if (fd == -1)
		return -errno;
	err = file_check(fd, bytes_max, &room);
	if (err == 0) {
		text = malloc(room + 1);
		err = text == NULL ? -ENOMEM : file_read(fd, text, room, &bytes);
	}
	close(fd);
	if (err != 0) {
		free(text);
		return err;
	}
	*out = (struct hz_span){ text, bytes };
	return 0;
}

/* "/etc/hz" of "/etc/hz/site.yaml"; "." of "site.yaml". */
static int directory_note(struct hz_site *site, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct hz_span text = { (const uint8_t *)path, slash != NULL ? (size_t)(slash - path) : 0 };
	char *copy;

	if (slash == NULL)
		text = HZ_SPAN_LITERAL(".");
	else if (slash == path)
		text = HZ_SPAN_LITERAL("/");
	copy = hz_site_memory_get(site->memory, text.len + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, text.data, text.len);
	site->directory = copy;
	return 0;
}

int hz_site_load(const char *path, struct hz_site **out, struct hz_span *text,
                 struct hz_site_errors *errors)
{
	struct hz_site *site = NULL;
	int err;

	errors->count = 0;
	*text = (struct hz_span){ NULL, 0 };
	err = hz_site_load_text(path, HZ_LIMIT_site_bytes_max, text);
	if (err == 0)
		err = hz_site_parse(*text, &site, errors);
	if (err == 0)
		err = directory_note(site, path);
	if (err == 0)
		err = hz_site_sources_load(site, errors);
	if (err != 0) {
		hz_site_free(site);
		return err;
	}
	*out = site;
	return 0;
}

/* -EPERM has two causes; which one it is, the file tells. */
static int owner_explain(const char *path, int status, int exit_code, struct hz_err *err)
{
	char hint[sizeof(err->hint)];
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(hint, sizeof(hint), "chmod go-w %.200s", path);
		return hz_err_set(err, status, exit_code, "bad_config", hint,
		                  "%s: others than its owner may write it (mode %04o)", path,
		                  (unsigned)st.st_mode & 07777);
	}
	snprintf(hint, sizeof(hint), "chown root %.200s", path);
	return hz_err_set(err, status, exit_code, "bad_config", hint,
	                  "%s: it belongs to another user, neither root nor this one", path);
}

int hz_site_load_explain(const char *path, int status, int exit_code, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "ls -l %.200s", path);
	switch (status) {
	case -EPERM:
		return owner_explain(path, status, exit_code, err);
	case -ELOOP:
		snprintf(hint, sizeof(hint), "name the file itself: readlink -f %.200s", path);
		return hz_err_set(err, status, exit_code, "bad_config", hint,
		                  "%s: a symbolic link, which could lead elsewhere at the next "
		                  "reload",
		                  path);
	case -EISDIR:
	case -EINVAL:
		return hz_err_set(err, status, exit_code, "bad_config", hint,
		                  "%s: not a regular file", path);
	case -EFBIG:
		return hz_err_set(err, status, exit_code, "bad_config", hint,
		                  "%s: larger than %d bytes", path, HZ_LIMIT_site_bytes_max);
	default:
		return hz_err_set(err, status, exit_code, "bad_config", hint, "%s: %s", path,
		                  strerror(-status));
	}
}
