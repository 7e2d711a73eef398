#include "handlers/files_index.h"

#include "core/span_ops.h"
#include "handlers/files_index_priv.h"
#include <errno.h>
#include <stdlib.h>

/* FNV-1a. What is in the table the owner of the site chose, so there is no key. */
static uint64_t path_hash(struct hz_span path)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < path.len; i++)
		hash = (hash ^ path.data[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

/* The place of path, or the free one where it would be: the table is at most half full. */
static struct hz_files_slot *slot_of(const struct hz_files_index *index, struct hz_span path)
{
	uint64_t at = path_hash(path) & index->slot_mask;

	while (index->slot[at].file != NULL && !hz_span_equals(index->slot[at].path, path))
		at = (at + 1) & index->slot_mask;
	return &index->slot[at];
}

const struct hz_files_file *hz_files_index_find(const struct hz_files_index *index,
                                                struct hz_span path, bool *is_directory)
{
	const struct hz_files_slot *slot = slot_of(index, path);

	*is_directory = slot->is_directory;
	return slot->file;
}

int hz_files_index_table(struct hz_files_index *index, uint32_t count)
{
	uint64_t slots = 2;

	while (slots < 2 * (uint64_t)count)
		slots *= 2;
	index->slot = calloc(slots, sizeof(*index->slot));
	if (index->slot == NULL)
		return -ENOMEM;
	index->slot_mask = slots - 1;
	return 0;
}

void hz_files_index_put(struct hz_files_index *index, struct hz_span path,
                        const struct hz_files_file *file, bool is_directory)
{
	struct hz_files_slot *slot = slot_of(index, path);

	if (slot->file == NULL) /* else a better name of an index file is there */
		*slot = (struct hz_files_slot){ path, file, is_directory };
}

const struct hz_files_stats *hz_files_index_stats(const struct hz_files_index *index)
{
	return &index->stats;
}

void hz_files_index_retire(struct hz_files_index *index, struct hz_files_rep **held)
{
	for (uint32_t i = 0; i < index->file_count; i++) {
		for (unsigned c = 0; c < HZ_CODING_COUNT; c++) {
			hz_files_rep_retire(index->file[i].rep[c], held);
			index->file[i].rep[c] = NULL;
		}
	}
	hz_files_index_free(index);
}

void hz_files_index_free(struct hz_files_index *index)
{
	if (index == NULL)
		return;
	for (uint32_t i = 0; i < index->file_count; i++) {
		for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
			hz_files_rep_free(index->file[i].rep[c]);
	}
	free(index->file);
	free(index->slot);
	hz_files_tree_free(&index->tree);
	free(index);
}
