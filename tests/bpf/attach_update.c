/* Update: another program on the same maps, and what it must not take away from a running hzd. */
#include "attach_world.h"
#include "loader/xdp_maps.h"
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

static const char *const kept[] = { "latency",           "beat",         "cfg",
	                            "verdicts",          "workers",      "link_" WORLD_A,
	                            "xsks_map_" WORLD_A, "next_" WORLD_A };

static void ids_read(uint32_t ids[HZ_ARRAY_LEN(kept)])
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(kept); i++)
		ids[i] = world_id(kept[i]);
}

static const char *exchanges_program_and_keeps_maps(void)
{
	uint32_t before[HZ_ARRAY_LEN(kept)], after[HZ_ARRAY_LEN(kept)], program, vips;
	struct hz_xdp_info info = { 0 };

	if (world_attach(WORLD_A, WORLD_OTHER_CLAIMS, NULL, NULL) != 0)
		return "attach failed";
	ids_read(before);
	program = world_program(WORLD_A);
	vips = world_id("vips_" WORLD_A);
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, &info, NULL) != 0)
		return "refused";
	ids_read(after);
	if (world_program(WORLD_A) == program || info.program_id != world_program(WORLD_A) ||
	    world_id("prog_xdp_" WORLD_A) != info.program_id)
		return "not another program";
	if (memcmp(before, after, sizeof(before)) != 0)
		return "another map";
	return world_id("vips_" WORLD_A) == vips ? NULL : "other claims";
}

static const char *with_claims_has_those(void)
{
	struct hz_xdp_info info = { 0 };
	uint32_t vips;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	vips = world_id("vips_" WORLD_A);
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_OTHER_CLAIMS, NULL, NULL) != 0 ||
	    world_id("vips_" WORLD_A) == vips)
		return "not with other claims";
	vips = world_id("vips_" WORLD_A);
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_CLAIMS, &info, NULL) != 0)
		return "ensure";
	return world_id("vips_" WORLD_A) == vips ? NULL : "ensure finds others";
}

/* The same claims, and yet another program: that is what it is for. */
static const char *of_the_same_is_done(void)
{
	uint32_t program;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	program = world_program(WORLD_A);
	if (world_attach(WORLD_A, WORLD_UPDATE, NULL, NULL) != 0)
		return "refused";
	return world_program(WORLD_A) != program ? NULL : "not done";
}

static const char *of_generic_mode_stays_generic(void)
{
	struct hz_xdp_info info = { 0 };

	if (world_attach(WORLD_A, WORLD_GENERIC, &info, NULL) != 0 ||
	    info.degraded != HZ_XDP_DEGRADED_GENERIC)
		return "attach failed, or its mode is not told as degraded";
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, &info, NULL) != 0)
		return "refused";
	return info.mode == HZ_XDP_GENERIC && info.degraded == HZ_XDP_DEGRADED_GENERIC
	               ? NULL
	               : "told otherwise";
}

static const char *of_nothing_is_refused(void)
{
	struct world_pins none = { 0 };
	struct hz_err err;

	if (world_attach(WORLD_A, WORLD_UPDATE, NULL, &err) != -ENOENT ||
	    !world_told(&err, "xdp_not_attached", 1, "xdp attach dev " WORLD_A))
		return "not refused";
	return world_program(WORLD_A) == 0 && world_pins_are(&none) ? NULL : "something is left";
}

/* A run that was killed before its swap left pins beside those in use. */
static const char *leftovers_of_a_killed_one_are_swept(void)
{
	static const char *const left[] = { "prog_xdp_" WORLD_A "~", "hold_" WORLD_A "~" };
	int fd = world_foreign(), status = 0;

	if (fd < 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	for (size_t i = 0; i < HZ_ARRAY_LEN(left); i++) {
		char path[HZ_PIN_PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", WORLD_PINS, left[i]);
		status |= bpf_obj_pin(fd, path);
	}
	close(fd);
	if (status != 0)
		return "cannot pin";
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, NULL) != 0)
		return "refused";
	for (size_t i = 0; i < HZ_ARRAY_LEN(left); i++)
		if (world_id(left[i]) != 0)
			return left[i];
	return world_program(WORLD_A) == world_id("prog_xdp_" WORLD_A) ? NULL : "another program";
}

static const char *dry_run_changes_nothing(void)
{
	struct world_pins before;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_OTHER_CLAIMS | WORLD_DRY, NULL, NULL) != 0)
		return "refused";
	return world_pins_are(&before) ? NULL : "something changed";
}

/* --- another layout ---------------------------------------------------------------------------------- */

