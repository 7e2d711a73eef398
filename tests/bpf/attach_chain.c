/* Our program in the place of another one: both run, and the other gets its place back. */
#include "attach_world.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* A program that drops what it is given: told apart from the kernel, where that would pass. */
static int dropper_load(void)
{
	const struct bpf_insn drop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xdp_dropper", "GPL", drop, HZ_ARRAY_LEN(drop),
	                     &opts);
}

/* What our pinned program does to an ARP frame, which is nobody's claim. */
static int arp_verdict(void)
{
	const uint8_t arp[64] = { [12] = 0x08, [13] = 0x06 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = arp, .data_size_in = sizeof(arp));
	int fd = world_open("prog_xdp_" WORLD_A), status;

	if (fd < 0)
		return -ENOENT;
	status = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	return status != 0 ? status : (int)opts.retval;
}

/* From one test to the next: the program before, and how it is held. */
struct before {
	uint32_t program;
	int link_fd;
};

static const char *chained_world(struct before *before, bool by_link)
{
	before->program = world_foreign_attach(WORLD_A, by_link, &before->link_fd);
	if (before->program == 0)
		return "no foreign program";
	if (world_attach(WORLD_A, WORLD_CHAIN, NULL, NULL) != 0)
		return "not chained";
	return world_program(WORLD_A) == world_id("prog_xdp_" WORLD_A) ? NULL : "ours does not run";
}

static const char *restored(const struct before *before)
{
	struct world_pins pins;

	if (world_detach(WORLD_A, NULL) != 0)
		return "detach";
	world_pins(&pins);
	if (pins.count != 0)
		return "detach leaves pins";
	return world_program(WORLD_A) == before->program ? NULL : "the other has not its place";
}

static const char *chain_and_restore(bool by_link)
{
	struct before before;
	const char *why = chained_world(&before, by_link);

	if (why == NULL)
		why = restored(&before);
	/* as it was: by netlink it stays, by a link it goes with that */
	close(before.link_fd);
	if (why == NULL && (world_program(WORLD_A) != 0) != !by_link)
		why = "it is held otherwise than it was";
	return why;
}

static const char *by_netlink_is_restored(void)
{
	return chain_and_restore(false);
}

static const char *by_link_is_restored(void)
{
	return chain_and_restore(true);
}

/* The owner of the link ends: ours goes on, the other ends with the detachment as it would have. */
static const char *owner_that_ends_takes_nothing_along(void)
{
	struct before before;
	const char *why = chained_world(&before, true);

	close(before.link_fd);
	if (why != NULL)
		return why;
	if (world_program(WORLD_A) != world_id("prog_xdp_" WORLD_A))
		return "ours ended with it";
	if (world_detach(WORLD_A, NULL) != 0)
		return "detach";
	for (int i = 0; i < 200 && world_program(WORLD_A) != 0; i++)
		(void)usleep(10000); /* the kernel drops an unpinned link by and by */
	return world_program(WORLD_A) == 0 ? NULL : "the other outlives its owner";
}

static const char *other_gets_what_ours_lets_pass(void)
{
	int fd = dropper_load(), ifindex = (int)if_nametoindex(WORLD_A), alone, chained;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	alone = arp_verdict();
	if (world_detach(WORLD_A, NULL) != 0 || fd < 0 ||
	    bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL) != 0 ||
	    world_attach(WORLD_A, WORLD_CHAIN, NULL, NULL) != 0)
		return "not chained";
	chained = arp_verdict();
	close(fd);
	return alone == XDP_PASS && chained == XDP_DROP ? NULL : "it was not asked";
}

static const char *update_keeps_it_chained(void)
{
	struct hz_xdp_info info = { 0 };
	struct before before;
	const char *why = chained_world(&before, false);

	for (unsigned i = 0; i < 3 && why == NULL; i++) {
		uint32_t program = world_program(WORLD_A);

		if (world_attach(WORLD_A,
		                 i == 1 ? WORLD_ENSURE | WORLD_OTHER_CLAIMS
		                        : WORLD_UPDATE | WORLD_KEEP_CLAIMS,
		                 &info, NULL) != 0)
			why = "update";
		else if (world_program(WORLD_A) == program ||
		         world_program(WORLD_A) != world_id("prog_xdp_" WORLD_A))
			why = "not updated";
		else if ((info.degraded & HZ_XDP_DEGRADED_CHAINED) == 0 ||
		         strstr(info.next, "xdp_lb") == NULL)
			why = "not told that it is chained";
	}
	return why == NULL ? restored(&before) : why;
}

static const char *list_names_what_is_chained(void)
{
	struct hz_xdp_info info[2];
	struct before before;
	struct hz_err err;
	const char *why = chained_world(&before, true);

	if (why == NULL && (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1 || !info[0].is_ours ||
	                    info[0].is_half || strstr(info[0].next, "xdp_lb") == NULL ||
	                    info[0].degraded != HZ_XDP_DEGRADED_CHAINED))
		why = "told otherwise";
	close(before.link_fd);
	return why;
}

