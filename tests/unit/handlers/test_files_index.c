/* What of a tree is served, and what a rebuild shares. */
#include "files_rig.h"

#include "core/span_ops.h"
#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SETTLED_NS (150 * (long)HZ_NS_PER_MS) /* what was read then is not fresh any more */

static void settle(void)
{
	const struct timespec pause = { .tv_nsec = SETTLED_NS };

	nanosleep(&pause, NULL);
}

static const struct hz_files_file *file_of(const struct files_rig *rig, const char *path)
{
	bool is_directory;

	return hz_files_index_find(hz_files_index_of(&rig->handler), hz_span_text(path),
	                           &is_directory);
}

/* Where there are none: of no length, and neither in memory nor open. */
static const struct hz_files_bytes *bytes_of(const struct files_rig *rig, const char *path,
                                             enum hz_coding coding)
{
	static const struct hz_files_bytes none = { .fd = -2 };
	const struct hz_files_file *file = file_of(rig, path);

	return file != NULL && file->rep[coding] != NULL ? file->rep[coding]->bytes : &none;
}

static uint8_t first_byte(const struct files_rig *rig, const char *path)
{
	const struct hz_files_bytes *bytes = bytes_of(rig, path, HZ_CODING_IDENTITY);

	return bytes->bytes > 0 ? bytes->data[0] : 0;
}

static const struct hz_files_stats *stats_of(const struct files_rig *rig)
{
	return hz_files_index_stats(hz_files_index_of(&rig->handler));
}

static void link_make(const struct files_rig *rig, const char *to, const char *path)
{
	char full[256];

	files_rig_path(rig, path, full);
	CU_ASSERT_EQUAL(symlink(to, full), 0);
}

static void only_regular_files_that_are_not_hidden_are_served(void)
{
	struct files_rig *rig = files_rig_open();
	char path[256];

	files_rig_text(rig, "../secret.txt", "secret");
	files_rig_text(rig, "a.txt", "a");
	files_rig_text(rig, "d/e/f.txt", "f");
	files_rig_text(rig, ".hidden", "h");
	files_rig_text(rig, ".git/config", "h");
	files_rig_text(rig, "a.txt~", "h");
	files_rig_text(rig, ".well-known/security.txt", "s");
	files_rig_text(rig, ".well-known/.hidden", "h");
	files_rig_text(rig, "d/.well-known/security.txt", "h");
	link_make(rig, "../secret.txt", "link.txt");
	link_make(rig, "a.txt", "inside.txt");
	link_make(rig, "..", "up");
	link_make(rig, "/etc", "d/etc");
	files_rig_path(rig, "fifo", path);
	CU_ASSERT_EQUAL(mkfifo(path, 0644), 0);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(stats_of(rig)->files, 3);
	CU_ASSERT_EQUAL(stats_of(rig)->skipped.hidden, 5);
	CU_ASSERT_EQUAL(stats_of(rig)->skipped.special, 5);
	CU_ASSERT_EQUAL(files_rig_status(rig, "a.txt"), 200);
	CU_ASSERT_EQUAL(files_rig_status(rig, "d/e/f.txt"), 200);
	CU_ASSERT_EQUAL(files_rig_status(rig, ".well-known/security.txt"), 200);
	static const char *const none[] = {
		".hidden",
		".git/config",
		"a.txt~",
		"link.txt",
		"inside.txt",
		"up/www/a.txt",
		"up/secret.txt",
		"d/etc/passwd",
		"fifo",
		"../secret.txt",
		"d/../a.txt",
		"./a.txt",
		"/a.txt",
		"d//e/f.txt",
		"d",
		"d/",
		"A.TXT",
		"a.txt/",
		"a.tx",
		"a.txtt",
		".well-known/.hidden",
		"d/.well-known/security.txt",
		".well-known/",
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(none); i++)
		CU_ASSERT_EQUAL(files_rig_status(rig, none[i]), 404);
	files_rig_close(rig);
}

static void root_may_be_a_link_and_may_move(void)
{
	struct files_rig *rig = files_rig_open();
	char link[128];

	files_rig_text(rig, "a", "one");
	files_rig_text(rig, "../two/a", "two");
	snprintf(link, sizeof(link), "%s/current", rig->dir);
	CU_ASSERT_EQUAL(symlink("www", link), 0);
	rig->conf.root = hz_span_text(link);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(first_byte(rig, "a"), 'o');
	unlink(link);
	CU_ASSERT_EQUAL(symlink("two", link), 0);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(first_byte(rig, "a"), 't');
	files_rig_close(rig);
}

