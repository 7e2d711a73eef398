/* Reading a site's file, which must be one that only its owner could have written. */
#include "config/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checked on the open descriptor, so that the file cannot be exchanged in between. */
static int file_check(int fd, size_t *bytes)
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
	if (st.st_size > HZ_LIMIT_site_bytes_max)
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

static int text_load(const char *path, struct hz_span *out)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *text = NULL;
	size_t room = 0, bytes = 0;
	int err;

	if (fd == -1)
		return -errno;
	err = file_check(fd, &room);
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

int hz_site_load(const char *path, struct hz_site **out, struct hz_span *text,
                 struct hz_site_errors *errors)
{
	int err;

	errors->count = 0;
	*text = (struct hz_span){ NULL, 0 };
	err = text_load(path, text);
	return err == 0 ? hz_site_parse(*text, out, errors) : err;
}
