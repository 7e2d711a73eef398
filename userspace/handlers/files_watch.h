/* Notices that something below a tree changed (inotify). One per snapshot, for all its trees: a new snapshot watches
 * anew, from before it reads a directory, so that nothing falls between two. */
#ifndef HZ_FILES_WATCH_H
#define HZ_FILES_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct hz_files_watch {
	int fd;         /* owned; readable when something happened. -1: none */
	uint32_t count; /* directories */
	bool is_short;  /* not all directories are watched: limits of ours or of the kernel */
};

/* 0 or -errno of inotify_init1, with fd -1. */
int hz_files_watch_open(struct hz_files_watch *out);
void hz_files_watch_close(struct hz_files_watch *watch); /* accepts one with fd -1 */

/* Adds an open directory; what cannot be watched makes it short. For hz_files_tree_walk: ctx is the watch. */
void hz_files_watch_add(void *watch, int dir_fd);

/* Takes what happened since the last look; whether it can matter to what is served. Never blocks. */
bool hz_files_watch_look(const struct hz_files_watch *watch);

#endif
