/* Whoever writes lists of sources: what fails leaves those that count, nobody but root holds the others up, and a
 * server does not wait for long. */
#include "attach_ask.h"
#include "attach_fault.h"
#include "attach_world.h"
#include "loader/xdp_lists.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define NOBODY    65534
#define CALLS_MAX 1000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / HZ_NS_PER_MS;
}

/* Without `acl` nobody knows which slot counts: neither is touched. Tried with either of them live. */
static const char *unreadable_acl_touches_nothing(void)
{
	const struct hz_source_rule other = ask_rule("fd07::", 64, HZ_SOURCE_DENY);
	const char *why = NULL;

	for (int turn = 0; turn < 2 && why == NULL; turn++) {
		struct hz_xdp_lists lists;
		struct hz_err err = { 0 };
		struct asker asker;
		int acl_fd;

		if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_SOURCES, NULL, NULL) != 0 ||
		    !ask_open(&asker) || hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
			return "attach failed";
		acl_fd = lists.acl_fd;
		lists.acl_fd = lists.trie_fd[0][0]; /* its keys are other ones: no element */
		if (hz_xdp_lists_fill(&lists, &other, 1, &err) == 0)
			why = "filled";
		lists.acl_fd = acl_fd;
		if (why == NULL && !ask_are_denied(&asker, true, false))
			why = "the list that counts was emptied";
		hz_xdp_lists_close(&lists);
		close(asker.prog_fd);
	}
	return why;
}

static const char *busy_one_is_told_in_time(void)
{
	const struct hz_source_rule other = ask_rule("fd07::", 64, HZ_SOURCE_DENY);
	struct hz_xdp_lists lists, writer;
	struct hz_err err = { 0 };
	const char *why = NULL;
	uint64_t began_ms;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0 ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &writer) != 0)
		return "attach failed";
	if (hz_xdp_lists_fill(&writer, &other, 1, &err) != 0)
		return "not filled";
	for (lists.wait_ms = 0; lists.wait_ms <= 100 && why == NULL; lists.wait_ms += 100) {
		began_ms = now_ms();
		memset(&err, 0, sizeof(err));
		if (hz_xdp_lists_fill(&lists, &other, 1, &err) != -EBUSY ||
		    !world_told(&err, "lists_busy", 6, "fuser -v " WORLD_PINS "/private"))
			why = "not told";
		else if (now_ms() - began_ms < lists.wait_ms ||
		         now_ms() - began_ms > lists.wait_ms + 1000)
			why = "it waited for another time";
	}
	if (why == NULL && hz_xdp_lists_flip(&writer) != 0)
		why = "the one that holds it cannot go on";
	hz_xdp_lists_drop(&writer);
	if (why == NULL && hz_xdp_lists_fill(&lists, &other, 1, &err) != 0)
		why = "not free afterwards";
	hz_xdp_lists_drop(&lists);
	hz_xdp_lists_close(&lists);
	hz_xdp_lists_close(&writer);
	return why;
}

/* Every folder of the instance that a member of its group can open, locked. */
static void folders_lock_as_member(int ready_fd)
{
	static const char *const folders[] = { WORLD_PINS, WORLD_PINS "/private",
		                               WORLD_PINS "/show" };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(1);
	for (size_t i = 0; i < HZ_ARRAY_LEN(folders); i++)
		(void)flock(open(folders[i], O_RDONLY | O_DIRECTORY), LOCK_EX);
	if (write(ready_fd, "", 1) == 1)
		pause();
	_exit(1);
}

static const char *member_of_the_group_cannot_hold_it(void)
{
	struct hz_err err = { 0 };
	int ready[2], status;
	char byte;
	pid_t pid;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || pipe(ready) != 0)
		return "attach failed";
	if (!world_run("chgrp -R nogroup " WORLD_PINS))
		return "no group";
	pid = fork();
	if (pid == 0)
		folders_lock_as_member(ready[1]);
	close(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		return "no other process";
	status = world_attach(WORLD_A, WORLD_ENSURE | WORLD_SOURCES, NULL, &err);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	close(ready[0]);
	if (status != 0)
		printf("# %s\n", err.why);
	return status == 0 ? NULL : "a reader of figures holds up an attach";
}

/* Each call of an attachment with lists fails in turn; the lists are part of all or nothing. */
static const char *failed_attachment_with_lists_leaves_nothing(void)
{
	const struct world_pins none = { 0 };
	struct hz_err err;
	struct asker asker;
	unsigned nth, unseen = 0;
	bool is_over = false;

	for (nth = 1; nth < CALLS_MAX && !is_over; nth++) {
		int status;

		attach_fault_arm(nth, false);
		status = world_attach(WORLD_A, WORLD_SOURCES, NULL, &err);
		is_over = !attach_fault_fired();
		attach_fault_arm(0, false);
		if (status != 0 && (world_program(WORLD_A) != 0 || !world_pins_are(&none))) {
			printf("# call %u\n", nth);
			return "half attached";
		}
		if (status != 0 && strstr(err.why, "it is attached") != NULL)
			return "told as attached, and is not";
		if (status != 0)
			continue;
		unseen += !is_over; /* waiting for packets that look at the old list may fail */
		if (!ask_open(&asker) || !ask_are_denied(&asker, true, false))
			return "attached without its lists";
		close(asker.prog_fd);
		if (world_detach(WORLD_A, NULL) != 0)
			return "detach failed";
	}
	printf("# %u calls failed in turn\n", nth - 2);
	return is_over && unseen == 1 && nth > 60 ? NULL : "hardly a call was seen";
}

const struct world_test attach_writer_tests[] = {
	{ "lists.unreadable_acl_touches_nothing", unreadable_acl_touches_nothing },
	{ "lists.busy_one_is_told_in_time", busy_one_is_told_in_time },
	{ "lists.member_of_the_group_cannot_hold_it", member_of_the_group_cannot_hold_it },
	{ "lists.failed_attachment_with_them_leaves_nothing",
	  failed_attachment_with_lists_leaves_nothing },
	{ NULL, NULL },
};
