/* A tree of files as it was at load: from a path to a file in one lookup, without a system call. Immutable once
 * built; any number of threads. A path that is not in the table does not exist, whatever it spells: there is no other
 * way from a request to a file. */
#ifndef HZ_FILES_INDEX_H
#define HZ_FILES_INDEX_H

#include "handlers/files_rep.h"
#include "handlers/files_tree.h"
#include "handlers/files_type.h"

struct hz_files_index; /* owned by the caller of build */

struct hz_files_file {
	struct hz_span path;
	uint64_t modified_s;                       /* unix time; 0: unknown */
	struct hz_files_rep *rep[HZ_CODING_COUNT]; /* owned; NULL: not in this coding */
	uint8_t rep_count;                         /* 1: nothing to negotiate */
	bool is_tried;                             /* codings that are missing are not worth it */
};

struct hz_files_stats {
	uint32_t files;        /* of them, */
	uint32_t large;        /* read by helpers when asked for */
	uint32_t codings;      /* further representations */
	uint32_t shared;       /* files taken over from the index before */
	uint64_t memory_bytes; /* of content */
	struct hz_files_skipped skipped;
};

struct hz_files_index_conf {
	int root_fd;
	const struct hz_span *index_name; /* the first that is there is what a directory shows */
	uint32_t index_name_count;
	uint64_t cache_bytes; /* of content in memory, the smallest files first */
	bool is_coded; /* representations in gzip, br and zstd, found beside a file or made of it */
	const struct hz_files_type *type; /* the site's own */
	uint32_t type_count;
	const struct hz_files_index
		*before; /* content that did not change is shared with it; NULL */
	void (*on_dir)(void *ctx, int dir_fd); /* as hz_files_tree_walk */
	void *on_dir_ctx;
};

/* 0 or -errno: the root cannot be read, -E2BIG it holds too many files, -EMFILE more than HZ_LIMIT_files_open_max of
 * them are not kept in memory, -ENOMEM. Takes as long as reading and encoding take. */
int hz_files_index_build(const struct hz_files_index_conf *conf, struct hz_files_index **out);
void hz_files_index_free(struct hz_files_index *index); /* accepts NULL */

/* The same, of one that no worker finds anything in any more; but representations that are being sent are put into
 * *held, for hz_files_rep_reclaim. */
void hz_files_index_retire(struct hz_files_index *index, struct hz_files_rep **held);

const struct hz_files_stats *hz_files_index_stats(const struct hz_files_index *index);

/* What a path names: "css/a.css"; "docs/", the directory's index file; "docs", a directory that has one:
 * *is_directory. path is what was asked for, decoded, without the slash that begins it. NULL: nothing. */
const struct hz_files_file *hz_files_index_find(const struct hz_files_index *index,
                                                struct hz_span path, bool *is_directory);

#endif
