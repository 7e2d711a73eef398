#include "loader/xdp_make.h"
#include "abi/cookie_syn.h"
#include "core/cpu_ids.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_maps.h"
#include "loader/xdp_skel.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>

struct map_pin {
	const char *name;
	size_t map_offset; /* of the map's pointer in struct hz_latency */
	mode_t mode;
};

static const struct map_pin map_pins[] = {
#define HZ_PIN(name, map, mode, key, value, entries, since)                                        \
	{ name, offsetof(struct hz_latency, maps.map), mode },
#include "loader/xdp_pins.def"
#undef HZ_PIN
};

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

static struct bpf_map *skel_map(const struct hz_latency *skel, const struct map_pin *pin)
{
	const void *field = (const char *)skel + pin->map_offset;

	return *(struct bpf_map *const *)field;
}

/* Also what hzd fills later says at once of which stage it is. */
static int stages_name(const struct hz_latency *skel)
{
	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		struct hz_latency_pct pct = { 0 };
		struct hz_latency_log2 log2 = { 0 };

		snprintf(pct.stage, sizeof(pct.stage), "%s", stage_names[stage]);
		snprintf(log2.stage, sizeof(log2.stage), "%s", stage_names[stage]);
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.latency_pct), &stage, &pct,
		                        BPF_ANY) != 0 ||
		    bpf_map_update_elem(bpf_map__fd(skel->maps.latency_log2), &stage, &log2,
		                        BPF_ANY) != 0)
			return -errno;
	}
	return 0;
}

/* Before anybody can see the maps: settings of an instance without a server, a key nobody knows. */
static int values_fill(const struct hz_latency *skel)
{
	const struct hz_cfg cfg = {
		.abi_major = HZ_ABI_MAJOR,
		.abi_minor = HZ_ABI_MINOR,
		.beat_timeout_ns = 500 * HZ_NS_PER_MS,
		.on_dead = HZ_ON_DEAD_ANSWER503,
		.state = HZ_STATE_NONE,
	};
	struct hz_cookie_key key;
	uint32_t zero = 0;
	int status;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.cfg), &zero, &cfg, BPF_ANY) != 0 ||
	    bpf_map_update_elem(bpf_map__fd(skel->maps.key), &zero, &key, BPF_ANY) != 0 ||
	    bpf_map_freeze(bpf_map__fd(skel->maps.key)) != 0)
		return -errno;
	/* health will be answered whether hzd starts or not; hzd says how often to look, and on
	 * which CPU */
	status = hz_xdp_watch(bpf_program__fd(skel->progs.prog_watch), HZ_WATCH_MIN_NS);
	return status == 0 ? stages_name(skel) : status;
}

static int in_folder(char out[HZ_PIN_PATH_MAX], const char *folder, const char *name)
{
	int len = snprintf(out, HZ_PIN_PATH_MAX, "%s/%s", folder, name);

	return len < HZ_PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* An iterator is pinned as a link; reading the file runs the program. */
static int view_pin(const struct bpf_program *prog, const struct bpf_map *map, const char *folder,
                    const char *name)
{
	union bpf_iter_link_info over = { .map.map_fd = (uint32_t)bpf_map__fd(map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &over, .link_info_len = sizeof(over));
	struct bpf_link *view = bpf_program__attach_iter(prog, &opts);
	char path[HZ_PIN_PATH_MAX];
	int status;

	if (view == NULL)
		return -errno;
	status = in_folder(path, folder, name);
	if (status == 0)
		status = hz_xdp_pins_pin(bpf_link__fd(view), path, 0444);
	bpf_link__destroy(view); /* the pin keeps it */
	return status;
}

static int views_pin(const struct hz_latency *skel, const char *folder)
{
	const struct {
		const struct bpf_program *prog;
		const struct bpf_map *map; /* a call of the program for each entry */
		const char *name;
	} view[] = {
		{ skel->progs.show_latency, skel->maps.latency_pct, "show/latency" },
		{ skel->progs.show_verdicts, skel->maps.verdicts, "show/verdicts" },
		{ skel->progs.show_workers, skel->maps.workers, "show/workers" },
		{ skel->progs.show_conns, skel->maps.connections, "show/connections" },
		{ skel->progs.show_routes, skel->maps.route_names, "show/routes" },
	};
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(view) && status == 0; i++)
		status = view_pin(view[i].prog, view[i].map, folder, view[i].name);
	return status;
}

static int folders_make(const char *folder)
{
	char path[HZ_PIN_PATH_MAX];
	int status = hz_xdp_pins_folder(folder, 0751);

	if (status == 0)
		status = in_folder(path, folder, "private");
	if (status == 0)
		status = hz_xdp_pins_folder(path, 0700);
	if (status == 0)
		status = in_folder(path, folder, "show");
	if (status == 0)
		status = hz_xdp_pins_folder(path, 0755);
	return status;
}

static const char *const program_pins[] = HZ_XDP_MAKE_PROGRAMS;

static int programs_pin(const struct hz_latency *skel, const char *folder)
{
	char path[HZ_PIN_PATH_MAX];
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(program_pins) && status == 0; i++) {
		const struct bpf_program *prog =
			bpf_object__find_program_by_name(skel->obj, program_pins[i]);

		status = prog == NULL ? -ENOENT : in_folder(path, folder, program_pins[i]);
		if (status == 0)
			status = hz_xdp_pins_pin(bpf_program__fd(prog), path, 0640);
	}
	return status;
}