static void unreadable_file_is_counted(void)
{
	struct files_rig *rig = files_rig_open();
	char path[256];

	if (geteuid() == 0) {
		files_rig_close(rig);
		HZ_SKIP("root may read everything");
	}
	files_rig_text(rig, "a", "a");
	files_rig_text(rig, "b", "b");
	files_rig_path(rig, "b", path);
	CU_ASSERT_EQUAL(chmod(path, 0), 0);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(stats_of(rig)->skipped.unreadable, 1);
	CU_ASSERT_EQUAL(files_rig_status(rig, "b"), 404);
	files_rig_close(rig);
}

static void path_beyond_the_limit_is_left_out(void)
{
	struct files_rig *rig = files_rig_open();
	char name[201];
	int at = open(rig->root, O_RDONLY | O_DIRECTORY);

	memset(name, 'd', 200);
	name[200] = '\0';
	for (unsigned i = 0; i < 7; i++) { /* 200, 401, ... 1406 */
		int next, file = openat(at, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		CU_ASSERT_NOT_EQUAL(file, -1);
		close(file);
		CU_ASSERT_EQUAL(mkdirat(at, name, 0755), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY);
		close(at);
		at = next;
	}
	close(at);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(stats_of(rig)->files, 6); /* the deepest path that fits is 5 * 201 + 1 */
	CU_ASSERT_EQUAL(stats_of(rig)->skipped.deep, 1);
	files_rig_close(rig);
}

static void smallest_files_are_kept_in_memory(void)
{
	struct files_rig *rig = files_rig_open();
	char *big = calloc(1, HZ_LIMIT_files_memory_bytes_max + 1);

	files_rig_write(rig, "a", big, 600);
	files_rig_write(rig, "b", big, 300);
	files_rig_write(rig, "c", big, 500);
	rig->conf.cache_bytes = 1000;
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT(bytes_of(rig, "a", HZ_CODING_IDENTITY)->fd >= 0);
	CU_ASSERT_EQUAL(bytes_of(rig, "b", HZ_CODING_IDENTITY)->fd, -1);
	CU_ASSERT_EQUAL(bytes_of(rig, "c", HZ_CODING_IDENTITY)->fd, -1);
	CU_ASSERT_EQUAL(stats_of(rig)->large, 1);
	CU_ASSERT_EQUAL(stats_of(rig)->memory_bytes, 800);
	rig->conf.cache_bytes = 1u << 30;
	files_rig_write(rig, "d", big, HZ_LIMIT_files_memory_bytes_max);
	files_rig_write(rig, "e", big, HZ_LIMIT_files_memory_bytes_max + 1);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(bytes_of(rig, "a", HZ_CODING_IDENTITY)->fd, -1);
	CU_ASSERT_EQUAL(bytes_of(rig, "d", HZ_CODING_IDENTITY)->fd, -1);
	CU_ASSERT(bytes_of(rig, "e", HZ_CODING_IDENTITY)->fd >= 0);
	/* Without a pool nobody can read it. */
	CU_ASSERT_EQUAL(files_rig_status(rig, "e"), 503);
	free(big);
	files_rig_close(rig);
}

static void what_did_not_change_is_shared(void)
{
	struct files_rig *rig = files_rig_open();
	const struct hz_files_bytes *a, *gz;
	char text[2000];

	memset(text, 'x', sizeof(text));
	files_rig_write(rig, "a.css", text, sizeof(text));
	files_rig_text(rig, "b", "old");
	settle();
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	a = bytes_of(rig, "a.css", HZ_CODING_IDENTITY);
	gz = bytes_of(rig, "a.css", HZ_CODING_GZIP);
	CU_ASSERT(gz->bytes > 0);
	files_rig_text(rig, "b", "new");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(stats_of(rig)->shared, 1);
	CU_ASSERT_PTR_EQUAL(bytes_of(rig, "a.css", HZ_CODING_IDENTITY), a);
	CU_ASSERT_PTR_EQUAL(bytes_of(rig, "a.css", HZ_CODING_GZIP), gz);
	CU_ASSERT_EQUAL(a->refs, 1);
	CU_ASSERT_EQUAL(first_byte(rig, "b"), 'n');
	/* The same length and time of last change, but another file. */
	files_rig_text(rig, "../c", "car");
	{
		char from[256], to[256];

		files_rig_path(rig, "../c", from);
		files_rig_path(rig, "b", to);
		CU_ASSERT_EQUAL(rename(from, to), 0);
	}
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(first_byte(rig, "b"), 'c');
	files_rig_close(rig);
}

/* The clock of files ticks: a further write in the tick in which it was read leaves size and times as they were. */
static void file_read_while_fresh_is_read_again(void)
{
	struct files_rig *rig = files_rig_open();

	for (unsigned i = 0; i < 50; i++) {
		const char text[2] = { (char)('a' + i % 26), 0 };

		files_rig_text(rig, "a", text);
		CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
		CU_ASSERT_EQUAL(first_byte(rig, "a"), text[0]);
		CU_ASSERT_EQUAL(stats_of(rig)->shared, 0);
	}
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0); /* nothing changed, as far as one can see */
	CU_ASSERT_EQUAL(stats_of(rig)->shared, 0);
	settle();
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(stats_of(rig)->shared, 1);
	files_rig_close(rig);
}

