/* What must not be touched, and what comes in broken. */
#include "attach_world.h"
#include "loader/xdp_maps.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* --- interfaces ------------------------------------------------------------------------------------ */

static const char *missing_interface_is_refused(void)
{
	struct hz_err err;

	return world_attach("vhnone", 0, NULL, &err) == -ENODEV &&
	                       world_told(&err, "no_interface", 1, "vhnone")
	               ? NULL
	               : "told otherwise";
}

static const char *loopback_is_refused(void)
{
	struct hz_err err;

	return world_attach("lo", WORLD_YES, NULL, &err) == -EOPNOTSUPP &&
	                       world_told(&err, "loopback", 1, "boot/io=socket")
	               ? NULL
	               : "told otherwise";
}

/* Refused without a trace, attached with yes-this-nic; another interface is not concerned. */
static const char *default_route_guards(const char *route)
{
	struct world_pins before;
	struct hz_err err;

	world_pins(&before);
	if (!world_run("ip addr add 10.9.0.1/24 dev " WORLD_B " && ip link set " WORLD_B " up &&"
	               " ip link set " WORLD_B "p up && ip -6 addr add fd09::1/64 dev " WORLD_B
	               " nodad") ||
	    !world_run(route))
		return "no route to be had";
	if (world_attach(WORLD_B, 0, NULL, &err) != -EPERM ||
	    !world_told(&err, "default_route", 1, "yes-this-nic"))
		return "not refused";
	if (world_program(WORLD_B) != 0 || !world_pins_are(&before))
		return "a trace of the refused";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "another interface was refused";
	return world_attach(WORLD_B, WORLD_YES, NULL, NULL) == 0 ? NULL : "yes-this-nic";
}

static const char *default_route_v4_is_refused(void)
{
	return default_route_guards("ip route add default via 10.9.0.2");
}

static const char *default_route_v6_is_refused(void)
{
	return default_route_guards("ip -6 route add default via fd09::2");
}

static const char *default_route_multipath_is_refused(void)
{
	return default_route_guards("ip addr add 10.10.0.1/24 dev " WORLD_B "p &&"
	                            " ip route add default nexthop via 10.10.0.2"
	                            " nexthop via 10.9.0.2");
}

static const char *default_route_other_table_is_refused(void)
{
	return default_route_guards("ip route add default via 10.9.0.2 table 77");
}

/* --- programs of other people ---------------------------------------------------------------------- */

static const char *foreign_is_left_alone(uint32_t foreign)
{
	struct world_pins before;
	struct hz_err err;

	world_pins(&before);
	for (unsigned how = 0; how <= WORLD_ENSURE; how++) {
		if (world_attach(WORLD_A, how, NULL, &err) != -EBUSY ||
		    !world_told(&err, "xdp_busy", 1, "\"xdp_lb\""))
			return "not refused by name";
		if (world_program(WORLD_A) != foreign || !world_pins_are(&before))
			return "touched by attach";
	}
	if (world_detach(WORLD_A, &err) != -ENOENT)
		return "detach says it was ours";
	return world_program(WORLD_A) == foreign ? NULL : "touched by detach";
}

static const char *foreign_by_netlink_is_left_alone(void)
{
	int fd = world_foreign(), ifindex = (int)if_nametoindex(WORLD_A);

	if (fd < 0 || bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL) != 0)
		return "no foreign program";
	close(fd);
	return foreign_is_left_alone(world_program(WORLD_A));
}

static const char *foreign_by_link_is_left_alone(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd = world_foreign(), ifindex = (int)if_nametoindex(WORLD_A);
	int link_fd = bpf_link_create(fd, ifindex, BPF_XDP, &opts);
	const char *why;

	if (link_fd < 0)
		return "no foreign program";
	why = foreign_is_left_alone(world_program(WORLD_A));
	close(link_fd);
	close(fd);
	return why;
}

/* Ours in name, but of another instance: foreign all the same. */
static const char *other_instance_is_left_alone(void)
{
	const struct hz_endpoint claim = world_endpoint("10.7.0.2", 80);
	const struct hz_xdp_attach_opts opts = { .size = sizeof(opts),
		                                 .instance = "bpft2",
		                                 .ifname = WORLD_A,
		                                 .ensure = true,
		                                 .claims = &claim,
		                                 .claim_count = 1 };
	struct hz_xdp_info info;
	struct world_pins before;
	struct hz_err err = { 0 };

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	if (hz_xdp_attach(&opts, &info, &err) != -EBUSY ||
	    !world_told(&err, "xdp_owned", 3, "instance " WORLD_INSTANCE))
		return "not refused";
	return world_pins_are(&before) ? NULL : "something changed";
}

