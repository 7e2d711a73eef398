/* Attaching, attaching again, detaching: what is pinned, what runs, what stays. */
#include "attach_world.h"
#include "loader/xdp_maps.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* Everything an instance on one interface has, and who may open it (root:hz, or root:root). */
static const struct {
	const char *name;
	mode_t mode;
} pins_wanted[] = {
	{ "", S_IFDIR | 0751 },
	{ "/private", S_IFDIR | 0700 },
	{ "/show", S_IFDIR | 0755 },
	{ "/private/key", S_IFREG | 0600 },
	{ "/private/cookies", S_IFREG | 0600 },
	{ "/show/latency", S_IFREG | 0444 },
	{ "/show/verdicts", S_IFREG | 0444 },
	{ "/show/workers", S_IFREG | 0444 },
	{ "/show/connections", S_IFREG | 0444 },
	{ "/show/routes", S_IFREG | 0444 },
	{ "/drops", S_IFREG | 0640 },
	{ "/latency", S_IFREG | 0660 },
	{ "/latency_pct", S_IFREG | 0660 },
	{ "/verdicts", S_IFREG | 0640 },
	{ "/beat", S_IFREG | 0660 },
	{ "/workers", S_IFREG | 0660 },
	{ "/connections", S_IFREG | 0660 },
	{ "/cfg", S_IFREG | 0660 },
	{ "/stream_stats", S_IFREG | 0640 },
	{ "/shed_rows", S_IFREG | 0660 },
	{ "/acl", S_IFREG | 0660 },
	{ "/acl4", S_IFREG | 0660 },
	{ "/acl6", S_IFREG | 0660 },
	{ "/acl4_a", S_IFREG | 0660 },
	{ "/acl4_b", S_IFREG | 0660 },
	{ "/acl6_a", S_IFREG | 0660 },
	{ "/acl6_b", S_IFREG | 0660 },
	{ "/src_rate", S_IFREG | 0660 },
	{ "/src", S_IFREG | 0640 },
	{ "/events", S_IFREG | 0660 },
	{ "/prog_flush", S_IFREG | 0640 },
	{ "/prog_emit", S_IFREG | 0640 },
	{ "/prog_watch", S_IFREG | 0640 },
	{ "/private/flush_turn", S_IFREG | 0600 },
	{ "/subscribers", S_IFREG | 0660 },
	{ "/subscriber_stats", S_IFREG | 0660 },
	{ "/latency_log2", S_IFREG | 0660 },
	{ "/route_names", S_IFREG | 0660 },
	{ "/route_latency", S_IFREG | 0660 },
	{ "/xsks_map_" WORLD_A, S_IFREG | 0660 },
	{ "/next_" WORLD_A, S_IFREG | 0600 },
	{ "/vips_" WORLD_A, S_IFREG | 0640 },
	{ "/probers_" WORLD_A, S_IFREG | 0640 },
	{ "/resp_" WORLD_A, S_IFREG | 0640 },
	{ "/meta_" WORLD_A, S_IFREG | 0640 },
	{ "/prog_xdp_" WORLD_A, S_IFREG | 0600 },
	{ "/link_" WORLD_A, S_IFREG | 0600 },
};

static bool pin_is_wanted(const struct world_pins *pins, size_t at)
{
	char path[HZ_PIN_PATH_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(pins_wanted); i++) {
		snprintf(path, sizeof(path), WORLD_PINS "%s", pins_wanted[i].name);
		if (strcmp(path, pins->seen[at].path) == 0)
			return pins->seen[at].mode == pins_wanted[i].mode &&
			       pins->seen[at].uid == 0 &&
			       (pins->seen[at].id != 0 || S_ISDIR(pins->seen[at].mode));
	}
	return false;
}

static const char *attach_pins_all_with_modes(void)
{
	struct world_pins pins;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&pins);
	for (size_t i = 0; i < pins.count; i++)
		if (!pin_is_wanted(&pins, i)) {
			printf("# %s %o\n", pins.seen[i].path, pins.seen[i].mode);
			return "a pin too many, or with other rights";
		}
	return pins.count == HZ_ARRAY_LEN(pins_wanted) ? NULL : "a pin is missing";
}

