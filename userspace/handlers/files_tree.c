#include "handlers/files_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct walk {
	int root_fd;
	struct hz_files_tree *tree;
	uint32_t found_room;
	char **dir; /* owned paths still to be read, "" the root */
	uint32_t dir_count, dir_room;
	uint32_t dirs_seen;
};

bool hz_files_name_is_hidden(const char *name, bool is_at_root)
{
	/* RFC 8615 3: what begins with this is there to be found. */
	if (is_at_root && strcmp(name, ".well-known") == 0)
		return false;
	return name[0] == '.' || name[strlen(name) - 1] == '~';
}

/* Room for one element more in an array of count. */
static int array_grow(void **array, uint32_t *room, uint32_t count, size_t element_bytes)
{
	uint32_t wanted = *room == 0 ? 64 : *room * 2;
	void *grown;

	if (count < *room)
		return 0;
	grown = realloc(*array, wanted * element_bytes);
	if (grown == NULL)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

static int dir_add(struct walk *walk, char *path)
{
	int err = -E2BIG;

	if (walk->dirs_seen < HZ_LIMIT_files_max)
		err = array_grow((void **)&walk->dir, &walk->dir_room, walk->dir_count,
		                 sizeof(*walk->dir));
	if (err != 0) {
		free(path);
		return err;
	}
	walk->dirs_seen++;
	walk->dir[walk->dir_count++] = path;
	return 0;
}

static int found_add(struct walk *walk, char *path, const struct stat *st)
{
	struct hz_files_tree *tree = walk->tree;
	int err = -E2BIG;

	if (tree->count < HZ_LIMIT_files_max)
		err = array_grow((void **)&tree->found, &walk->found_room, tree->count,
		                 sizeof(*tree->found));
	if (err != 0) {
		free(path);
		return err;
	}
	tree->found[tree->count].path = path;
	hz_files_id_of(st, &tree->found[tree->count].id);
	tree->count++;
	return 0;
}

static int entry_add(struct walk *walk, int dir_fd, const char *dir, const char *name)
{
	struct hz_files_skipped *skipped = &walk->tree->skipped;
	struct stat st;
	char *path;

	if (hz_files_name_is_hidden(name, dir[0] == '\0')) {
		skipped->hidden++;
		return 0;
	}
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		skipped->unreadable += errno != ENOENT; /* gone meanwhile: never there */
		return 0;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		skipped->special++;
		return 0;
	}
	if (strlen(dir) + strlen(name) + 1 > HZ_LIMIT_files_path_bytes_max) {
		skipped->deep++;
		return 0;
	}
	if (asprintf(&path, "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name) == -1)
		return -ENOMEM;
	return S_ISDIR(st.st_mode) ? dir_add(walk, path) : found_add(walk, path, &st);
}

static int dir_open(const struct walk *walk, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		                           RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, walk->root_fd, path[0] == '\0' ? "." : path, &how,
	                  sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int entries_add(struct walk *walk, DIR *stream, const char *path)
{
	const struct dirent *entry;
	int err = 0;

	for (errno = 0; err == 0 && (entry = readdir(stream)) != NULL; errno = 0) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = entry_add(walk, dirfd(stream), path, entry->d_name);
	}
	return err != 0 ? err : -errno;
}

/* A directory that cannot be read is counted; the root must be. */
static int dir_read(struct walk *walk, const char *path, void (*on_dir)(void *ctx, int dir_fd),
                    void *ctx)
{
	int fd = dir_open(walk, path), err;
	DIR *stream;

	if (fd < 0 && path[0] != '\0' && fd != -EMFILE && fd != -ENFILE) {
		walk->tree->skipped.unreadable += fd != -ENOENT;
		return 0;
	}
	if (fd < 0)
		return fd;
	if (on_dir != NULL)
		on_dir(ctx, fd);
	stream = fdopendir(fd);
	if (stream == NULL) {
		close(fd);
		return -ENOMEM;
	}
	err = entries_add(walk, stream, path);
	closedir(stream);
	return err;
}

int hz_files_tree_walk(int root_fd, void (*on_dir)(void *ctx, int dir_fd), void *ctx,
                       struct hz_files_tree *out)
{
	struct walk walk = { .root_fd = root_fd, .tree = out };
	char *root = strdup("");
	int err;

	*out = (struct hz_files_tree){ 0 };
	err = root == NULL ? -ENOMEM : dir_add(&walk, root);
	while (err == 0 && walk.dir_count > 0) {
		char *path = walk.dir[--walk.dir_count];

		err = dir_read(&walk, path, on_dir, ctx);
		free(path);
	}
	while (walk.dir_count > 0)
		free(walk.dir[--walk.dir_count]);
	free(walk.dir);
	return err;
}

void hz_files_tree_free(struct hz_files_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++)
		free(tree->found[i].path);
	free(tree->found);
	*tree = (struct hz_files_tree){ 0 };
}
