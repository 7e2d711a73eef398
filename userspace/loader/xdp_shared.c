#include "loader/xdp_shared.h"
#include "abi/cookie_syn.h"
#include "core/hint.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_skel.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>

struct shared_pin {
	const char *name;
	size_t map_offset; /* of the map's pointer in struct hz_latency */
	mode_t mode;
	uint32_t key_bytes;
	uint32_t value_bytes;
	uint32_t entries;
};

static const struct shared_pin shared_pins[] = {
#define HZ_PIN(name, map, mode, key, value, entries)                                               \
	{ name, offsetof(struct hz_latency, maps.map), mode, sizeof(key), sizeof(value), entries },
#include "loader/xdp_pins.def"
#undef HZ_PIN
};

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

static struct bpf_map *skel_map(const struct hz_latency *skel, const struct shared_pin *pin)
{
	const void *field = (const char *)skel + pin->map_offset;

	return *(struct bpf_map *const *)field;
}

static int hint_detach(struct hz_err *err, const char *instance, int status, const char *why)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), instance, "xdp detach all, then attach again");
	return hz_err_set(err, status, 1, "xdp_abi", hint, "%s", why);
}

static const struct shared_pin *pin_named(const char *name)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_pins); i++)
		if (strcmp(shared_pins[i].name, name) == 0)
			return &shared_pins[i];
	return NULL;
}

static bool entries_fit(const struct shared_pin *pin, uint32_t entries)
{
	if (pin->entries > 0)
		return entries == pin->entries;
	return entries > 0 && entries % HZ_ROUTE_SLOTS == 0 &&
	       entries / HZ_ROUTE_SLOTS <= HZ_WORKERS_MAX;
}

int hz_xdp_shared_map(const char *instance, const char *name, bool is_reader)
{
	const struct shared_pin *pin = pin_named(name);
	struct bpf_map_info info = { 0 };
	uint32_t info_bytes = sizeof(info);
	int fd;

	if (pin == NULL)
		return -EINVAL;
	fd = hz_xdp_pins_open(instance, name, NULL, is_reader);
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) == 0 &&
	    info.key_size == pin->key_bytes && info.value_size == pin->value_bytes &&
	    entries_fit(pin, info.max_entries))
		return fd;
	close(fd);
	return -EPROTO;
}

/* --- making it ------------------------------------------------------------------------------------ */

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

	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.cfg), &zero, &cfg, BPF_ANY) != 0 ||
	    bpf_map_update_elem(bpf_map__fd(skel->maps.key), &zero, &key, BPF_ANY) != 0 ||
	    bpf_map_freeze(bpf_map__fd(skel->maps.key)) != 0)
		return -errno;
	return stages_name(skel);
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

/* Pinned under their own names. */
static const char *const program_pins[] = { "prog_flush", "prog_emit" };

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

	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_pins) && status == 0; i++) {
		status = in_folder(path, folder, shared_pins[i].name);
		if (status == 0)
			status = hz_xdp_pins_pin(bpf_map__fd(skel_map(skel, &shared_pins[i])), path,
			                         shared_pins[i].mode);
	}
	if (status == 0)
		status = in_folder(path, folder, "events");
	if (status == 0)
		status = hz_xdp_pins_pin(bpf_map__fd(skel->maps.events), path, 0660);
	if (status == 0)
		status = programs_pin(skel, folder);
	if (status == 0)
		status = view_pin(skel->progs.show_latency, skel->maps.latency_pct, folder,
		                  "show/latency");
	if (status == 0)
		status = view_pin(skel->progs.show_verdicts, skel->maps.verdicts, folder,
		                  "show/verdicts");
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
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	if (cpus < HZ_ROUTE_WORKERS_MIN)
		return HZ_ROUTE_WORKERS_MIN;
	return cpus < HZ_WORKERS_MAX ? (uint32_t)cpus : HZ_WORKERS_MAX;
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

static int shared_make(const char *instance, struct hz_err *err)
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

/* --- opening it ----------------------------------------------------------------------------------- */