static const char *attach_tells_what_runs(void)
{
	struct hz_xdp_info info = { 0 };

	if (world_attach(WORLD_A, 0, &info, NULL) != 0)
		return "attach failed";
	if (info.program_id == 0 || info.program_id != world_program(WORLD_A) ||
	    info.program_id != world_id("prog_xdp_" WORLD_A))
		return "not the program that runs";
	if (info.ifindex != if_nametoindex(WORLD_A) || strcmp(info.ifname, WORLD_A) != 0 ||
	    info.mode != HZ_XDP_NATIVE || !info.is_ours)
		return "not this attachment";
	if (info.meta.abi_major != HZ_ABI_MAJOR || info.meta.ifindex != info.ifindex ||
	    strcmp(info.meta.ifname, WORLD_A) != 0 || strcmp(info.meta.version, HZ_VERSION) != 0)
		return "meta";
	return NULL;
}

static const char *attach_freezes_claims_and_key(void)
{
	static const char *const frozen[] = { "vips_" WORLD_A, "probers_" WORLD_A, "resp_" WORLD_A,
		                              "private/key" };
	const uint8_t zeroes[128] = { 0 };

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	for (size_t i = 0; i < HZ_ARRAY_LEN(frozen); i++) {
		int fd = world_open(frozen[i]);
		int status = fd < 0 ? -EBADF : bpf_map_update_elem(fd, zeroes, zeroes, BPF_ANY);

		if (fd >= 0)
			close(fd);
		if (status != -EPERM)
			return "one can be written";
	}
	return NULL;
}

static const char *attach_key_differs_each_time(void)
{
	struct hz_cookie_key key[2];
	uint32_t zero = 0;

	for (int i = 0; i < 2; i++) {
		int fd, status;

		if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
			return "attach failed";
		fd = world_open("private/key");
		status = bpf_map_lookup_elem(fd, &zero, &key[i]);
		close(fd);
		if (status != 0 || world_detach(WORLD_A, NULL) != 0)
			return "no key";
	}
	if (key[0].k0 == 0 || key[0].k1 == 0)
		return "a key of zeroes";
	return memcmp(&key[0], &key[1], sizeof(key[0])) != 0 ? NULL : "twice the same";
}

static const char *attach_again_is_refused(void)
{
	struct world_pins before;
	struct hz_err err;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	if (world_attach(WORLD_A, 0, NULL, &err) != -EEXIST ||
	    !world_told(&err, "xdp_attached", 1, "ensure"))
		return "not refused, or not with a way out";
	return world_pins_are(&before) ? NULL : "something changed";
}

static const char *ensure_same_changes_nothing(void)
{
	struct world_pins before;
	uint32_t program;

	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) != 0)
		return "first";
	world_pins(&before);
	program = world_program(WORLD_A);
	for (int i = 0; i < 3; i++)
		if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) != 0)
			return "again";
	return world_program(WORLD_A) == program && world_pins_are(&before) ? NULL : "it changed";
}

/* hzd's sockets and figures go on, whatever is claimed. */
static const char *ensure_other_claims_keeps_sockets(void)
{
	uint32_t program, xsks, link, vips, beat;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	program = world_program(WORLD_A);
	xsks = world_id("xsks_map_" WORLD_A);
	link = world_id("link_" WORLD_A);
	vips = world_id("vips_" WORLD_A);
	beat = world_id("beat");
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_CLAIMS, NULL, NULL) != 0)
		return "ensure failed";
	if (world_program(WORLD_A) == program || world_id("vips_" WORLD_A) == vips)
		return "it runs the old claims";
	if (world_program(WORLD_A) != world_id("prog_xdp_" WORLD_A))
		return "the pinned program is not the one that runs";
	if (world_id("xsks_map_" WORLD_A) != xsks || world_id("link_" WORLD_A) != link ||
	    world_id("beat") != beat)
		return "sockets, link or beats are other ones";
	return NULL;
}

