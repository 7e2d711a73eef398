/* Run directory, locks, shared arrays: what a dead run left, a second run, and users without root. */
#include "hz_test.h"
#include "server/rights.h"
#include "server_rig.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Below /run for root; nobody's own directory else. */
struct place {
	char instance[32];
	char path[96];
};

static bool place_find(struct place *place)
{
	const char *base = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");

	snprintf(place->instance, sizeof(place->instance), "unit-%d", (int)getpid());
	if (base != NULL)
		snprintf(place->path, sizeof(place->path), "%s/hz-%s", base, place->instance);
	return base != NULL && access(base, W_OK) == 0;
}

static void file_make(const char *dir, const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool file_is(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

#define PLACE_OR_SKIP(place)                                                                       \
	if (!place_find(place))                                                                    \
	HZ_SKIP("no run directory: neither root nor XDG_RUNTIME_DIR")

static void rundir_of_a_dead_run_is_taken_over_and_removed_at_the_end(void)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	struct hz_err err = { 0 };
	struct place place;
	char pid[32] = "", path[128];
	int fd;

	PLACE_OR_SKIP(&place);
	CU_ASSERT_EQUAL(mkdir(place.path, 0755), 0);
	file_make(place.path, "lock", "999999999 and more than our own\n");
	CU_ASSERT_EQUAL_FATAL(hz_rundir_open(place.instance, false, &rundir, &err), 0);
	CU_ASSERT_STRING_EQUAL(rundir.path, place.path);
	snprintf(path, sizeof(path), "%s/lock", place.path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_TRUE(read(fd, pid, sizeof(pid) - 1) > 0);
	close(fd);
	CU_ASSERT_EQUAL(strtol(pid, NULL, 10), getpid());
	CU_ASSERT_STRING_EQUAL(strchr(pid, '\n'), "\n"); /* nothing of the old text is left */
	hz_rundir_close(&rundir);
	CU_ASSERT_EQUAL(access(place.path, F_OK), -1);
	hz_rundir_close(&rundir); /* again: nothing happens */
}

static void rundir_second_instance_is_refused_with_the_owners_pid(void)
{
	struct hz_rundir rundir = { .lock_fd = -1 }, second = { .lock_fd = -1 };
	struct hz_err err = { 0 };
	struct place place;
	char pid[32];

	PLACE_OR_SKIP(&place);
	CU_ASSERT_EQUAL_FATAL(hz_rundir_open(place.instance, false, &rundir, &err), 0);
	CU_ASSERT_EQUAL(hz_rundir_open(place.instance, false, &second, &err), -EBUSY);
	CU_ASSERT_EQUAL(second.lock_fd, -1);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, pid));
	CU_ASSERT_TRUE(file_is(place.path, "lock")); /* the owner's is untouched */
	hz_rundir_close(&rundir);
	CU_ASSERT_EQUAL(hz_rundir_open(place.instance, false, &second, &err), 0);
	hz_rundir_close(&second);
}

static void rundir_lock_that_is_a_symlink_is_not_followed(void)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	char lock[128], target[128];
	struct hz_err err = { 0 };
	struct place place;

	PLACE_OR_SKIP(&place);
	snprintf(lock, sizeof(lock), "%s/lock", place.path);
	snprintf(target, sizeof(target), "%s/victim", place.path);
	CU_ASSERT_EQUAL(mkdir(place.path, 0755), 0);
	CU_ASSERT_EQUAL(symlink(target, lock), 0);
	CU_ASSERT_EQUAL(hz_rundir_open(place.instance, false, &rundir, &err), -ELOOP);
	CU_ASSERT_EQUAL(err.exit_code, 7);
	CU_ASSERT_EQUAL(access(target, F_OK), -1);
	unlink(lock);
	rmdir(place.path);
}