/* --- what is pinned is not what it should be --------------------------------------------------------- */

/* Refused by attach and by hzd with a command; the command then works. */
static const char *pins_are_refused(void)
{
	struct hz_xdp_maps maps;
	struct hz_err err;

	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, &err) != -EPROTO ||
	    !world_told(&err, "xdp_abi", 1, "xdp detach all"))
		return "taken by attach";
	if (hz_xdp_maps_open(WORLD_INSTANCE, true, &maps, &err) != -EPROTO ||
	    !world_told(&err, "xdp_abi", 6, "xdp detach all"))
		return "taken by hzd";
	if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "the way out does not work";
	return NULL;
}

static const char *other_abi_is_refused(void)
{
	const struct hz_cfg cfg = { .abi_major = HZ_ABI_MAJOR + 1 };
	uint32_t zero = 0;
	int fd, status;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	fd = world_open("cfg");
	status = bpf_map_update_elem(fd, &zero, &cfg, BPF_ANY);
	close(fd);
	return status == 0 ? pins_are_refused() : "cfg cannot be written";
}

static const char *pin_exchange(const char *name, int fd)
{
	char path[HZ_PIN_PATH_MAX];
	int status;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	snprintf(path, sizeof(path), WORLD_PINS "/%s", name);
	unlink(path);
	status = fd < 0 ? -EBADF : bpf_obj_pin(fd, path);
	if (fd >= 0)
		close(fd);
	return status == 0 ? pins_are_refused() : "cannot pin";
}

static const char *map_of_other_size_is_refused(void)
{
	return pin_exchange("beat",
	                    bpf_map_create(BPF_MAP_TYPE_ARRAY, "beat", 4,
	                                   sizeof(struct hz_beat) - 8, HZ_WORKERS_MAX, NULL));
}

static const char *map_of_fewer_entries_is_refused(void)
{
	return pin_exchange("latency", bpf_map_create(BPF_MAP_TYPE_ARRAY, "latency", 4,
	                                              sizeof(struct hz_hist), 1, NULL));
}

static const char *program_in_place_of_map_is_refused(void)
{
	return pin_exchange("verdicts", world_foreign());
}

static const char *missing_map_is_refused(void)
{
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || unlink(WORLD_PINS "/beat") != 0)
		return "attach failed";
	return world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) == -EPROTO ? NULL : "taken";
}

static const char *const of_every_version[] = { "private/cookies", "latency_pct", "stream_stats",
	                                        "prog_flush" };

static const char *pin_of_every_version_is_not_done_without(void)
{
	char path[HZ_PIN_PATH_MAX];
	const char *why = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(of_every_version) && why == NULL; i++) {
		if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0)
			return "attach failed";
		snprintf(path, sizeof(path), WORLD_PINS "/%s", of_every_version[i]);
		if (unlink(path) != 0)
			return "no such pin";
		why = pins_are_refused();
	}
	return why;
}

/* Half a worker, or more workers than there can be. */
static const char *map_of_odd_entries_is_refused(void)
{
	static const uint32_t entries[] = { HZ_ROUTE_SLOTS / 2, HZ_ROUTE_SLOTS * 3 / 2,
		                            HZ_ROUTE_SLOTS * (HZ_WORKERS_MAX + 1) };
	const char *why = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(entries) && why == NULL; i++) {
		if (world_detach(NULL, NULL) != 0)
			return "detach failed";
		why = pin_exchange("route_latency",
		                   bpf_map_create(BPF_MAP_TYPE_ARRAY, "route_latency", 4,
		                                  sizeof(struct hz_route_hist), entries[i], NULL));
	}
	return why;
}