/* What is no longer claimed is the kernel's again. */
static const char *ensure_fewer_claims_gives_back(void)
{
	const struct hz_endpoint left = world_endpoint("10.7.0.2", 80);
	const struct hz_endpoint given = world_endpoint("fd07::2", 80);
	struct hz_err err;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    world_attach(WORLD_A, WORLD_ENSURE | WORLD_FEWER_CLAIMS, NULL, NULL) != 0)
		return "attach and ensure";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, &left, 1, &err) != 0)
		return "what is left is gone";
	return hz_xdp_check(WORLD_INSTANCE, WORLD_A, &given, 1, &err) == -ENOENT ? NULL : "kept";
}

static const char *ensure_other_body_is_seen(void)
{
	uint32_t resp;
	struct hz_response response = { 0 };
	uint32_t first = HZ_RESPONSE_200;
	int fd;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	resp = world_id("resp_" WORLD_A);
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_CLAIMS, NULL, NULL) != 0 ||
	    world_id("resp_" WORLD_A) == resp)
		return "ensure";
	fd = world_open("resp_" WORLD_A);
	(void)bpf_map_lookup_elem(fd, &first, &response);
	close(fd);
	return memcmp(response.data + HZ_RESPONSE_BYTES - 4, "fine", 4) == 0 ? NULL : "old body";
}

static const char *ensure_other_mode_is_refused(void)
{
	struct world_pins before;
	struct hz_err err;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_GENERIC, NULL, &err) != -EEXIST ||
	    !world_told(&err, "xdp_mode", 1, "hzctl -i " WORLD_INSTANCE) ||
	    !world_told(&err, "xdp_mode", 1, " xdp detach dev " WORLD_A))
		return "not refused";
	return world_pins_are(&before) ? NULL : "something changed";
}

static const char *hint_names_the_network_namespace(void)
{
	struct hz_err err;
	bool is_told;

	/* a folder of names that only this mount namespace sees */
	if (!world_run("mkdir -p /run/netns && mount -t tmpfs none /run/netns &&"
	               " touch /run/netns/other /run/netns/bpft-ns &&"
	               " mount --bind /proc/self/ns/net /run/netns/bpft-ns"))
		return "no name to be had";
	is_told = world_detach(WORLD_A, &err) == -ENOENT &&
	          world_told(&err, "xdp_not_attached", 1,
	                     "hzctl -i " WORLD_INSTANCE " -n bpft-ns xdp show");
	if (!world_run("umount /run/netns/bpft-ns && umount /run/netns"))
		return "the folder stays";
	return is_told ? NULL : "not by its name";
}

static const char *generic_mode_is_listed(void)
{
	struct hz_xdp_info info[2] = { 0 };
	struct hz_err err;

	if (world_attach(WORLD_A, WORLD_GENERIC, NULL, NULL) != 0)
		return "attach failed";
	if (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1)
		return "not listed";
	return info[0].mode == HZ_XDP_GENERIC && info[0].is_ours ? NULL : "listed as another";
}

static const char *dry_run_changes_nothing(void)
{
	struct world_pins before;

	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_DRY, NULL, NULL) != 0 || before.count != 0 ||
	    !world_pins_are(&before) || world_program(WORLD_A) != 0)
		return "of a first attachment";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_DRY | WORLD_ENSURE | WORLD_OTHER_CLAIMS, NULL, NULL) != 0 ||
	    !world_pins_are(&before))
		return "of a replacement";
	return NULL;
}

/* What a killed run left must not stand in the way. */
static const char *leftovers_of_killed_run_are_replaced(void)
{
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    !world_run("mv " WORLD_PINS "/meta_" WORLD_A " " WORLD_PINS "/meta_" WORLD_A "~ &&"
	               " mkdir -p " WORLD_PINS "~/show"))
		return "no leftovers to be had";
	if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "in the way";
	return world_id("meta_" WORLD_A "~") == 0 && access(WORLD_PINS "~", F_OK) != 0
	               ? NULL
	               : "still there";
}

static const char *detach_last_removes_everything(void)
{
	struct world_pins pins;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_detach(WORLD_A, NULL) != 0)
		return "attach and detach";
	world_pins(&pins);
	return pins.count == 0 && world_program(WORLD_A) == 0 ? NULL : "something is left";
}

