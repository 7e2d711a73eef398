/* Every call that attaching makes fails once, in turn: nothing may be half-done afterwards. The linker
 * sends the calls of the loader through here (--wrap, module.mk). */
#include "attach_fault.h"
#include "attach_world.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The wrappers have no argument to find it by. */
static unsigned fault_in; /* which call from now on fails; 0: none */
static bool fault_fired, fault_kills;

void attach_fault_arm(unsigned nth, bool kills)
{
	fault_in = nth;
	fault_kills = kills;
	fault_fired = false;
}

bool attach_fault_fired(void)
{
	return fault_fired;
}

unsigned attach_fault_step(void)
{
	return getenv("HZ_EACH_CALL") != NULL ? 1 : 4;
}

unsigned attach_fault_first(unsigned first)
{
	const char *text = getenv("HZ_FIRST_CALL");
	unsigned drawn = text != NULL ? (unsigned)strtoul(text, NULL, 10) : (unsigned)getpid();

	drawn %= attach_fault_step();
	printf("# from call %u on, HZ_FIRST_CALL=%u\n", first + drawn, drawn);
	return first + drawn;
}

static bool fault_is_now(void)
{
	if (fault_in == 0 || --fault_in > 0)
		return false;
	if (fault_kills)
		(void)raise(SIGKILL);
	fault_fired = true;
	errno = EIO;
	return true;
}

/* Calls that clean up count only where the process is killed: failing, they would leave what they were
 * to remove. */
static void kill_is_now(void)
{
	if (fault_kills)
		(void)fault_is_now();
}

/* A wrapper: the real call, or EIO. failed is what it returns then. */
#define WRAP(call, params, args, failed)                                                           \
	int __real_##call params;                                                                  \
	int __wrap_##call params;                                                                  \
	int __wrap_##call params                                                                   \
	{                                                                                          \
		return fault_is_now() ? (failed) : __real_##call args;                             \
	}

WRAP(bpf_obj_pin, (int fd, const char *path), (fd, path), -EIO)
WRAP(bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags),
     (fd, key, value, flags), -EIO)
WRAP(bpf_map_update_batch,
     (int fd, const void *keys, const void *values, __u32 *count,
      const struct bpf_map_batch_opts *opts),
     (fd, keys, values, count, opts), -EIO)
WRAP(bpf_map_freeze, (int fd), (fd), -EIO)
WRAP(bpf_link_create,
     (int prog_fd, int target_fd, enum bpf_attach_type type,
      const struct bpf_link_create_opts *opts),
     (prog_fd, target_fd, type, opts), -EIO)
WRAP(bpf_link_update, (int link_fd, int prog_fd, const struct bpf_link_update_opts *opts),
     (link_fd, prog_fd, opts), -EIO)
WRAP(bpf_xdp_attach,
     (int ifindex, int prog_fd, __u32 flags, const struct bpf_xdp_attach_opts *opts),
     (ifindex, prog_fd, flags, opts), -EIO)
WRAP(bpf_object__open_skeleton,
     (struct bpf_object_skeleton * skel, const struct bpf_object_open_opts *opts), (skel, opts),
     -EIO)