static void rundir_shared_arrays_replace_stale_files_by_zeroes(void)
{
	struct hz_rundir_shared shared = { 0 };
	struct hz_rundir rundir = { .lock_fd = -1 };
	struct hz_err err = { 0 };
	struct place place;
	char path[128];
	struct stat info;

	PLACE_OR_SKIP(&place);
	CU_ASSERT_EQUAL_FATAL(hz_rundir_open(place.instance, false, &rundir, &err), 0);
	file_make(place.path, "latency", "left by a run that was killed");
	file_make(place.path, "beat", "");
	CU_ASSERT_EQUAL(hz_rundir_share(&rundir, 3, &shared, &err), 0);
	CU_ASSERT_EQUAL(shared.latency[0].bucket[0], 0);
	CU_ASSERT_EQUAL(shared.latency[0].sum_ns, 0);
	CU_ASSERT_EQUAL(shared.latency[HZ_HIST_ENTRIES - 1].max_ns, 0);
	CU_ASSERT_EQUAL(shared.worker[HZ_WORKERS_MAX - 1].requests, 0);
	CU_ASSERT_EQUAL(shared.route_names[HZ_ROUTE_SLOTS - 1].generation, 0);
	CU_ASSERT_EQUAL(shared.route_latency[3 * HZ_ROUTE_SLOTS - 1].sum_ns, 0);
	snprintf(path, sizeof(path), "%s/beat", place.path);
	CU_ASSERT_EQUAL(stat(path, &info), 0);
	CU_ASSERT_EQUAL((size_t)info.st_size, sizeof(struct hz_beat) * HZ_WORKERS_MAX);
	CU_ASSERT_EQUAL(info.st_mode & 022, 0); /* others read, only hzd writes */
	hz_rundir_unshare(&rundir, &shared);
	CU_ASSERT_PTR_NULL(shared.latency);
	hz_rundir_close(&rundir);
	CU_ASSERT_EQUAL(access(place.path, F_OK), -1);
}

static void rundir_share_that_fails_leaves_nothing(void)
{
	struct hz_rundir_shared shared = { 0 };
	struct hz_rundir rundir = { .lock_fd = -1 };
	struct hz_err err = { 0 };
	struct place place;
	char path[128];

	PLACE_OR_SKIP(&place);
	CU_ASSERT_EQUAL_FATAL(hz_rundir_open(place.instance, false, &rundir, &err), 0);
	snprintf(path, sizeof(path), "%s/workers", place.path);
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	CU_ASSERT_NOT_EQUAL(hz_rundir_share(&rundir, 3, &shared, &err), 0);
	CU_ASSERT_EQUAL(err.exit_code, 5);
	CU_ASSERT_PTR_NULL(shared.latency);
	CU_ASSERT_FALSE(file_is(place.path, "latency"));
	CU_ASSERT_FALSE(file_is(place.path, "beat"));
	CU_ASSERT_FALSE(file_is(place.path, "route_names"));
	rmdir(path);
	hz_rundir_close(&rundir);
	CU_ASSERT_EQUAL(access(place.path, F_OK), -1);
}

/* Of root the group reads it where there is one, hz-admin; of others nobody. */
static void rundir_private_file_is_for_its_owner_and_holds_its_memory(void)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	const size_t bytes = 3u << 20;
	struct hz_err err = { 0 };
	struct place place;
	void *base = NULL;
	char path[128];
	struct stat info;

	PLACE_OR_SKIP(&place);
	CU_ASSERT_EQUAL_FATAL(hz_rundir_open(place.instance, false, &rundir, &err), 0);
	file_make(place.path, "frames", "of a run that was killed");
	CU_ASSERT_EQUAL_FATAL(hz_rundir_share_private(&rundir, "frames", bytes, &base), 0);
	CU_ASSERT_EQUAL(*(const uint64_t *)base, 0);
	snprintf(path, sizeof(path), "%s/frames", place.path);
	CU_ASSERT_EQUAL(stat(path, &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0737, 0600);
	if (getgrnam("hz-admin") == NULL || geteuid() != 0)
		CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL((size_t)info.st_size, bytes);
	CU_ASSERT((size_t)info.st_blocks * 512 >= bytes); /* no SIGBUS when /run is full */
	hz_rundir_unshare_private(&rundir, "frames", bytes, base);
	CU_ASSERT_FALSE(file_is(place.path, "frames"));
	CU_ASSERT_NOT_EQUAL(hz_rundir_share_private(&rundir, "frames", 1ull << 60, &base), 0);
	CU_ASSERT_FALSE(file_is(place.path, "frames"));
	hz_rundir_close(&rundir);
	CU_ASSERT_EQUAL(access(place.path, F_OK), -1);
}

static int nobody_opens(void *ctx)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	struct hz_err err = { 0 };
	const char *dir = ctx;
	bool is_there;

	if (hz_rundir_open(NULL, false, &rundir, &err) != 0)
		return 1;
	is_there = strncmp(rundir.path, dir, strlen(dir)) == 0 &&
	           strcmp(rundir.path + strlen(dir), "/hz") == 0 && file_is(rundir.path, "lock");
	hz_rundir_close(&rundir);
	return is_there && access(rundir.path, F_OK) == -1 ? 0 : 2;
}

