/* hzctl killed at every step: whoever comes next finds what it left and can do everything, and a program
 * of other people is never lost. The quick set kills before calls that attach_fault.c wraps, in turn; the long
 * one at every system call that changes something, by ptrace. */
#include "attach_ask.h"
#include "attach_fault.h"
#include "attach_world.h"
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 3000 /* more than any attachment makes */
/* Before that call, and a few more, an instance is made, as for any attachment. */
#define CALL_INSTANCE_MADE 90

enum act { ACT_ATTACH, ACT_REPLACE, ACT_UPDATE, ACT_DETACH, ACT_GC, ACT_LISTS };
enum other { OTHER_NONE, OTHER_BY_NETLINK, OTHER_BY_LINK };
/* What one does next. */
enum next { NEXT_ATTACH, NEXT_ENSURE, NEXT_DETACH, NEXT_DETACH_ALL, NEXT_GC, NEXT_COUNT };

struct scene {
	enum act act;
	enum other other;
	bool is_traced; /* killed by ptrace */
	bool has_lists; /* it denies one network, and ACT_LISTS another one instead */
	unsigned first; /* call to begin with */
	unsigned wide,
		all_from; /* so many things one can do next are tried; from that call on all */
	uint32_t other_id;
	int other_fd;               /* its link, -1 */
	struct world_pins complete; /* when attached */
};

static unsigned how_chained(const struct scene *scene)
{
	return scene->other != OTHER_NONE ? WORLD_CHAIN : 0;
}

static unsigned how_listed(const struct scene *scene)
{
	return scene->has_lists ? WORLD_SOURCES : 0;
}

static void on_found(const char *instance, const char *ifname, const char *what, void *ctx)
{
	(void)instance;
	(void)ifname;
	(void)what;
	(void)ctx;
}

static int gc(void)
{
	struct hz_err err = { 0 };

	return hz_xdp_gc(WORLD_INSTANCE, false, false, on_found, NULL, &err);
}

static int act(const struct scene *scene)
{
	switch (scene->act) {
	case ACT_ATTACH:
		return world_attach(WORLD_A, how_chained(scene) | how_listed(scene), NULL, NULL);
	case ACT_LISTS:
		return world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_SOURCES, NULL, NULL);
	case ACT_REPLACE:
		return world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_CLAIMS, NULL, NULL);
	case ACT_UPDATE:
		return world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, NULL);
	case ACT_DETACH:
		return world_detach(WORLD_A, NULL);
	case ACT_GC:
		break;
	}
	return HZ_MIN(gc(), 0);
}

/* --- killing ----------------------------------------------------------------------------------------- */

/* Closing a descriptor is left out: a kill closes them all. */
static bool call_changes(uint64_t number, uint64_t command)
{
	static const int calls[] = { SYS_sendto, SYS_sendmsg,  SYS_rename, SYS_unlink, SYS_rmdir,
		                     SYS_mkdir,  SYS_unlinkat, SYS_chmod,  SYS_chown };
	static const int commands[] = { BPF_OBJ_PIN,          BPF_MAP_UPDATE_ELEM,  BPF_MAP_FREEZE,
		                        BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, BPF_LINK_CREATE,
		                        BPF_LINK_UPDATE,      BPF_LINK_DETACH };

	for (size_t i = 0; number == SYS_bpf && i < HZ_ARRAY_LEN(commands); i++)
		if (command == (uint64_t)commands[i])
			return true;
	for (size_t i = 0; i < HZ_ARRAY_LEN(calls); i++)
		if (number == (uint64_t)calls[i])
			return true;
	return false;
}

/* Runs a stopped child up to its nth such call and kills it there; false when it ended before. */
static bool child_killed_at(pid_t pid, unsigned nth)
{
	struct __ptrace_syscall_info info;
	int status;

	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		memset(&info, 0, sizeof(info));
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    call_changes(info.entry.nr, info.entry.args[0]) && --nth == 0) {
			(void)kill(pid, SIGKILL);
			return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
		}
		/* or a stop at a call does not say that it is one */
		(void)ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
		(void)ptrace(PTRACE_SYSCALL, pid, 0, 0);
	}
	return false;
}

/* In a process of its own, killed before its nth call; false when it made fewer and ended. */
static bool was_killed(const struct scene *scene, unsigned nth)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (scene->is_traced) {
			(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
			(void)raise(SIGSTOP);
		} else {
			attach_fault_arm(nth, true);
		}
		_exit(act(scene) != 0);
	}
	if (pid < 0)
		return false;
	if (scene->is_traced)
		return child_killed_at(pid, nth);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

/* --- afterwards -------------------------------------------------------------------------------------- */

