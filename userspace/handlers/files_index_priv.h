/* The table behind files_index.h, for who builds it. */
#ifndef HZ_FILES_INDEX_PRIV_H
#define HZ_FILES_INDEX_PRIV_H

#include "handlers/files_index.h"

struct hz_files_slot {
	struct hz_span path;
	const struct hz_files_file *file; /* NULL: free */
	bool is_directory; /* file is what it shows, under a path that ends with '/' */
};

struct hz_files_index {
	struct hz_files_slot *slot; /* owned */
	uint64_t slot_mask;
	struct hz_files_file *file; /* owned; by size, then path */
	uint32_t file_count;
	struct hz_files_tree tree; /* owned: the paths */
	struct hz_files_stats stats;
};

/* Room for count paths; 0 or -ENOMEM. */
int hz_files_index_table(struct hz_files_index *index, uint32_t count);
/* Once per path; a second time changes nothing. */
void hz_files_index_put(struct hz_files_index *index, struct hz_span path,
                        const struct hz_files_file *file, bool is_directory);

#endif