WRAP(bpf_object__load_skeleton, (struct bpf_object_skeleton * skel), (skel), -EIO)
WRAP(rename, (const char *from, const char *to), (from, to), -1)
WRAP(mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(chmod, (const char *path, mode_t mode), (path, mode), -1)
WRAP(chown, (const char *path, uid_t uid, gid_t gid), (path, uid, gid), -1)

#define WRAP_KILL(call, params, args)                                                              \
	int __real_##call params;                                                                  \
	int __wrap_##call params;                                                                  \
	int __wrap_##call params                                                                   \
	{                                                                                          \
		kill_is_now();                                                                     \
		return __real_##call args;                                                         \
	}

WRAP_KILL(bpf_link_detach, (int fd), (fd))
WRAP_KILL(bpf_map_delete_batch,
          (int fd, const void *keys, __u32 *count, const struct bpf_map_batch_opts *opts),
          (fd, keys, count, opts))
WRAP_KILL(unlink, (const char *path), (path))
WRAP_KILL(unlinkat, (int at, const char *path, int flags), (at, path, flags))
WRAP_KILL(rmdir, (const char *path), (path))

#define CALLS_MAX 1000 /* more than any attachment makes */

/* world_attach with its Nth call failing; true when there was such a call. */
static bool attach_faulty(const char *ifname, unsigned how, unsigned nth, int *status,
                          struct hz_err *err)
{
	attach_fault_arm(nth, false);
	*status = world_attach(ifname, how, NULL, err);
	fault_in = 0;
	return fault_fired;
}

/* Each failure is told, and the pins are as before; then it works. */
static const char *failures_leave_pins(const char *ifname, unsigned calls_least)
{
	struct world_pins before;
	struct hz_err err;
	unsigned nth;
	int status = 0;

	world_pins(&before);
	for (nth = attach_fault_first(1);
	     nth < CALLS_MAX && attach_faulty(ifname, 0, nth, &status, &err);
	     nth += attach_fault_step()) {
		if (status == 0 || err.code[0] == '\0' || err.exit_code == 0) {
			printf("# call %u\n", nth);
			return "a failure was not told";
		}
		if (world_program(ifname) != 0 || !world_pins_are(&before)) {
			printf("# call %u: %s\n", nth, err.why);
			return "half attached";
		}
	}
	printf("# %s: calls before %u failed in turn\n", ifname, nth);
	if (status != 0 || world_program(ifname) == 0)
		return "not attached though nothing failed";
	return nth > calls_least ? NULL : "hardly a call was wrapped";
}

static const char *first_attachment_leaves_nothing(void)
{
	return failures_leave_pins(WORLD_A, 60);
}

static const char *second_attachment_leaves_the_first(void)
{
	uint32_t program;
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	program = world_program(WORLD_A);
	why = failures_leave_pins(WORLD_B, 30);
	if (why != NULL)
		return why;
	return world_program(WORLD_A) == program ? NULL : "the first one runs another program";
}

/* Before the swap all is as it was. After it the new program runs, and ensure finishes what failed. */
static const char *replacement_is_old_or_repaired(void)
{
	const unsigned how = WORLD_ENSURE | WORLD_OTHER_CLAIMS;
	unsigned nth, swapped = 0;
	struct world_pins before;
	struct hz_err err;
	uint32_t program;
	int status;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	program = world_program(WORLD_A);
	for (nth = 1; nth < CALLS_MAX && attach_faulty(WORLD_A, how, nth, &status, &err); nth++) {
		if (status == 0)
			return "a failure was not told";
		if (world_program(WORLD_A) == program) {
			if (!world_pins_are(&before))
				return "the old program with other pins";
			continue;
		}
		swapped++;
		if (strstr(err.why, "ensure again") == NULL)
			return "swapped, and not told so";
		if (world_attach(WORLD_A, how, NULL, NULL) != 0 ||
		    world_program(WORLD_A) != world_id("prog_xdp_" WORLD_A))
			return "ensure does not finish it";
		if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) != 0)
			return "and not back";
		program = world_program(WORLD_A);
		world_pins(&before);
	}
	printf("# %u calls failed in turn, %u of them after the swap\n", nth - 1, swapped);
	if (status != 0 || world_program(WORLD_A) == program)
		return "not replaced though nothing failed";
	return swapped == 6 ? NULL : "not one for each pin that is renamed";
}

/* Whichever call fails, the other program has its place, and ours is not half there. */
static const char *chaining_leaves_the_other(bool by_link)
{
	const struct world_pins none = { 0 };
	int link_fd, status = 0;
	uint32_t other = world_foreign_attach(WORLD_A, by_link, &link_fd);
	unsigned nth;
	struct hz_err err;

	if (other == 0)
		return "no foreign program";
	for (nth = attach_fault_first(1);
	     nth < CALLS_MAX && attach_faulty(WORLD_A, WORLD_CHAIN, nth, &status, &err);
	     nth += attach_fault_step()) {
		if (status == 0 || err.code[0] == '\0')
			return "a failure was not told";
		if (world_program(WORLD_A) != other || !world_pins_are(&none)) {
			printf("# call %u: %s\n", nth, err.why);
			return "half chained";
		}
	}
	printf("# calls before %u failed in turn\n", nth);
	if (status != 0 || world_program(WORLD_A) == other)
		return "not chained though nothing failed";
	close(link_fd);
	return nth > 60 ? NULL : "hardly a call was wrapped";
}