/* A map like `beat` by all its sizes, whose struct has its two u64 at other places. */
static int beat_alike(void)
{
	struct btf *btf = btf__new_empty();
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int u32, u64, array, value, fd = -1;

	if (btf == NULL)
		return -1;
	u32 = btf__add_int(btf, "__u32", 4, 0);
	u64 = btf__add_int(btf, "__u64", 8, 0);
	array = btf__add_array(btf, u32, u64, 4);
	value = btf__add_struct(btf, "hz_beat", sizeof(struct hz_beat));
	(void)btf__add_field(btf, "turns", u64, 0, 0);
	(void)btf__add_field(btf, "state", u32, 64, 0);
	(void)btf__add_field(btf, "queue", u32, 96, 0);
	(void)btf__add_field(btf, "ifindex", u32, 128, 0);
	(void)btf__add_field(btf, "pid", u32, 160, 0);
	(void)btf__add_field(btf, "beat_ns", u64, 192, 0);
	(void)btf__add_field(btf, "reserved", array, 256, 0);
	if (btf__load_into_kernel(btf) == 0) {
		opts.btf_fd = (uint32_t)btf__fd(btf);
		opts.btf_key_type_id = (uint32_t)u32;
		opts.btf_value_type_id = (uint32_t)value;
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "beat", 4, sizeof(struct hz_beat),
		                    HZ_WORKERS_MAX, &opts);
	}
	btf__free(btf);
	return fd;
}

static const char *other_layout_of_same_size_is_refused(void)
{
	struct world_pins before;
	struct hz_err err;
	int fd = beat_alike(), status;

	if (fd < 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	unlink(WORLD_PINS "/beat");
	status = bpf_obj_pin(fd, WORLD_PINS "/beat");
	close(fd);
	if (status != 0)
		return "cannot pin";
	world_pins(&before);
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, &err) != -EPROTO ||
	    !world_told(&err, "xdp_abi", 1, "map beat") ||
	    !world_told(&err, "xdp_abi", 1, "xdp detach all, then attach again"))
		return "not refused";
	if (!world_pins_are(&before))
		return "something changed";
	if (world_attach(WORLD_B, 0, NULL, &err) != -EPROTO)
		return "a second interface goes on with it";
	return NULL;
}

/* --- a running hzd ----------------------------------------------------------------------------------- */

/* Worker 0 of a process 77, whose last beat is that old, serves WORLD_A. */
static const char *serve(uint64_t age_ns)
{
	struct timespec now;
	struct hz_xdp_maps maps;
	struct hz_cfg cfg;
	struct hz_err err;

	if (hz_xdp_maps_open(WORLD_INSTANCE, true, &maps, &err) != 0)
		return "no maps";
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	maps.beat[0] = (struct hz_beat){
		.beat_ns = (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec - age_ns,
		.state = HZ_STATE_READY,
		.ifindex = if_nametoindex(WORLD_A),
		.pid = 77,
	};
	(void)hz_xdp_cfg_read(&maps, &cfg);
	cfg.workers = 1;
	cfg.beat_timeout_ns = 5 * HZ_NS_PER_S;
	(void)hz_xdp_cfg_write(&maps, &cfg);
	hz_xdp_maps_close(&maps);
	return NULL;
}

static const char *served_claim_is_not_taken_away(void)
{
	struct world_pins before;
	struct hz_err err;
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	why = serve(0);
	if (why != NULL)
		return why;
	world_pins(&before);
	for (unsigned how = WORLD_ENSURE; how <= WORLD_UPDATE; how += WORLD_UPDATE - WORLD_ENSURE)
		if (world_attach(WORLD_A, how | WORLD_FEWER_CLAIMS, NULL, &err) != -EBUSY ||
		    !world_told(&err, "xdp_serving", 1, "[fd07::2]:80") ||
		    !world_told(&err, "xdp_serving", 1, "pid 77") || !world_pins_are(&before))
			return "taken away";
	if (world_attach(WORLD_A, WORLD_ENSURE | WORLD_OTHER_CLAIMS, NULL, NULL) != 0)
		return "more is refused";
	return world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, NULL) == 0
	               ? NULL
	               : "the same is refused";
}

static const char *claim_of_dead_server_is(void)
{
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	why = serve(6 * HZ_NS_PER_S);
	if (why != NULL)
		return why;
	return world_attach(WORLD_A, WORLD_UPDATE | WORLD_FEWER_CLAIMS, NULL, NULL) == 0
	               ? NULL
	               : "refused";
}

static const char *server_of_other_interface_is_not_asked(void)
{
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "attach failed";
	why = serve(0);
	if (why != NULL)
		return why;
	return world_attach(WORLD_B, WORLD_UPDATE | WORLD_FEWER_CLAIMS, NULL, NULL) == 0
	               ? NULL
	               : "refused";
}

const struct world_test attach_update_tests[] = {
	{ "update.exchanges_program_and_keeps_maps", exchanges_program_and_keeps_maps },
	{ "update.with_claims_has_those", with_claims_has_those },
	{ "update.of_the_same_is_done", of_the_same_is_done },
	{ "update.of_generic_mode_stays_generic", of_generic_mode_stays_generic },
	{ "update.of_nothing_is_refused", of_nothing_is_refused },
	{ "update.leftovers_of_a_killed_one_are_swept", leftovers_of_a_killed_one_are_swept },
	{ "update.dry_run_changes_nothing", dry_run_changes_nothing },
	{ "update.other_layout_of_same_size_is_refused", other_layout_of_same_size_is_refused },
	{ "update.served_claim_is_not_taken_away", served_claim_is_not_taken_away },
	{ "update.claim_of_dead_server_is", claim_of_dead_server_is },
	{ "update.server_of_other_interface_is_not_asked", server_of_other_interface_is_not_asked },
	{ NULL, NULL },
};