/* Is all there, and as large as this version thinks? hzd uses what the XDP program never sees. */
static int pins_look(const char *instance)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_pins); i++) {
		int fd = hz_xdp_shared_map(instance, shared_pins[i].name, true);

		if (fd < 0)
			return fd;
		close(fd);
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(program_pins); i++) {
		int fd = hz_xdp_pins_open(instance, program_pins[i], NULL, false);

		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

/* -ENOENT: there is no such folder. */
static int shared_open_pinned(const char *instance, struct hz_xdp_shared *out)
{
	char folder[HZ_PIN_PATH_MAX];
	struct hz_xdp_shared shared = HZ_XDP_SHARED_NONE;
	int status = hz_xdp_pin_path(folder, instance, NULL, NULL);
	struct hz_cfg cfg;
	uint32_t zero = 0;
	int *fd[] = { &shared.latency_fd,  &shared.cfg_fd,      &shared.beat_fd,
		      &shared.verdicts_fd, &shared.key_fd,      &shared.cookies_fd,
		      &shared.drops_fd,    &shared.acl_fd,      &shared.acl4_fd,
		      &shared.acl6_fd,     &shared.src_rate_fd, &shared.src_fd,
		      &shared.shed_rows_fd };
	static const char *const name[] = {
		"latency", "cfg",  "beat", "verdicts", "private/key", "private/cookies", "drops",
		"acl",     "acl4", "acl6", "src_rate", "src",         "shed_rows"
	};

	if (status != 0)
		return status;
	if (access(folder, F_OK) != 0)
		return -errno;
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd) && status == 0; i++) {
		*fd[i] = hz_xdp_shared_map(instance, name[i], false);
		status = HZ_MIN(*fd[i], 0);
	}
	if (status == 0) {
		shared.events_fd = hz_xdp_pins_open(instance, "events", NULL, false);
		status = HZ_MIN(shared.events_fd, 0);
	}
	if (status == 0)
		status = pins_look(instance);
	if (status == -ENOENT)
		status =
			-EPROTO; /* a folder without its maps, or made before there were all of them */
	if (status == 0 && bpf_map_lookup_elem(shared.cfg_fd, &zero, &cfg) != 0)
		status = -errno;
	if (status == 0 && cfg.abi_major != HZ_ABI_MAJOR)
		status = -EPROTO;
	if (status != 0) {
		hz_xdp_shared_close(&shared);
		return status;
	}
	*out = shared;
	return 0;
}

int hz_xdp_shared_open(const char *instance, struct hz_xdp_shared *out, struct hz_err *err)
{
	int status = shared_open_pinned(instance, out);
	bool is_new = status == -ENOENT;

	if (is_new) {
		status = shared_make(instance, err);
		if (status != 0)
			return status;
		status = shared_open_pinned(instance, out);
	}
	if (status == -EPROTO)
		return hint_detach(err, instance, status,
		                   "what is pinned was made by another version of hz");
	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_pins", "cannot open what is pinned", NULL);
	out->is_new = is_new;
	return 0;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void hz_xdp_shared_close(struct hz_xdp_shared *shared)
{
	fd_close(shared->latency_fd);
	fd_close(shared->cfg_fd);
	fd_close(shared->beat_fd);
	fd_close(shared->verdicts_fd);
	fd_close(shared->key_fd);
	fd_close(shared->cookies_fd);
	fd_close(shared->drops_fd);
	fd_close(shared->shed_rows_fd);
	fd_close(shared->acl_fd);
	fd_close(shared->acl4_fd);
	fd_close(shared->acl6_fd);
	fd_close(shared->src_rate_fd);
	fd_close(shared->src_fd);
	fd_close(shared->events_fd);
	*shared = (struct hz_xdp_shared)HZ_XDP_SHARED_NONE;
}

/* Renamed before it is emptied, or a run that is killed leaves a folder that looks complete. */
int hz_xdp_shared_remove(const char *instance)
{
	char folder[HZ_PIN_PATH_MAX], staged[HZ_PIN_PATH_MAX + 1];
	int status = folder_paths(instance, folder, staged);

	if (status == 0)
		status = hz_xdp_pins_remove(staged);
	if (status == 0 && rename(folder, staged) != 0)
		return errno == ENOENT ? 0 : -errno;
	return status == 0 ? hz_xdp_pins_remove(staged) : status;
}
