#include "loader/xdp_copy.h"
#include "core/base.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROGRAM_MAPS_MAX 64
#define ELEMENTS_MAX     (1u << 20) /* a map that grows while it is copied comes to an end */

/* Written and not asked: what they hold decides nothing. Or too many, of which a packet needs one: `src`. */
static bool is_left_out(const char *name)
{
	static const char *const names[] = { "verdicts", "latency",   "drops", "sample_gate",
		                             "meta",     "acl_known", "src",   "shed_rows" };

	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int map_ids(int prog_fd, uint32_t id[PROGRAM_MAPS_MAX], uint32_t *count)
{
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX,
		                      .map_ids = (uint64_t)(uintptr_t)id };
	uint32_t bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &bytes) != 0)
		return -errno;
	if (info.nr_map_ids > PROGRAM_MAPS_MAX)
		return -E2BIG;
	*count = info.nr_map_ids;
	return 0;
}

static int map_open(uint32_t id, struct bpf_map_info *info)
{
	uint32_t bytes = sizeof(*info);
	int fd = bpf_map_get_fd_by_id(id), status;

	if (fd < 0)
		return -errno;
	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &bytes) == 0)
		return fd;
	status = -errno;
	close(fd);
	return status;
}

int hz_xdp_copy_find(int prog_fd, const char *name)
{
	uint32_t id[PROGRAM_MAPS_MAX], count = 0;
	struct bpf_map_info info;
	int status = map_ids(prog_fd, id, &count);

	for (uint32_t i = 0; i < count && status == 0; i++) {
		int fd = map_open(id[i], &info);

		if (fd < 0)
			return fd;
		if (strcmp(info.name, name) == 0)
			return fd;
		close(fd);
	}
	return status == 0 ? -ENOENT : status;
}

/* One element; of an array of maps the value is an id when read and an fd when written. */
static int element_copy(int from_fd, int to_fd, bool has_maps, const void *key, void *value)
{
	uint32_t id;
	int inner_fd, status = 0;

	if (bpf_map_lookup_elem(from_fd, key, value) != 0)
		return errno == ENOENT ? 0 : -errno; /* gone meanwhile, or an empty slot */
	if (!has_maps)
		return bpf_map_update_elem(to_fd, key, value, BPF_ANY) == 0 ? 0 : -errno;
	memcpy(&id, value, sizeof(id));
	inner_fd = bpf_map_get_fd_by_id(id);
	if (inner_fd < 0)
		return -errno;
	if (bpf_map_update_elem(to_fd, key, &inner_fd, BPF_ANY) != 0)
		status = -errno;
	close(inner_fd);
	return status;
}

static int elements_copy(int from_fd, int to_fd, const struct bpf_map_info *info, void *key,
                         void *next, void *value)
{
	bool has_maps =
		info->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || info->type == BPF_MAP_TYPE_HASH_OF_MAPS;
	const void *from = NULL;
	int status = 0;

	for (uint32_t i = 0; i < ELEMENTS_MAX && status == 0; i++) {
		if (bpf_map_get_next_key(from_fd, from, next) != 0)
			return errno == ENOENT ? 0 : -errno;
		status = element_copy(from_fd, to_fd, has_maps, next, value);
		memcpy(key, next, info->key_size);
		from = key;
	}
	return status;
}

static int map_copy(int from_fd, int to_fd, const struct bpf_map_info *info)
{
	size_t value_bytes = (info->value_size + 7u) / 8 * 8 * (size_t)libbpf_num_possible_cpus();
	char *buffer;
	int status;

	if (info->type == BPF_MAP_TYPE_RINGBUF || info->type == BPF_MAP_TYPE_XSKMAP ||
	    info->type == BPF_MAP_TYPE_PROG_ARRAY)
		return 0;
	buffer = calloc(1, (size_t)2 * info->key_size + value_bytes);
	if (buffer == NULL)
		return -ENOMEM;
	status = elements_copy(from_fd, to_fd, info, buffer + value_bytes,
	                       buffer + value_bytes + info->key_size, buffer);
	free(buffer);
	return status;
}

int hz_xdp_copy_again(int from_fd, int to_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(from_fd, &info, &bytes) != 0)
		return -errno;
	return map_copy(from_fd, to_fd, &info);
}

int hz_xdp_copy_element(int from_fd, int to_fd, const void *key, void *value)
{
	if (bpf_map_lookup_elem(from_fd, key, value) == 0)
		return bpf_map_update_elem(to_fd, key, value, BPF_ANY) == 0 ? 0 : -errno;
	if (errno != ENOENT)
		return -errno;
	return bpf_map_delete_elem(to_fd, key) == 0 || errno == ENOENT ? 0 : -errno;
}

int hz_xdp_copy_maps(int prog_fd, const struct bpf_object *to)
{
	uint32_t id[PROGRAM_MAPS_MAX], count = 0;
	struct bpf_map_info info;
	int status = map_ids(prog_fd, id, &count);

	for (uint32_t i = 0; i < count && status == 0; i++) {
		int from_fd = map_open(id[i], &info), to_fd;

		if (from_fd < 0)
			return from_fd;
		to_fd = bpf_object__find_map_fd_by_name(to, info.name);
		if (to_fd >= 0 &&
		    !is_left_out(info.name)) /* constants have no map of such a name */
			status = map_copy(from_fd, to_fd, &info);
		close(from_fd);
	}
	return status;
}