/* --- changes while it is built --------------------------------------------------------------------------------- */

#define TORN_BYTES 20000u

struct changer {
	const struct files_rig *rig;
	bool ends; /* atomic */
};

/* An editor: writes beside, then renames over. Every content is one byte over and over. */
static void *changer_run(void *arg)
{
	struct changer *changer = arg;
	char text[TORN_BYTES], from[256], to[256];

	files_rig_path(changer->rig, ".a.tmp", from);
	files_rig_path(changer->rig, "a", to);
	for (unsigned i = 0; !__atomic_load_n(&changer->ends, __ATOMIC_RELAXED); i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		files_rig_write(changer->rig, ".a.tmp", text, 1000 + i * 977 % 19000);
		if (rename(from, to) != 0)
			abort();
	}
	return NULL;
}

static void rename_over_never_shows_a_torn_file(void)
{
	struct files_rig *rig = files_rig_open();
	struct changer changer = { .rig = rig };
	unsigned kinds = 0;
	pthread_t thread;
	uint8_t last = 0;

	files_rig_text(rig, "a", "x");
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, changer_run, &changer), 0);
	/* Until enough changes were met; the other thread may wait long for its turn. */
	for (unsigned i = 0; i < 300 || (kinds <= 10 && i < 300000); i++) {
		const struct hz_files_bytes *bytes;
		bool is_torn = false;

		CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
		bytes = bytes_of(rig, "a", HZ_CODING_IDENTITY);
		CU_ASSERT_FATAL(bytes->bytes > 0);
		for (uint64_t k = 1; k < bytes->bytes; k++)
			is_torn |= bytes->data[k] != bytes->data[0];
		CU_ASSERT_FALSE(is_torn);
		kinds += bytes->data[0] != last;
		last = bytes->data[0];
	}
	__atomic_store_n(&changer.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT(kinds > 10);
	files_rig_close(rig);
}

/* Content that changes under the reader's hands is not taken. The writer changes all of it without end, so that what
 * is read in one piece with equal times before and after is whole. */
static void *scribbler_run(void *arg)
{
	struct changer *changer = arg;
	static uint8_t text[2u << 20];
	char path[256];
	int fd;

	files_rig_path(changer->rig, "a", path);
	fd = open(path, O_WRONLY);
	for (unsigned i = 0; !__atomic_load_n(&changer->ends, __ATOMIC_RELAXED); i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		if (pwrite(fd, text, sizeof(text), 0) != sizeof(text) ||
		    ftruncate(fd, (off_t)(sizeof(text) / 2 + i % 999)) != 0)
			abort();
	}
	close(fd);
	return NULL;
}

static void file_that_never_rests_keeps_its_last_content(void)
{
	struct files_rig *rig = files_rig_open();
	struct changer changer = { .rig = rig };
	unsigned kept = 0;
	pthread_t thread;

	files_rig_text(rig, "a", "in peace");
	settle();
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, scribbler_run, &changer), 0);
	for (unsigned i = 0; i < 40; i++) {
		CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
		CU_ASSERT_FATAL(bytes_of(rig, "a", HZ_CODING_IDENTITY)->bytes > 0);
		kept += bytes_of(rig, "a", HZ_CODING_IDENTITY)->bytes == 8;
	}
	__atomic_store_n(&changer.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT(kept > 0);
	files_rig_close(rig);
}

#define FILE_BYTES ((size_t)HZ_LIMIT_files_memory_bytes_max)

/* One byte at a time, for ever; the size stays. */
static void *nibbler_run(void *arg)
{
	struct changer *changer = arg;
	char path[256];
	int fd;

	files_rig_path(changer->rig, "a", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; !__atomic_load_n(&changer->ends, __ATOMIC_RELAXED); i++) {
		if (pwrite(fd, "x", 1, (off_t)(i * 4099 % FILE_BYTES)) != 1)
			abort();
	}
	close(fd);
	return NULL;
}

/* Seen by the time of its last change: sooner or later even by a clock that ticks slowly. */
static void file_changed_while_it_is_read_is_not_taken(void)
{
	struct files_rig *rig = files_rig_open();
	struct changer changer = { .rig = rig };
	char *text = calloc(1, FILE_BYTES);
	int root = open(rig->root, O_RDONLY | O_DIRECTORY), err = 0;
	time_t until = time(NULL) + 20;
	pthread_t thread;

	files_rig_write(rig, "a", text, FILE_BYTES);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, nibbler_run, &changer), 0);
	while (err == 0 && time(NULL) < until) {
		struct hz_files_bytes *bytes = NULL;

		err = hz_files_bytes_load(root, "a", FILE_BYTES, &bytes);
		hz_files_bytes_put(bytes);
	}
	__atomic_store_n(&changer.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(err, -EBUSY);
	close(root);
	free(text);
	files_rig_close(rig);
}

