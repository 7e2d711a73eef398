#include "core/hint.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NETNS_FOLDER  "/run/netns"
#define NETNS_MAX     4096 /* names looked at */
#define NETNS_ROOM    33   /* hzctl -n takes 32 characters */
#define HINT_HEAD_MAX 96

/* What `hzctl -n` accepts. */
static bool is_name(const char *text)
{
	size_t len = strnlen(text, NETNS_ROOM);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	return len > 0 && len < NETNS_ROOM;
}

/* The name of our network namespace; false when it has none. */
static bool netns_name(char out[NETNS_ROOM])
{
	const struct dirent *entry;
	struct stat own, other;
	bool is_found = false;
	DIR *dir;

	if (stat("/proc/thread-self/ns/net", &own) != 0)
		return false;
	dir = opendir(NETNS_FOLDER);
	if (dir == NULL)
		return false;
	for (int i = 0; i < NETNS_MAX && !is_found && (entry = readdir(dir)) != NULL; i++) {
		if (!is_name(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &other, 0) != 0)
			continue;
		is_found = other.st_dev == own.st_dev && other.st_ino == own.st_ino;
		if (is_found)
			snprintf(out, NETNS_ROOM, "%s", entry->d_name);
	}
	closedir(dir);
	return is_found;
}

void hz_hint_write(char *out, size_t room, const char *instance, const char *format, ...)
{
	char netns[NETNS_ROOM] = "", head[HINT_HEAD_MAX];
	bool has_netns = netns_name(netns);
	size_t used;
	va_list args;

	snprintf(head, sizeof(head), "hzctl%s%.32s%s%s ", instance == NULL ? "" : " -i ",
	         instance == NULL ? "" : instance, has_netns ? " -n " : "", netns);
	used = (size_t)snprintf(out, room, "%s", head);
	if (used >= room)
		return;
	va_start(args, format);
	(void)vsnprintf(out + used, room - used, format, args);
	va_end(args);
}