static const char *chaining_by_netlink_leaves_the_other(void)
{
	return chaining_leaves_the_other(false);
}

static const char *chaining_by_link_leaves_the_other(void)
{
	return chaining_leaves_the_other(true);
}

/* --- too little of what it needs --------------------------------------------------------------------- */

/* With too few descriptors, for the calls that are not wrapped. */
static const char *few_descriptors_leave_nothing(void)
{
	struct rlimit all, few;
	struct hz_err err;
	int status = -1;
	rlim_t limit;

	if (getrlimit(RLIMIT_NOFILE, &all) != 0)
		return "no limit to be had";
	few = all;
	for (limit = 3; limit < 200 && status != 0; limit++) {
		struct world_pins pins;

		few.rlim_cur = limit;
		(void)setrlimit(RLIMIT_NOFILE, &few);
		status = world_attach(WORLD_A, 0, NULL, &err);
		(void)setrlimit(RLIMIT_NOFILE, &all);
		world_pins(&pins);
		if (status != 0 && (pins.count != 0 || world_program(WORLD_A) != 0)) {
			printf("# with %u descriptors: %s\n", (unsigned)limit, err.why);
			return "half attached";
		}
	}
	printf("# attached with %u descriptors\n", (unsigned)limit - 1);
	return status == 0 && limit > 10 ? NULL : "never attached, or at once";
}

/* world_attach with so many descriptors; what went to stderr meanwhile is put into text. */
static int attach_captured(rlim_t descriptors, struct hz_err *err, char *text, size_t room)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);
	int saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0), status;
	struct rlimit all, few;
	ssize_t len;

	if (fd < 0 || saved_fd < 0 || getrlimit(RLIMIT_NOFILE, &all) != 0)
		return -EBADF;
	few = all;
	few.rlim_cur = descriptors;
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	(void)setrlimit(RLIMIT_NOFILE, &few);
	status = world_attach(WORLD_A, 0, NULL, err);
	(void)setrlimit(RLIMIT_NOFILE, &all);
	fflush(stderr);
	dup2(saved_fd, STDERR_FILENO);
	len = pread(fd, text, room - 1, 0);
	text[HZ_MAX(len, 0)] = '\0';
	close(saved_fd);
	close(fd);
	return status;
}

/* libbpf complains when a map cannot be made: in the error, and nowhere else. */
static const char *complaint_of_libbpf_is_told_in_error(void)
{
	char text[4096];
	struct hz_err err;

	if (attach_captured(16, &err, text, sizeof(text)) == 0)
		return "nothing went wrong";
	if (text[0] != '\0') {
		printf("# stderr: %.200s\n", text);
		return "something was written to the terminal";
	}
	return world_told(&err, "xdp_load", 1, "(libbpf: ") ? NULL : "not told";
}

const struct world_test attach_fault_tests[] = {
	{ "fault.first_attachment_leaves_nothing", first_attachment_leaves_nothing },
	{ "fault.second_attachment_leaves_the_first", second_attachment_leaves_the_first },
	{ "fault.replacement_is_old_or_repaired", replacement_is_old_or_repaired },
	{ "fault.chaining_by_netlink_leaves_the_other", chaining_by_netlink_leaves_the_other },
	{ "fault.chaining_by_link_leaves_the_other", chaining_by_link_leaves_the_other },
	{ "fault.few_descriptors_leave_nothing", few_descriptors_leave_nothing },
	{ "chatter.complaint_of_libbpf_is_told_in_error", complaint_of_libbpf_is_told_in_error },
	{ NULL, NULL },
};
