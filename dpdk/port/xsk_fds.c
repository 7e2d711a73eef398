/* Finding the driver's AF_XDP sockets. */
#include "port/xsk_fds.h"
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

static bool is_xsk(int fd)
{
	int domain = 0;
	socklen_t bytes = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_XDP;
}

int hz_xsk_fds_read(struct hz_xsk_fds *out)
{
	DIR *dir = opendir("/proc/self/fd");
	struct hz_xsk_fds found = { .count = 0 };
	const struct dirent *entry;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL && found.count < HZ_XSK_FDS_MAX) {
		char *end = NULL;
		long fd = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && is_xsk((int)fd))
			found.fd[found.count++] = (int)fd;
	}
	closedir(dir);
	*out = found;
	return 0;
}

static bool has_fd(const struct hz_xsk_fds *set, int fd)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->fd[i] == fd)
			return true;
	}
	return false;
}

int hz_xsk_fds_added(const struct hz_xsk_fds *before, const struct hz_xsk_fds *now)
{
	int added = -1;

	for (uint32_t i = 0; i < now->count; i++) {
		if (has_fd(before, now->fd[i]))
			continue;
		if (added != -1)
			return -1;
		added = now->fd[i];
	}
	return added;
}
