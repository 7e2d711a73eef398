#include "loader/xdp_shared.h"
#include "abi/cookie_syn.h"
#include "core/hint.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_make.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

struct shared_pin {
	const char *name;
	uint32_t key_bytes;
	uint32_t value_bytes;
	uint32_t entries;
	uint32_t since; /* HZ_ABI_MINOR */
};

static const struct shared_pin shared_pins[] = {
#define HZ_PIN(name, map, mode, key, value, entries, since)                                        \
	{ name, sizeof(key), sizeof(value), entries, since },
#include "loader/xdp_pins.def"
#undef HZ_PIN
};

static const char *const program_pins[] = HZ_XDP_MAKE_PROGRAMS;

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

/* All programs but the first came with minor 1. */
bool hz_xdp_shared_is_later(const char *name)
{
	const struct shared_pin *pin = pin_named(name);

	if (pin != NULL)
		return pin->since > 0;
	for (size_t i = 1; i < HZ_ARRAY_LEN(program_pins); i++)
		if (strcmp(program_pins[i], name) == 0)
			return true;
	return false;
}

static bool entries_fit(const struct shared_pin *pin, uint32_t entries)
{
	if (pin->entries > 0)
		return entries == pin->entries;
	return entries > 0 && entries % HZ_ROUTE_SLOTS == 0 &&
	       entries / HZ_ROUTE_SLOTS <= HZ_WORKERS_MAX;
}

/* As this version lays it out, or shorter where minor version 0 had no more. */
static bool value_fits(const struct shared_pin *pin, uint32_t bytes)
{
	return bytes == pin->value_bytes ||
	       (strcmp(pin->name, "stream_stats") == 0 && bytes == HZ_STREAM_STATS_BYTES_0);
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
	    info.key_size == pin->key_bytes && value_fits(pin, info.value_size) &&
	    entries_fit(pin, info.max_entries))
		return fd;
	close(fd);
	return -EPROTO;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* --- opening it ----------------------------------------------------------------------------------- */

/* What an older version of this ABI did not pin is done without. */
static int pin_status(const char *name, int fd)
{
	return fd == -ENOENT && hz_xdp_shared_is_later(name) ? 0 : HZ_MIN(fd, 0);
}

/* Is all there, and as large as this version thinks? hzd uses what the XDP program never sees. */
static int pins_look(const char *instance)
{
	int fd, status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_pins) && status == 0; i++) {
		fd = hz_xdp_shared_map(instance, shared_pins[i].name, true);
		status = pin_status(shared_pins[i].name, fd);
		fd_close(fd);
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(program_pins) && status == 0; i++) {
		fd = hz_xdp_pins_open(instance, program_pins[i], NULL, false);
		status = pin_status(program_pins[i], fd);
		fd_close(fd);
	}
	return status;
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
		status = pin_status(name[i], *fd[i]);
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
		status = hz_xdp_make(instance, err);
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
