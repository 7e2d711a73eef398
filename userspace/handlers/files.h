/* Handler `files`: a directory of files, as it was when the snapshot was built. */
#ifndef HZ_FILES_H
#define HZ_FILES_H

#include "handlers/files_index.h"
#include "handlers/files_read.h"
#include "handlers/files_watch.h"
#include "handlers/handler.h"

struct hz_files_conf {
	const char *directory; /* where a relative root begins; NULL: the process's own */
	struct hz_span root;   /* may be a symbolic link; what is below is never followed */
	const struct hz_span *index_name;
	uint32_t index_name_count;
	uint64_t cache_bytes;
	bool is_coded;
	const struct hz_files_type *type;
	uint32_t type_count;
	struct hz_handler_params params; /* the last one is the file's path */
	const struct hz_files_index
		*before;              /* of a snapshot that lives until build returns; NULL */
	struct hz_files_pool *pool;   /* NULL: large files are answered 503 */
	struct hz_files_watch *watch; /* gets the directories; NULL */
};

/* 0, or -errno as hz_files_index_build and *why in words, with the path. Takes as long as reading the tree takes:
 * not on a worker. hz_handler_free, which closes files, neither. */
int hz_files_build(const struct hz_files_conf *conf, struct hz_handler *out, char why[200]);

/* The same tree as it is now, for switch. As build, of which params and pool do not count. */
int hz_files_read_tree(const struct hz_files_conf *conf, struct hz_files_index **out,
                       char why[200]);

/* Makes fresh what a handler of this kind serves from now on, and returns what it served: after a grace period
 * (hz_rcu_synchronize) that is for hz_files_index_retire. Housekeeping. */
struct hz_files_index *hz_files_switch(const struct hz_handler *handler,
                                       struct hz_files_index *fresh);

/* The index of a handler of this kind; NULL for any other. For who switches it. */
const struct hz_files_index *hz_files_index_of(const struct hz_handler *handler);

#endif
