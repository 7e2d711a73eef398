/* Both objects load, within the budget of verified instructions, under the names that are an outside
 * contract. */
#include "bpf_rig.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define VERIFIED_MAX 50000

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void budget_check(struct tap *tap, const char *file, const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);
	char name[128];

	snprintf(name, sizeof(name), "load.%s.%s_within_%d", file, bpf_program__name(prog),
	         VERIFIED_MAX);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &bytes) != 0) {
		tap_fail(tap, name, "no info: %s", strerror(errno));
		return;
	}
	printf("# %s %s: %u instructions verified, %u translated bytes\n", tap->prefix, name,
	       info.verified_insns, info.xlated_prog_len);
	if (info.verified_insns > 0 && info.verified_insns < VERIFIED_MAX)
		tap_result(tap, name, NULL);
	else
		tap_fail(tap, name, "%u", info.verified_insns);
}

/* bpftool prints names and numbers only for maps that kept their BTF. */
static void btf_check(struct tap *tap, const char *file, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct bpf_map_info info = { 0 };
		uint32_t bytes = sizeof(info);
		char name[128];

		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ||
		    bpf_map__type(map) == BPF_MAP_TYPE_XSKMAP ||
		    bpf_map__type(map) == BPF_MAP_TYPE_ARRAY_OF_MAPS || bpf_map__is_internal(map))
			continue; /* these have no values to print */
		snprintf(name, sizeof(name), "load.%s.%s_has_btf", file, bpf_map__name(map));
		if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &bytes) == 0 &&
		    info.btf_id != 0 && info.btf_value_type_id != 0)
			tap_result(tap, name, NULL);
		else
			tap_result(tap, name, "it has none");
	}
}

/* What libxdp looks for: `xsk_prog_version` in a datasec "xdp_metadata" that says 1, as a pointer to an
 * array of that many ints. */
static const char *handshake_check(const struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf == NULL ? -1 : btf__find_by_name_kind(btf, "xdp_metadata", BTF_KIND_DATASEC);
	const struct btf_type *type;

	if (id < 0)
		return "no section xdp_metadata in the BTF";
	type = btf__type_by_id(btf, (uint32_t)id);
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *var = btf__type_by_id(btf, btf_var_secinfos(type)[i].type);
		const struct btf_type *pointer, *array;

		if (strcmp(btf__name_by_offset(btf, var->name_off), "xsk_prog_version") != 0)
			continue;
		pointer = btf__type_by_id(btf, var->type);
		array = btf_is_ptr(pointer) ? btf__type_by_id(btf, pointer->type) : NULL;
		if (array != NULL && btf_is_array(array) && btf_array(array)->nelems == 1)
			return NULL;
		return "xsk_prog_version is not 1";
	}
	return "no xsk_prog_version";
}

static const char *xdp_names_check(const struct bpf_object *object)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object, "xsks_map");

	if (bpf_object__find_program_by_name(object, "xsk_def_prog") == NULL)
		return "no program xsk_def_prog";
	if (map == NULL || bpf_map__type(map) != BPF_MAP_TYPE_XSKMAP)
		return "no XSKMAP xsks_map";
	return handshake_check(object);
}

/* A map of this name would be taken for libxdp's reference count, and written. */
static const char *no_data_map(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".data") != NULL ||
		    strstr(bpf_map__name(map), ".bss") != NULL)
			return bpf_map__name(map);
	}
	return NULL;
}

void load_tests(struct tap *tap, const char *object_path)
{
	const char *file = file_name(object_path);
	struct bpf_object *object = bpf_object__open_file(object_path, NULL);
	struct bpf_program *prog;
	char name[128];

	snprintf(name, sizeof(name), "load.%s", file);
	if (object == NULL || bpf_object__load(object) != 0) {
		tap_fail(tap, name, "%s", strerror(errno));
		bpf_object__close(object);
		return;
	}
	tap_result(tap, name, NULL);
	bpf_object__for_each_program(prog, object) budget_check(tap, file, prog);
	btf_check(tap, file, object);
	snprintf(name, sizeof(name), "load.%s.no_data_map", file);
	tap_result(tap, name, no_data_map(object));
	if (strstr(file, "hz_xdp") != NULL)
		tap_result(tap, "load.libxdp_handshake", xdp_names_check(object));
	bpf_object__close(object);
}