static int all_pin(const struct hz_latency *skel, const char *folder)
{
	char path[HZ_PIN_PATH_MAX];
	int status = folders_make(folder);

	for (size_t i = 0; i < HZ_ARRAY_LEN(map_pins) && status == 0; i++) {
		status = in_folder(path, folder, map_pins[i].name);
		if (status == 0)
			status = hz_xdp_pins_pin(bpf_map__fd(skel_map(skel, &map_pins[i])), path,
			                         map_pins[i].mode);
	}
	if (status == 0)
		status = in_folder(path, folder, "events");
	if (status == 0)
		status = hz_xdp_pins_pin(bpf_map__fd(skel->maps.events), path, 0660);
	if (status == 0)
		status = programs_pin(skel, folder);
	if (status == 0)
		status = views_pin(skel, folder);
	return status;
}

/* An instance's folder is complete or is not there: it is built, and emptied, beside its place. */
static int folder_paths(const char *instance, char folder[HZ_PIN_PATH_MAX],
                        char staged[HZ_PIN_PATH_MAX + 1])
{
	int status = hz_xdp_pin_path(folder, instance, NULL, NULL);

	if (status == 0)
		snprintf(staged, HZ_PIN_PATH_MAX + 1, "%s~", folder);
	return status;
}

/* Rows of `route_latency` that this machine can use. */
static uint32_t route_workers(void)
{
	return HZ_MAX(hz_cpu_ids(HZ_WORKERS_MAX), (uint32_t)HZ_ROUTE_WORKERS_MIN);
}

/* NULL, and errno says why. */
static struct hz_latency *skel_load(void)
{
	struct hz_latency *skel = hz_latency__open();
	int status;

	if (skel == NULL)
		return NULL;
	status = bpf_map__set_max_entries(skel->maps.route_latency,
	                                  route_workers() * HZ_ROUTE_SLOTS);
	if (status == 0)
		status = hz_latency__load(skel);
	if (status == 0)
		return skel;
	hz_latency__destroy(skel);
	errno = -status;
	return NULL;
}

int hz_xdp_make(const char *instance, struct hz_err *err)
{
	struct hz_xdp_chatter chatter = { 0 };
	char folder[HZ_PIN_PATH_MAX], staged[HZ_PIN_PATH_MAX + 1];
	struct hz_latency *skel;
	int status = folder_paths(instance, folder, staged);

	if (status != 0)
		return hz_xdp_fail(err, status, "instance", "bad name of an instance", NULL);
	hz_xdp_chatter_listen(&chatter);
	skel = skel_load();
	status = skel == NULL ? -errno : values_fill(skel);
	if (status == 0)
		status = hz_xdp_pins_remove(staged); /* of a run that was killed */
	if (status == 0)
		status = all_pin(skel, staged);
	if (status == 0 && rename(staged, folder) != 0)
		status = -errno;
	if (status != 0)
		(void)hz_xdp_pins_remove(staged);
	hz_latency__destroy(skel);
	hz_xdp_chatter_listen_end();
	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_load", "cannot make the maps and views",
		                   &chatter);
	return 0;
}

/* Renamed before it is emptied, or a run that is killed leaves a folder that looks complete. */
int hz_xdp_make_undo(const char *instance)
{
	char folder[HZ_PIN_PATH_MAX], staged[HZ_PIN_PATH_MAX + 1];
	int status = folder_paths(instance, folder, staged);

	if (status == 0)
		status = hz_xdp_pins_remove(staged);
	if (status == 0 && rename(folder, staged) != 0)
		return errno == ENOENT ? 0 : -errno;
	return status == 0 ? hz_xdp_pins_remove(staged) : status;
}