static bool is_listed(void)
{
	struct hz_xdp_info info;
	struct hz_err err = { 0 };

	return hz_xdp_list(WORLD_INSTANCE, &info, 1, &err) == 1 &&
	       strcmp(info.ifname, WORLD_A) == 0 && info.program_id == world_program(WORLD_A);
}

/* A name of a pin without its id: these are of each attachment. */
static bool are_complete(const struct world_pins *complete)
{
	struct world_pins now;
	size_t same = 0;

	world_pins(&now);
	for (size_t i = 0; i < now.count; i++)
		for (size_t k = 0; k < complete->count; k++)
			same += strcmp(now.seen[i].path, complete->seen[k].path) == 0 &&
			        now.seen[i].mode == complete->seen[k].mode;
	return now.count == complete->count && same == now.count;
}

static const char *is_off(const struct scene *scene)
{
	const struct world_pins none = { 0 };
	struct hz_err err = { 0 };

	/* dropped with the last pin of its link, which the kernel does by and by */
	for (int i = 0; i < 100 && world_program(WORLD_A) != scene->other_id; i++)
		(void)usleep(5000);
	if (world_program(WORLD_A) != scene->other_id)
		return "what is on the device is not what was before";
	if (world_detach(NULL, &err) != 0)
		return "detach all refuses";
	return world_pins_are(&none) ? NULL : "pins are left";
}

static const char *is_on(const struct scene *scene)
{
	if (world_program(WORLD_A) == 0 || world_program(WORLD_A) != world_id("prog_xdp_" WORLD_A))
		return "attach is not pinned";
	if ((world_id("link_" WORLD_A) != 0) == (scene->other != OTHER_NONE))
		return "held otherwise";
	return are_complete(&scene->complete) ? NULL
	                                      : "attach leaves too much or too little pinned";
}

/* Without ensure and chain; what it says depends on what the killed one has got to. */
static const char *goes_on_attaching(const struct scene *scene)
{
	struct hz_err err = { 0 };
	bool is_other = scene->other_id != 0 && world_program(WORLD_A) == scene->other_id;
	int status = world_attach(WORLD_A, 0, NULL, &err);

	if (is_other)
		return status == -EBUSY && world_told(&err, "xdp_busy", 1, "xdp_lb")
		               ? NULL
		               : "the other is not told";
	if (status == -EEXIST)
		return world_told(&err, "xdp_attached", 1, "") ? NULL : "attach refuses";
	return status == 0 ? is_on(scene) : "attach refuses";
}

static const char *goes_on(const struct scene *scene, enum next next)
{
	struct hz_err err = { 0 };
	int status;

	switch (next) {
	case NEXT_ATTACH:
		return goes_on_attaching(scene);
	case NEXT_ENSURE:
		if (world_attach(WORLD_A, WORLD_ENSURE | how_chained(scene), NULL, &err) == 0)
			return is_on(scene);
		printf("# %s: %s\n", err.code, err.why);
		return "ensure refuses";
	case NEXT_DETACH:
	case NEXT_DETACH_ALL:
		status = world_detach(next == NEXT_DETACH ? WORLD_A : NULL, &err);
		return status == 0 || status == -ENOENT ? is_off(scene) : "detach refuses";
	case NEXT_GC:
	case NEXT_COUNT:
		break;
	}
	status = gc();
	if (status < 0)
		return "gc refuses";
	if (world_program(WORLD_A) == scene->other_id)
		return is_off(scene);
	return is_listed() ? NULL : "gc leaves what is not listed";
}

/* What runs on the device now is ours and known, or the other; it is never bare while there is another. */
static const char *nothing_is_lost(const struct scene *scene)
{
	uint32_t program = world_program(WORLD_A);

	if (program == scene->other_id)
		return NULL;
	if (program == 0)
		return "the other program is lost";
	return is_listed() ? NULL : "attached, and not listed";
}

/* What is attached has the lists before or those after, as a whole; and takes new ones, which count. */
static const char *lists_are_whole(const struct scene *scene)
{
	struct asker asker;
	bool is_whole;

	if (!scene->has_lists || world_program(WORLD_A) == 0 || !ask_open(&asker))
		return NULL;
	is_whole = ask_are_denied(&asker, true, false) ||
	           (scene->act == ACT_LISTS && ask_are_denied(&asker, false, true));
	close(asker.prog_fd);
	if (!is_whole)
		return "half a list counts";
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_SOURCES, NULL, NULL) != 0)
		return "new lists are refused";
	if (!ask_open(&asker))
		return "nothing is attached any more";
	is_whole = ask_are_denied(&asker, false, true);
	close(asker.prog_fd);
	return is_whole ? NULL : "new lists do not count";
}

/* --- scenes ------------------------------------------------------------------------------------------ */