static const char *detach_one_keeps_the_other(void)
{
	uint32_t beat, program;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "attach failed";
	beat = world_id("beat");
	program = world_program(WORLD_B);
	if (world_detach(WORLD_A, NULL) != 0)
		return "detach failed";
	if (world_program(WORLD_A) != 0 || world_id("link_" WORLD_A) != 0)
		return "it is still attached";
	return world_program(WORLD_B) == program && world_id("beat") == beat &&
	                       world_id("link_" WORLD_B) != 0
	               ? NULL
	               : "the other one suffered";
}

static const char *detach_all_removes_everything(void)
{
	struct world_pins pins;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "attach failed";
	if (world_detach(NULL, NULL) != 0)
		return "detach failed";
	world_pins(&pins);
	if (pins.count != 0 || world_program(WORLD_A) != 0 || world_program(WORLD_B) != 0)
		return "something is left";
	return world_detach(NULL, NULL) == 0 ? NULL : "nothing to detach is no error";
}

static const char *detach_of_nothing_is_told(void)
{
	struct hz_err err;

	if (world_detach(WORLD_A, &err) != -ENOENT)
		return "no error";
	return world_told(&err, "xdp_not_attached", 1, WORLD_A) ? NULL : "told otherwise";
}

/* Somebody who holds the link open does not keep the program there. */
static const char *detach_works_against_open_link(void)
{
	int fd;
	uint32_t program;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	fd = world_open("link_" WORLD_A);
	if (fd < 0 || world_detach(WORLD_A, NULL) != 0)
		return "detach failed";
	program = world_program(WORLD_A);
	close(fd);
	return program == 0 ? NULL : "it still runs";
}

static const char *dotted_interface_is_found_again(void)
{
	struct hz_xdp_info info[2] = { 0 };
	struct hz_err err;

	if (!world_run("ip link add vh.100 type veth peer name vh.101") ||
	    world_attach("vh.100", 0, NULL, NULL) != 0)
		return "attach failed";
	if (world_id("link_vh%2E100") == 0)
		return "not pinned under its name";
	if (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1 ||
	    strcmp(info[0].ifname, "vh.100") != 0)
		return "not listed under its name";
	return world_detach("vh.100", NULL) == 0 ? NULL : "not detached";
}

static const char *list_counts_beyond_its_room(void)
{
	struct hz_xdp_info info[1];
	struct hz_err err;

	if (hz_xdp_list(WORLD_INSTANCE, info, 1, &err) != 0)
		return "of nothing";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "attach failed";
	return hz_xdp_list(WORLD_INSTANCE, info, 1, &err) == 2 ? NULL : "not two";
}

const struct world_test attach_life_tests[] = {
	{ "attach.pins_all_with_modes", attach_pins_all_with_modes },
	{ "hint.names_the_network_namespace", hint_names_the_network_namespace },
	{ "attach.tells_what_runs", attach_tells_what_runs },
	{ "attach.freezes_claims_and_key", attach_freezes_claims_and_key },
	{ "attach.key_differs_each_time", attach_key_differs_each_time },
	{ "attach.again_is_refused", attach_again_is_refused },
	{ "attach.generic_mode_is_listed", generic_mode_is_listed },
	{ "attach.dry_run_changes_nothing", dry_run_changes_nothing },
	{ "attach.leftovers_of_killed_run_are_replaced", leftovers_of_killed_run_are_replaced },
	{ "attach.dotted_interface_is_found_again", dotted_interface_is_found_again },
	{ "attach.list_counts_beyond_its_room", list_counts_beyond_its_room },
	{ "ensure.same_changes_nothing", ensure_same_changes_nothing },
	{ "ensure.other_claims_keeps_sockets", ensure_other_claims_keeps_sockets },
	{ "ensure.fewer_claims_gives_back", ensure_fewer_claims_gives_back },
	{ "ensure.other_body_is_seen", ensure_other_body_is_seen },
	{ "ensure.other_mode_is_refused", ensure_other_mode_is_refused },
	{ "detach.last_removes_everything", detach_last_removes_everything },
	{ "detach.one_keeps_the_other", detach_one_keeps_the_other },
	{ "detach.all_removes_everything", detach_all_removes_everything },
	{ "detach.of_nothing_is_told", detach_of_nothing_is_told },
	{ "detach.works_against_open_link", detach_works_against_open_link },
	{ NULL, NULL },
};