/* "x/1" and "x/2" are on the list; when one of them is opened, x becomes a link to where both are, too. */
struct exchanger {
	const struct files_rig *rig;
	unsigned dirs;
};

static void exchange_in_between(void *ctx, int dir_fd)
{
	struct exchanger *exchanger = ctx;
	char from[256], to[256];

	(void)dir_fd;
	if (++exchanger->dirs != 3) /* after the root and x */
		return;
	files_rig_path(exchanger->rig, "x", from);
	files_rig_path(exchanger->rig, "../was_x", to);
	CU_ASSERT_EQUAL(rename(from, to), 0);
	link_make(exchanger->rig, ".y", "x"); /* inside the tree, even */
}

static void directory_exchanged_for_a_link_is_not_followed(void)
{
	struct files_rig *rig = files_rig_open();
	struct exchanger exchanger = { .rig = rig };
	int root = open(rig->root, O_RDONLY | O_DIRECTORY);
	struct hz_files_tree tree;

	files_rig_text(rig, "x/1/f", "x");
	files_rig_text(rig, "x/2/f", "x");
	files_rig_text(rig, ".y/1/f", "y");
	files_rig_text(rig, ".y/2/f", "y");
	CU_ASSERT_EQUAL(hz_files_tree_walk(root, exchange_in_between, &exchanger, &tree), 0);
	CU_ASSERT_EQUAL(exchanger.dirs, 3);
	CU_ASSERT_EQUAL(tree.count, 1); /* of the directory that was open already */
	CU_ASSERT_EQUAL(tree.skipped.unreadable, 1);
	if (tree.count == 1) {
		struct hz_files_bytes *bytes = NULL;

		CU_ASSERT_EQUAL(hz_files_bytes_load(root, tree.found[0].path, 100, &bytes), -ELOOP);
		hz_files_bytes_put(bytes);
	}
	hz_files_tree_free(&tree);
	close(root);
	files_rig_close(rig);
}

/* --- watching ---------------------------------------------------------------------------------------------- */

static bool is_told(const struct hz_files_watch *watch)
{
	struct pollfd poll_fd = { .fd = watch->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 200) == 1 && hz_files_watch_look(watch);
}

static void changes_that_matter_are_told(void)
{
	struct files_rig *rig = files_rig_open();
	struct hz_files_watch watch;
	char path[256], other[256];

	CU_ASSERT_EQUAL_FATAL(hz_files_watch_open(&watch), 0);
	files_rig_text(rig, "a", "a");
	files_rig_text(rig, "d/b", "b");
	rig->conf.watch = &watch;
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(watch.count, 2);
	CU_ASSERT_FALSE(watch.is_short);
	CU_ASSERT_FALSE(hz_files_watch_look(&watch)); /* reading is no change */
	files_rig_text(rig, "d/b", "c");
	CU_ASSERT(is_told(&watch));
	CU_ASSERT_FALSE(hz_files_watch_look(&watch));
	files_rig_text(rig, "new", "c");
	CU_ASSERT(is_told(&watch));
	files_rig_path(rig, "new", path);
	files_rig_path(rig, "newer", other);
	CU_ASSERT_EQUAL(rename(path, other), 0);
	CU_ASSERT(is_told(&watch));
	CU_ASSERT_EQUAL(unlink(other), 0);
	CU_ASSERT(is_told(&watch));
	files_rig_text(rig, "d/.swp", "editor");
	files_rig_text(rig, "d/b~", "editor");
	CU_ASSERT_FALSE(is_told(&watch));
	hz_files_watch_close(&watch);
	CU_ASSERT_FALSE(hz_files_watch_look(&watch));
	files_rig_close(rig);
}

HZ_SUITE(files_index, CASE(only_regular_files_that_are_not_hidden_are_served),
         CASE(root_may_be_a_link_and_may_move), CASE(unreadable_file_is_counted),
         CASE(path_beyond_the_limit_is_left_out), CASE(smallest_files_are_kept_in_memory),
         CASE(what_did_not_change_is_shared), CASE(file_read_while_fresh_is_read_again),
         CASE(rename_over_never_shows_a_torn_file),
         CASE(file_that_never_rests_keeps_its_last_content),
         CASE(file_changed_while_it_is_read_is_not_taken),
         CASE(directory_exchanged_for_a_link_is_not_followed), CASE(changes_that_matter_are_told));