/* No loader wrote this, and no reader or writer may trip over it. */
static const char *garbage_in_maps_is_survived(void)
{
	struct hz_meta meta;
	struct hz_cfg cfg;
	struct hz_xdp_info info[2];
	uint32_t zero = 0;
	struct hz_err err;
	int fd;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	memset(&meta, 0xff, sizeof(meta));
	memset(&cfg, 0xff, sizeof(cfg));
	cfg.abi_major = HZ_ABI_MAJOR;
	fd = world_open("meta_" WORLD_A);
	if (bpf_map_update_elem(fd, &zero, &meta, BPF_ANY) != 0)
		return "meta cannot be written";
	close(fd);
	fd = world_open("cfg");
	if (bpf_map_update_elem(fd, &zero, &cfg, BPF_ANY) != 0)
		return "cfg cannot be written";
	close(fd);
	if (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1 || !info[0].is_ours)
		return "list";
	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, &err) != -EEXIST ||
	    !world_told(&err, "xdp_elsewhere", 1, "xdp detach dev " WORLD_A))
		return "ensure";
	return world_detach(WORLD_A, NULL) == 0 && world_program(WORLD_A) == 0 ? NULL : "detach";
}

static const char *no_link_at_the_pin_of_the_link(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "not_a_link", 4, 4, 1, NULL);
	struct world_pins pins;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || unlink(WORLD_PINS "/link_" WORLD_A) != 0 ||
	    bpf_obj_pin(fd, WORLD_PINS "/link_" WORLD_A) != 0)
		return "cannot pin";
	close(fd);
	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) == 0)
		return "taken for a link";
	if (world_detach(WORLD_A, NULL) != 0)
		return "detach";
	world_pins(&pins);
	return pins.count == 0 ? NULL : "something is left";
}

/* --- devices that go -------------------------------------------------------------------------------- */

static const char *vanished_interface_is_replaced(void)
{
	struct hz_xdp_info info[2] = { 0 };
	struct hz_err err;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || !world_run("ip link del " WORLD_A))
		return "attach failed";
	if (hz_xdp_list(WORLD_INSTANCE, info, 2, &err) != 1 || info[0].ifindex != 0 ||
	    info[0].is_ours)
		return "not listed as gone";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, NULL, 0, &err) != -ENODEV)
		return "check finds it";
	if (!world_run("ip link add " WORLD_A " type veth peer name " WORLD_A "p"))
		return "no new one";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, NULL, 0, &err) != -ENOLINK)
		return "check takes the new one for the old one";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "the new one is refused";
	return hz_xdp_check(WORLD_INSTANCE, WORLD_A, NULL, 0, &err) == 0 ? NULL : "check";
}

static const char *vanished_interface_is_detached(void)
{
	struct world_pins pins;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || !world_run("ip link del " WORLD_A) ||
	    world_detach(WORLD_A, NULL) != 0)
		return "detach";
	world_pins(&pins);
	return pins.count == 0 ? NULL : "something is left";
}

/* --- the file system -------------------------------------------------------------------------------- */

static const char *mount_case(void)
{
	struct hz_err err;

	if (world_detach(NULL, &err) != 0)
		return "detach all of nothing failed";
	if (world_detach(WORLD_A, &err) != -ENOENT ||
	    !world_told(&err, "bpffs_missing", 5, "mount"))
		return "detach did not say what is missing";
	if (world_attach(WORLD_A, 0, NULL, &err) != 0)
		return "attach did not mount one";
	if (world_detach(WORLD_A, NULL) != 0)
		return "detach from it failed";
	return umount("/sys/fs/bpf") == 0 ? NULL : "nothing was mounted";
}

static const char *missing_file_system_is_mounted(void)
{
	const char *why;

	if (mount("none", "/sys/fs/bpf", "tmpfs", 0, NULL) != 0)
		return "cannot cover it";
	why = mount_case();
	umount("/sys/fs/bpf");
	return why;
}

/* --- words ------------------------------------------------------------------------------------------- */

static int words_attach(struct hz_xdp_attach_opts *opts)
{
	const struct hz_endpoint claim = world_endpoint("10.7.0.2", 80);
	struct hz_xdp_info info;
	struct hz_err err = { 0 };
	int status;

	if (opts->size == 0)
		opts->size = sizeof(*opts);
	if (opts->ifname == NULL)
		opts->ifname = WORLD_A;
	if (opts->claims == NULL && opts->healths == NULL) {
		opts->claims = &claim;
		opts->claim_count = 1;
	}
	status = hz_xdp_attach(opts, &info, &err);
	return status < 0 && err.exit_code == 2 && world_program(WORLD_A) == 0 ? status : 1;
}

