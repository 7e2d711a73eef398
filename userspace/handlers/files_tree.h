/* What lies below a directory: a list of regular files, found without following a link. */
#ifndef HZ_FILES_TREE_H
#define HZ_FILES_TREE_H

#include "handlers/files_bytes.h"

struct hz_files_found {
	char *path; /* owned; below the root, "css/a.css" */
	struct hz_files_id id;
};

/* What was left out. */
struct hz_files_skipped {
	uint32_t
		hidden; /* names that begin with '.' or end with '~', and all below such directories; not
		         * .well-known in the root */
	uint32_t special;    /* symbolic links, devices, sockets, pipes */
	uint32_t deep;       /* paths beyond HZ_LIMIT_files_path_bytes_max */
	uint32_t unreadable; /* by rights, or because they change all the time */
};

struct hz_files_tree {
	struct hz_files_found *found; /* owned */
	uint32_t count;
	struct hz_files_skipped skipped;
};

/* Whether an entry of a directory is left out for its name, which is not empty. */
bool hz_files_name_is_hidden(const char *name, bool is_at_root);

/* on_dir, unless NULL, gets each directory's descriptor before the directory is read. 0 or -errno; -E2BIG beyond
 * HZ_LIMIT_files_max files or directories. *out is written in any case, for free. */
int hz_files_tree_walk(int root_fd, void (*on_dir)(void *ctx, int dir_fd), void *ctx,
                       struct hz_files_tree *out);
void hz_files_tree_free(struct hz_files_tree *tree); /* accepts a zeroed one */

#endif
