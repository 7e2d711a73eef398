/* The bytes of one file, or of one file encoded: in memory, or behind an open descriptor. Shared by successive
 * indexes and by reads under way; constant but for the count of those. */
#ifndef HZ_FILES_BYTES_H
#define HZ_FILES_BYTES_H

#include "http/accept_coding.h"
#include <sys/stat.h>

/* Which state of which file. */
struct hz_files_id {
	uint64_t device, inode, bytes;
	struct timespec modified;
	struct timespec changed; /* ctime: no program can set it */
};

#define HZ_FILES_TAG_MAX 56

struct hz_files_bytes {
	uint32_t refs; /* atomic */
	int fd;        /* owned; -1: in data */
	enum hz_coding coding;
	bool is_fresh; /* a change right after it was read might not show in id */
	uint8_t tag_bytes;
	uint8_t tag[HZ_FILES_TAG_MAX]; /* strong entity tag (RFC 9110 8.8.3), with its quotes */
	struct hz_files_id id;         /* of the file, also when encoded from it */
	uint64_t bytes;
	uint8_t data[];
};

/* Opens a file below root_fd without following a link. It is read when it has at most memory_bytes_max bytes.
 * 0, -EBUSY (it changed each time it was read) or -errno; -EINVAL for what is not a regular file. */
int hz_files_bytes_load(int root_fd, const char *path, uint64_t memory_bytes_max,
                        struct hz_files_bytes **out);

/* plain, which is in memory, encoded. As hz_files_encode. */
int hz_files_bytes_encode(const struct hz_files_bytes *plain, enum hz_coding coding,
                          struct hz_files_bytes **out);

/* Any thread. The last put closes and frees, so it is not for workers. */
struct hz_files_bytes *hz_files_bytes_get(const struct hz_files_bytes *bytes);
void hz_files_bytes_put(struct hz_files_bytes *bytes); /* accepts NULL */

static inline bool hz_files_bytes_is_shared(const struct hz_files_bytes *bytes)
{
	return __atomic_load_n(&bytes->refs, __ATOMIC_RELAXED) > 1;
}

void hz_files_id_of(const struct stat *st, struct hz_files_id *out);
bool hz_files_id_equals(const struct hz_files_id *a, const struct hz_files_id *b);

/* Whether the content behind an open descriptor is still that of id. Another name, or none, changes nothing. */
bool hz_files_id_holds(const struct hz_files_id *id, int fd);

#endif