static const char *wrong_words_are_refused(void)
{
	char longest[66] = "/", body[34] = "";
	const struct hz_endpoint any = world_endpoint("0.0.0.0", 80);
	const struct hz_endpoint group = world_endpoint("ff02::1", 80);
	const struct hz_endpoint no_port = world_endpoint("10.7.0.2", 0);
	const struct hz_endpoint both = world_endpoint("10.7.0.2", 80);
	const struct hz_xdp_health same = { .endpoint = both };
	struct hz_xdp_health path = { .endpoint = both, .path = longest };
	struct hz_xdp_health text = { .endpoint = both, .body = body };
	struct hz_xdp_attach_opts wrong[] = {
		{ .size = 8 },
		{ .ifname = "sixteen-letters-" },
		{ .ifname = "" },
		{ .ifname = "a/b" },
		{ .instance = "" },
		{ .instance = "../x" },
		{ .instance = "a123456789b123456789c123456789d12" },
		{ .claims = &any, .claim_count = 1 },
		{ .claims = &group, .claim_count = 1 },
		{ .claims = &no_port, .claim_count = 1 },
		{ .claims = &both, .claim_count = 1, .healths = &same, .health_count = 1 },
		{ .healths = &path, .health_count = 1 },
		{ .healths = &text, .health_count = 1 },
		{ .claims = &both, .claim_count = 0 },
	};

	memset(longest + 1, 'a', 64);
	memset(body, 'b', 33);
	for (size_t i = 0; i < HZ_ARRAY_LEN(wrong); i++)
		if (words_attach(&wrong[i]) > 0) {
			printf("# number %zu\n", i);
			return "taken, or no usage error";
		}
	return NULL;
}

static const char *too_many_claims_are_refused(void)
{
	struct hz_endpoint claims[HZ_CLAIMS_MAX];
	struct hz_xdp_attach_opts opts = { .claims = claims, .claim_count = HZ_CLAIMS_MAX };
	struct hz_xdp_info info;
	struct hz_err err = { 0 };

	for (uint16_t i = 0; i < HZ_CLAIMS_MAX; i++)
		claims[i] = world_endpoint("10.7.0.2", (uint16_t)(i + 1));
	if (words_attach(&opts) != -ENOSPC) /* with its address it is one too many */
		return "one too many";
	opts.claim_count--;
	return hz_xdp_attach(&opts, &info, &err) == 0 ? NULL : "as many as there may be";
}

const struct world_test attach_refuse_tests[] = {
	{ "refuse.missing_interface", missing_interface_is_refused },
	{ "refuse.loopback", loopback_is_refused },
	{ "refuse.default_route_v4", default_route_v4_is_refused },
	{ "refuse.default_route_v6", default_route_v6_is_refused },
	{ "refuse.default_route_multipath", default_route_multipath_is_refused },
	{ "refuse.default_route_other_table", default_route_other_table_is_refused },
	{ "refuse.foreign_by_netlink_is_left_alone", foreign_by_netlink_is_left_alone },
	{ "refuse.foreign_by_link_is_left_alone", foreign_by_link_is_left_alone },
	{ "refuse.other_instance_is_left_alone", other_instance_is_left_alone },
	{ "refuse.other_abi", other_abi_is_refused },
	{ "refuse.map_of_other_size", map_of_other_size_is_refused },
	{ "refuse.map_of_fewer_entries", map_of_fewer_entries_is_refused },
	{ "refuse.map_of_odd_entries_is_refused", map_of_odd_entries_is_refused },
	{ "refuse.program_in_place_of_map", program_in_place_of_map_is_refused },
	{ "refuse.missing_map", missing_map_is_refused },
	{ "refuse.pin_of_every_version", pin_of_every_version_is_not_done_without },
	{ "refuse.no_link_at_the_pin_of_the_link", no_link_at_the_pin_of_the_link },
	{ "refuse.wrong_words", wrong_words_are_refused },
	{ "refuse.too_many_claims", too_many_claims_are_refused },
	{ "broken.garbage_in_maps_is_survived", garbage_in_maps_is_survived },
	{ "vanish.interface_is_replaced", vanished_interface_is_replaced },
	{ "vanish.interface_is_detached", vanished_interface_is_detached },
	{ "mount.missing_file_system_is_mounted", missing_file_system_is_mounted },
	{ NULL, NULL },
};
