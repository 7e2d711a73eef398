#include "handlers/files_bytes.h"

#include "handlers/files_encode.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TRIES 3
/* Times of files move in ticks of the kernel, of 10 ms at most: a change within the tick in which a file was read
 * leaves no trace. */
#define FRESH_NS (100 * (int64_t)HZ_NS_PER_MS)

void hz_files_id_of(const struct stat *st, struct hz_files_id *out)
{
	*out = (struct hz_files_id){ .device = st->st_dev,
		                     .inode = st->st_ino,
		                     .bytes = (uint64_t)st->st_size,
		                     .modified = st->st_mtim,
		                     .changed = st->st_ctim };
}

static bool time_equals(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool hz_files_id_equals(const struct hz_files_id *a, const struct hz_files_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       time_equals(a->modified, b->modified) && time_equals(a->changed, b->changed);
}

bool hz_files_id_holds(const struct hz_files_id *id, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size == id->bytes &&
	       time_equals(st.st_mtim, id->modified);
}

static bool is_fresh(const struct hz_files_id *id)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - id->changed.tv_sec) * (int64_t)HZ_NS_PER_S + now.tv_nsec -
	               id->changed.tv_nsec <
	       FRESH_NS;
}

/* FNV-1a of 128 bits (Fowler, Noll, Vo). Not keyed: who writes the files may well know the tags. */
static unsigned __int128 content_hash(const uint8_t *data, uint64_t bytes)
{
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;

	for (uint64_t i = 0; i < bytes; i++)
		hash = (hash ^ data[i]) * prime;
	return hash;
}

static void tag_write(struct hz_files_bytes *bytes)
{
	char text[HZ_FILES_TAG_MAX + 1];
	unsigned __int128 hash;
	uint64_t modified_ns;
	int len;

	if (bytes->fd == -1) {
		hash = content_hash(bytes->data, bytes->bytes);
		len = snprintf(text, sizeof(text), "\"%016" PRIx64 "%016" PRIx64 "\"",
		               (uint64_t)(hash >> 64), (uint64_t)hash);
	} else {
		modified_ns = (uint64_t)bytes->id.modified.tv_sec * HZ_NS_PER_S +
		              (uint64_t)bytes->id.modified.tv_nsec;
		len = snprintf(text, sizeof(text), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
		               bytes->id.inode, bytes->id.bytes, modified_ns);
	}
	memcpy(bytes->tag, text, (size_t)len);
	bytes->tag_bytes = (uint8_t)len;
}

static struct hz_files_bytes *bytes_make(const struct hz_files_id *id, uint64_t data_bytes)
{
	struct hz_files_bytes *bytes = NULL;

	if (data_bytes <= SIZE_MAX - sizeof(*bytes))
		bytes = calloc(1, sizeof(*bytes) + (size_t)data_bytes);
	if (bytes == NULL)
		return NULL;
	bytes->refs = 1;
	bytes->fd = -1;
	bytes->id = *id;
	bytes->bytes = data_bytes;
	return bytes;
}

/* All of it, and not a byte more: a file that grew or shrank is not the one that was asked for. */
static int content_read(int fd, struct hz_files_bytes *bytes)
{
	uint64_t at = 0;
	uint8_t more;

	while (at < bytes->bytes) {
		ssize_t n = pread(fd, bytes->data + at, (size_t)(bytes->bytes - at), (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return -EBUSY;
		at += (uint64_t)n;
	}
	return pread(fd, &more, 1, (off_t)at) == 0 ? 0 : -EBUSY;
}

static int memory_load(int fd, const struct hz_files_id *id, struct hz_files_bytes **out)
{
	struct hz_files_bytes *bytes = bytes_make(id, id->bytes);
	struct hz_files_id after;
	struct stat st;
	int err;

	if (bytes == NULL)
		return -ENOMEM;
	err = content_read(fd, bytes);
	if (err == 0 && fstat(fd, &st) != 0)
		err = -errno;
	if (err == 0) {
		hz_files_id_of(&st, &after);
		err = hz_files_id_equals(id, &after) ? 0 : -EBUSY;
	}
	if (err != 0) {
		free(bytes);
		return err;
	}
	tag_write(bytes);
	*out = bytes;
	return 0;
}

static int fd_keep(int fd, const struct hz_files_id *id, struct hz_files_bytes **out)
{
	struct hz_files_bytes *bytes = bytes_make(id, 0);

	if (bytes == NULL)
		return -ENOMEM;
	bytes->fd = fd;
	bytes->bytes = id->bytes;
	tag_write(bytes);
	*out = bytes;
	return 0;
}

/* The kernel holds the path to the tree, also against whoever moves directories meanwhile. O_NONBLOCK: opening
 * what became a FIFO must not wait for its writer. */
static int file_open(int root_fd, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		                           RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int hz_files_bytes_load(int root_fd, const char *path, uint64_t memory_bytes_max,
                        struct hz_files_bytes **out)
{
	int fd = file_open(root_fd, path), err = -EBUSY;
	struct hz_files_id id;
	bool is_kept = false;

	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < TRIES && err == -EBUSY; i++) {
		struct stat st;

		if (fstat(fd, &st) != 0) {
			err = -errno;
			break;
		}
		if (!S_ISREG(st.st_mode)) {
			err = -EINVAL;
			break;
		}
		hz_files_id_of(&st, &id);
		is_kept = id.bytes > memory_bytes_max;
		err = is_kept ? fd_keep(fd, &id, out) : memory_load(fd, &id, out);
	}
	if (err == 0)
		(*out)->is_fresh = is_fresh(&id);
	if (err != 0 || !is_kept)
		close(fd);
	return err;
}

int hz_files_bytes_encode(const struct hz_files_bytes *plain, enum hz_coding coding,
                          struct hz_files_bytes **out)
{
	struct hz_files_bytes *bytes;
	uint8_t *encoded;
	size_t length;
	int err = hz_files_encode(coding, (struct hz_span){ plain->data, (size_t)plain->bytes },
	                          &encoded, &length);

	if (err != 0)
		return err;
	bytes = bytes_make(&plain->id, length);
	if (bytes == NULL) {
		free(encoded);
		return -ENOMEM;
	}
	memcpy(bytes->data, encoded, length);
	free(encoded);
	bytes->coding = coding;
	tag_write(bytes);
	*out = bytes;
	return 0;
}

struct hz_files_bytes *hz_files_bytes_get(const struct hz_files_bytes *bytes)
{
	struct hz_files_bytes *counted = (struct hz_files_bytes *)(uintptr_t)bytes;

	__atomic_fetch_add(&counted->refs, 1, __ATOMIC_RELAXED);
	return counted;
}

void hz_files_bytes_put(struct hz_files_bytes *bytes)
{
	if (bytes == NULL || __atomic_sub_fetch(&bytes->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (bytes->fd != -1)
		close(bytes->fd);
	free(bytes);
}