static const char *scene_reset(struct scene *scene)
{
	(void)world_detach(NULL, NULL);
	if (scene->other != OTHER_NONE && world_program(WORLD_A) != scene->other_id)
		return "the other program is not on the device";
	if (scene->act == ACT_ATTACH)
		return NULL;
	if (world_attach(WORLD_A, how_chained(scene) | how_listed(scene), NULL, NULL) != 0)
		return "attach failed";
	if (scene->act == ACT_GC && unlink(WORLD_PINS "/link_" WORLD_A) != 0)
		return "no leftovers to be had";
	for (int i = 0; scene->act == ACT_GC && i < 200 && world_program(WORLD_A) != 0; i++)
		(void)usleep(5000);
	return NULL;
}

static const char *killed_once(struct scene *scene, unsigned nth, enum next next, bool *killed)
{
	const char *why = scene_reset(scene);

	if (why != NULL)
		return why;
	*killed = was_killed(scene, nth);
	if (!*killed)
		return NULL;
	why = nothing_is_lost(scene);
	if (why == NULL)
		why = lists_are_whole(scene);
	if (why == NULL)
		why = goes_on(scene, next);
	if (why == NULL) {
		(void)world_detach(NULL, NULL);
		why = is_off(scene);
	}
	if (why != NULL)
		printf("# killed before call %u, next %u\n", nth, (unsigned)next);
	return why;
}

static const char *scene_open(struct scene *scene)
{
	scene->other_fd = -1;
	if (scene->other != OTHER_NONE) {
		scene->other_id = world_foreign_attach(WORLD_A, scene->other == OTHER_BY_LINK,
		                                       &scene->other_fd);
		if (scene->other_id == 0)
			return "no foreign program";
	}
	if (world_attach(WORLD_A, how_chained(scene), NULL, NULL) != 0)
		return "attach failed";
	world_pins(&scene->complete);
	return NULL;
}

/* Killed before every call in turn, and after each one some of what one can do next. */
static const char *killed_everywhere(struct scene scene, unsigned calls_least)
{
	const char *why = scene_open(&scene);
	bool killed = true;
	const unsigned first = HZ_MAX(scene.first, 1u);
	unsigned nth, wide;

	for (nth = attach_fault_first(first); killed && why == NULL && nth < CALLS_MAX;
	     nth += attach_fault_step()) {
		wide = scene.all_from != 0 && nth >= scene.all_from ? NEXT_COUNT
		                                                    : HZ_MAX(scene.wide, 1u);
		for (unsigned i = 0; i < wide && killed && why == NULL; i++)
			why = killed_once(&scene, nth, (enum next)((nth + i) % NEXT_COUNT),
			                  &killed);
	}
	printf("# killed before calls %u to %u in turn\n", first, nth - attach_fault_step());
	close(scene.other_fd);
	if (why != NULL)
		return why;
	return nth - attach_fault_step() > calls_least ? NULL : "hardly a call was seen";
}

static const char *attach_is_undone_or_shown(void)
{
	return killed_everywhere((struct scene){ .act = ACT_ATTACH, .all_from = 104 }, 60);
}

static const char *replacement_is_undone_or_shown(void)
{
	return killed_everywhere((struct scene){ .act = ACT_REPLACE }, 12);
}

static const char *update_is_undone_or_done(void)
{
	return killed_everywhere((struct scene){ .act = ACT_UPDATE }, 12);
}

static const char *lists_are_old_or_new(void)
{
	return killed_everywhere((struct scene){ .act = ACT_LISTS, .has_lists = true, .wide = 2 },
	                         5);
}

static const char *attach_with_lists_is_undone_or_shown(void)
{
	return killed_everywhere(
		(struct scene){ .act = ACT_ATTACH, .has_lists = true, .first = CALL_INSTANCE_MADE },
		60);
}

static const char *detach_is_done_again(void)
{
	return killed_everywhere((struct scene){ .act = ACT_DETACH }, 20);
}

static const char *gc_is_done_again(void)
{
	return killed_everywhere((struct scene){ .act = ACT_GC }, 20);
}

#define CHAINED(acts, others, call)                                                                \
	killed_everywhere((struct scene){ .act = (acts), .other = (others), .first = (call) }, 12)

static const char *chain_by_netlink_loses_nothing(void)
{
	return CHAINED(ACT_ATTACH, OTHER_BY_NETLINK, CALL_INSTANCE_MADE);
}

static const char *chain_by_link_loses_nothing(void)
{
	return CHAINED(ACT_ATTACH, OTHER_BY_LINK, CALL_INSTANCE_MADE);
}

static const char *chained_update_loses_nothing(void)
{
	return CHAINED(ACT_UPDATE, OTHER_BY_LINK, 1);
}

static const char *unchain_by_netlink_loses_nothing(void)
{
	return CHAINED(ACT_DETACH, OTHER_BY_NETLINK, 1);
}

