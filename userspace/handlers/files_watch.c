#include "handlers/files_watch.h"

#include "core/limits.h"
#include "handlers/files_tree.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LOOKS_MAX 64 /* reads of one look; the next one goes on */

int hz_files_watch_open(struct hz_files_watch *out)
{
	*out = (struct hz_files_watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	return out->fd == -1 ? -errno : 0;
}

void hz_files_watch_close(struct hz_files_watch *watch)
{
	if (watch->fd != -1)
		close(watch->fd);
	watch->fd = -1;
}

/* By descriptor: a path could lead elsewhere by now. */
void hz_files_watch_add(void *ctx, int dir_fd)
{
	const uint32_t mask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |
	                      IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
	                      IN_ONLYDIR | IN_EXCL_UNLINK;
	struct hz_files_watch *watch = ctx;
	char path[64];

	if (watch->fd == -1)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	if (watch->count == HZ_LIMIT_files_watches_max ||
	    inotify_add_watch(watch->fd, path, mask) == -1)
		watch->is_short = true;
	else
		watch->count++;
}

/* Editors write hidden files all the time (files_tree.h leaves them out). */
static bool matters(const struct inotify_event *event)
{
	const char *name = event->name;

	if ((event->mask & IN_IGNORED) != 0)
		return false;
	/* The kernel pads names with zeros. Of which directory this is we do not know: it may be a root. */
	return event->len == 0 || name[0] == '\0' || !hz_files_name_is_hidden(name, true);
}

bool hz_files_watch_look(const struct hz_files_watch *watch)
{
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool is_changed = false;

	for (unsigned i = 0; i < LOOKS_MAX && watch->fd != -1; i++) {
		ssize_t got = read(watch->fd, room, sizeof(room));
		const struct inotify_event *event;

		if (got <= 0)
			break;
		for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(const void *)(room + at);
			is_changed |= matters(event);
		}
	}
	return is_changed;
}