static int nobody_is_refused(void *ctx)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	const char *needle = ctx;
	struct hz_err err = { 0 };

	if (hz_rundir_open(NULL, false, &rundir, &err) == 0)
		return 1;
	return err.exit_code == 7 && strstr(err.why, needle) != NULL ? 0 : 2;
}

static void rundir_without_root_lives_below_xdg_runtime_dir(void)
{
	char dir[] = "/tmp/hz-server-XXXXXX";
	char deep[128], needle[] = "XDG_RUNTIME_DIR is not set", too_long[] = "too long";
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	if (geteuid() == 0)
		CU_ASSERT_EQUAL(chown(dir, RIG_NOBODY, RIG_NOBODY), 0);
	result = server_rig_as_nobody(nobody_opens, dir, dir);
	if (result == RIG_NO_RIGHTS) {
		rmdir(dir);
		HZ_SKIP("needs root to become somebody else");
	}
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_EQUAL(server_rig_as_nobody(nobody_is_refused, needle, NULL), 0);
	CU_ASSERT_EQUAL(server_rig_as_nobody(nobody_is_refused, needle, "relative"), 0);
	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	CU_ASSERT_EQUAL(server_rig_as_nobody(nobody_is_refused, too_long, deep), 0);
	rmdir(dir);
}

static int nobody_has_no_rights(void *ctx)
{
	static const char *const names[] = { "NET_RAW", "NET_ADMIN", " BPF", "SYS_ADMIN",
		                             "IPC_LOCK" };
	struct hz_err err = { 0 };

	(void)ctx;
	if (hz_rights_check(&err) != -EPERM || err.exit_code != 7)
		return 1;
	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++)
		if (strstr(err.why, names[i]) == NULL)
			return 2;
	return strstr(err.hint, "boot/io=socket") != NULL ? 0 : 3;
}

static void rights_that_are_missing_are_named(void)
{
	int result = server_rig_as_nobody(nobody_has_no_rights, NULL, NULL);
	struct hz_err err = { 0 };

	if (result == RIG_NO_RIGHTS)
		HZ_SKIP("needs root to compare with");
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_EQUAL(hz_rights_check(&err), 0);
}

static void interface_served_twice_is_refused_by_name_until_it_is_given_back(void)
{
	const uint64_t namespace_inode = 0x7fffffffffffff00u + (uint64_t)getpid() % 256;
	struct hz_err err = { 0 };
	struct stat info;
	char name[64];
	int fd, again;

	if (geteuid() != 0)
		HZ_SKIP("needs root: /run/hz-lock");
	fd = hz_rundir_lock_interface(namespace_inode, 7, "eth7", &err);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(stat("/run/hz-lock", &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 077, 0); /* nobody else can hold a lock against us */
	CU_ASSERT_EQUAL(info.st_uid, 0);
	CU_ASSERT_EQUAL(hz_rundir_lock_interface(namespace_inode, 7, "eth7", &err), -EBUSY);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "eth7 is served by pid"));
	again = hz_rundir_lock_interface(namespace_inode + 1, 7, "eth7", &err);
	CU_ASSERT_TRUE(again >= 0); /* the same index in another namespace */
	hz_rundir_unlock_interface(namespace_inode + 1, 7, again);
	hz_rundir_unlock_interface(namespace_inode, 7, fd);
	snprintf(name, sizeof(name), "hz-%llu-7.lock", (unsigned long long)namespace_inode);
	CU_ASSERT_FALSE(file_is("/run/hz-lock", name)); /* nothing is left */
	fd = hz_rundir_lock_interface(namespace_inode, 7, "eth7", &err);
	CU_ASSERT_TRUE(fd >= 0);
	hz_rundir_unlock_interface(namespace_inode, 7, fd);
}

HZ_SUITE(rundir, CASE(rundir_of_a_dead_run_is_taken_over_and_removed_at_the_end),
         CASE(rundir_second_instance_is_refused_with_the_owners_pid),
         CASE(rundir_lock_that_is_a_symlink_is_not_followed),
         CASE(rundir_shared_arrays_replace_stale_files_by_zeroes),
         CASE(rundir_share_that_fails_leaves_nothing),
         CASE(rundir_private_file_is_for_its_owner_and_holds_its_memory),
         CASE(rundir_without_root_lives_below_xdg_runtime_dir),
         CASE(rights_that_are_missing_are_named),
         CASE(interface_served_twice_is_refused_by_name_until_it_is_given_back));