static const char *unchain_by_link_loses_nothing(void)
{
	return CHAINED(ACT_DETACH, OTHER_BY_LINK, 1);
}

/* A dry run says that it would attach, and leaves what it found. */
static const char *attach_survives_a_dry_run(void)
{
	const struct scene scene = { .act = ACT_ATTACH };
	struct world_pins before;
	unsigned nth = 1;

	do {
		(void)world_detach(NULL, NULL);
		if (!was_killed(&scene, nth++))
			return "never left half attached";
	} while (world_program(WORLD_A) == 0);
	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_DRY, NULL, NULL) != 0)
		return "refused";
	return world_program(WORLD_A) != 0 && world_pins_are(&before) ? NULL : "something changed";
}

const struct world_test attach_kill_tests[] = {
	{ "killed.attach_is_undone_or_shown", attach_is_undone_or_shown },
	{ "killed.replacement_is_undone_or_shown", replacement_is_undone_or_shown },
	{ "killed.update_is_undone_or_done", update_is_undone_or_done },
	{ "killed.lists_are_old_or_new", lists_are_old_or_new },
	{ "killed.attach_with_lists_is_undone_or_shown", attach_with_lists_is_undone_or_shown },
	{ "killed.detach_is_done_again", detach_is_done_again },
	{ "killed.gc_is_done_again", gc_is_done_again },
	{ "killed.attach_survives_a_dry_run", attach_survives_a_dry_run },
	{ NULL, NULL },
};

const struct world_test attach_kill_chain_tests[] = {
	{ "killed.chain_by_netlink_loses_nothing", chain_by_netlink_loses_nothing },
	{ "killed.chain_by_link_loses_nothing", chain_by_link_loses_nothing },
	{ "killed.chained_update_loses_nothing", chained_update_loses_nothing },
	{ "killed.unchain_by_netlink_loses_nothing", unchain_by_netlink_loses_nothing },
	{ "killed.unchain_by_link_loses_nothing", unchain_by_link_loses_nothing },
	{ NULL, NULL },
};

/* --- the long set ------------------------------------------------------------------------------------ */

#define TRACED(acts, others)                                                                       \
	killed_everywhere(                                                                         \
		(struct scene){ .act = (acts), .other = (others), .is_traced = true, .wide = 2 },  \
		12)

static const char *traced_attach(void)
{
	return TRACED(ACT_ATTACH, OTHER_NONE);
}

static const char *traced_replacement(void)
{
	return TRACED(ACT_REPLACE, OTHER_NONE);
}

static const char *traced_update(void)
{
	return TRACED(ACT_UPDATE, OTHER_NONE);
}

static const char *traced_detach(void)
{
	return TRACED(ACT_DETACH, OTHER_NONE);
}

static const char *traced_gc(void)
{
	return TRACED(ACT_GC, OTHER_NONE);
}

static const char *traced_lists(void)
{
	return killed_everywhere(
		(struct scene){ .act = ACT_LISTS, .has_lists = true, .is_traced = true, .wide = 2 },
		5);
}

static const char *traced_chain_by_netlink(void)
{
	return TRACED(ACT_ATTACH, OTHER_BY_NETLINK);
}

static const char *traced_chain_by_link(void)
{
	return TRACED(ACT_ATTACH, OTHER_BY_LINK);
}

static const char *traced_chained_update(void)
{
	return TRACED(ACT_UPDATE, OTHER_BY_NETLINK);
}

static const char *traced_chained_replacement(void)
{
	return TRACED(ACT_REPLACE, OTHER_BY_LINK);
}

static const char *traced_unchain_by_netlink(void)
{
	return TRACED(ACT_DETACH, OTHER_BY_NETLINK);
}

static const char *traced_unchain_by_link(void)
{
	return TRACED(ACT_DETACH, OTHER_BY_LINK);
}

const struct world_test attach_kill_long_tests[] = {
	{ "killed_at_every_call.attach", traced_attach },
	{ "killed_at_every_call.replacement", traced_replacement },
	{ "killed_at_every_call.update", traced_update },
	{ "killed_at_every_call.detach", traced_detach },
	{ "killed_at_every_call.gc", traced_gc },
	{ "killed_at_every_call.lists", traced_lists },
	{ "killed_at_every_call.chain_by_netlink", traced_chain_by_netlink },
	{ "killed_at_every_call.chain_by_link", traced_chain_by_link },
	{ "killed_at_every_call.chained_update", traced_chained_update },
	{ "killed_at_every_call.chained_replacement", traced_chained_replacement },
	{ "killed_at_every_call.unchain_by_netlink", traced_unchain_by_netlink },
	{ "killed_at_every_call.unchain_by_link", traced_unchain_by_link },
	{ NULL, NULL },
};