static const char *without_another_it_is_a_link_of_ours(void)
{
	if (world_attach(WORLD_A, WORLD_CHAIN, NULL, NULL) != 0)
		return "refused";
	return world_id("link_" WORLD_A) != 0 && world_id("foreign_" WORLD_A) == 0 ? NULL
	                                                                           : "no link";
}

static const char *dry_run_leaves_it_alone(void)
{
	struct world_pins none = { 0 };
	struct before before;

	before.program = world_foreign_attach(WORLD_A, false, &before.link_fd);
	if (world_attach(WORLD_A, WORLD_CHAIN | WORLD_DRY, NULL, NULL) != 0)
		return "refused";
	return world_program(WORLD_A) == before.program && world_pins_are(&none)
	               ? NULL
	               : "something changed";
}

static const char *other_mode_is_refused(void)
{
	struct world_pins none = { 0 };
	struct hz_err err;
	int link_fd;
	uint32_t program = world_foreign_attach(WORLD_A, false, &link_fd);

	if (world_attach(WORLD_A, WORLD_CHAIN | WORLD_GENERIC, NULL, &err) != -EEXIST ||
	    !world_told(&err, "xdp_mode", 1, "add: mode native"))
		return "told otherwise";
	return world_program(WORLD_A) == program && world_pins_are(&none) ? NULL : "touched";
}

/* Programs that take frames of several buffers cannot be called by one that takes one. */
static const char *program_of_other_kind_is_refused(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS,
	            .expected_attach_type = BPF_XDP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "xdp_frags", "GPL", pass, HZ_ARRAY_LEN(pass),
	                       &opts);
	struct world_pins none = { 0 };
	struct hz_err err;
	uint32_t program;

	if (fd < 0 || bpf_xdp_attach((int)if_nametoindex(WORLD_A), fd, XDP_FLAGS_DRV_MODE, NULL))
		return "no such program to be had";
	close(fd);
	program = world_program(WORLD_A);
	if (world_attach(WORLD_A, WORLD_CHAIN, NULL, &err) == 0)
		return "chained";
	printf("# %s: %s\n", err.code, err.why);
	return strcmp(err.code, "xdp_chain") == 0 && world_program(WORLD_A) == program &&
	                       world_pins_are(&none)
	               ? NULL
	               : "touched, or told otherwise";
}

/* A third one took the place: it is not ours to give back. */
static const char *third_program_is_left_alone(void)
{
	int fd = dropper_load();
	struct hz_xdp_info info[2];
	struct world_pins none = { 0 };
	struct before before;
	struct hz_err err;
	uint32_t third;
	const char *why = chained_world(&before, false);

	if (why != NULL)
		return why;
	if (bpf_xdp_attach((int)if_nametoindex(WORLD_A), fd, XDP_FLAGS_DRV_MODE, NULL) != 0)
		return "no third program";
	close(fd);
	third = world_program(WORLD_A);
	if (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1 || info[0].is_ours || info[0].is_half)
		return "listed as ours";
	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, &err) != -EBUSY ||
	    !world_told(&err, "xdp_busy", 1, "xdp_dropper"))
		return "ensure";
	if (world_detach(WORLD_A, NULL) != 0)
		return "detach";
	return world_program(WORLD_A) == third && world_pins_are(&none) ? NULL : "touched";
}

static const char *of_gone_device_is_replaced(void)
{
	struct before before;
	const char *why = chained_world(&before, false);

	if (why != NULL)
		return why;
	if (!world_run("ip link del " WORLD_A) ||
	    !world_run("ip link add " WORLD_A " type veth peer name " WORLD_A "p"))
		return "no new one";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_id("foreign_" WORLD_A) != 0)
		return "the new one is refused, or has what was chained";
	return world_detach(WORLD_A, NULL) == 0 && world_program(WORLD_A) == 0 ? NULL : "detach";
}

const struct world_test attach_chain_tests[] = {
	{ "chain.by_netlink_is_restored", by_netlink_is_restored },
	{ "chain.by_link_is_restored", by_link_is_restored },
	{ "chain.owner_that_ends_takes_nothing_along", owner_that_ends_takes_nothing_along },
	{ "chain.other_gets_what_ours_lets_pass", other_gets_what_ours_lets_pass },
	{ "chain.update_keeps_it_chained", update_keeps_it_chained },
	{ "chain.list_names_what_is_chained", list_names_what_is_chained },
	{ "chain.without_another_it_is_a_link_of_ours", without_another_it_is_a_link_of_ours },
	{ "chain.dry_run_leaves_it_alone", dry_run_leaves_it_alone },
	{ "chain.other_mode_is_refused", other_mode_is_refused },
	{ "chain.program_of_other_kind_is_refused", program_of_other_kind_is_refused },
	{ "chain.third_program_is_left_alone", third_program_is_left_alone },
	{ "chain.of_gone_device_is_replaced", of_gone_device_is_replaced },
	{ NULL, NULL },
};
