#include "loader/xdp_layout.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define DEPTH_MAX 16 /* of structs in structs in arrays; ours have 4 */

/* A type of one BTF beside one of another. */
struct pair {
	const struct btf *ours, *theirs;
	uint32_t our_id, their_id;
	int depth;
};

static bool types_agree(struct pair pair);

static const struct btf_type *type_behind_names(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (int i = 0; i < DEPTH_MAX && type != NULL && (btf_is_mod(type) || btf_is_typedef(type));
	     i++)
		type = btf__type_by_id(btf, type->type);
	return type;
}

static bool names_agree(const struct pair *pair, uint32_t our_name, uint32_t their_name)
{
	const char *ours = btf__name_by_offset(pair->ours, our_name);
	const char *theirs = btf__name_by_offset(pair->theirs, their_name);

	return ours != NULL && theirs != NULL && strcmp(ours, theirs) == 0;
}

static struct pair pair_below(const struct pair *pair, uint32_t our_id, uint32_t their_id)
{
	return (struct pair){ pair->ours, pair->theirs, our_id, their_id, pair->depth + 1 };
}

static bool member_agrees(const struct pair *pair, const struct btf_type *our, uint32_t our_index,
                          const struct btf_type *their, uint32_t their_index)
{
	const struct btf_member *one = btf_members(our) + our_index,
				*other = btf_members(their) + their_index;

	return btf_member_bit_offset(our, our_index) == btf_member_bit_offset(their, their_index) &&
	       names_agree(pair, one->name_off, other->name_off) &&
	       types_agree(pair_below(pair, one->type, other->type));
}

static bool is_reserved(const struct pair *pair, const struct btf_type *their, uint32_t index)
{
	const char *name = btf__name_by_offset(pair->theirs, btf_members(their)[index].name_off);

	return name != NULL && strcmp(name, "reserved") == 0;
}

static uint32_t member_end(const struct btf_type *type, uint32_t index)
{
	return index + 1 < btf_vlen(type) ? btf_member_bit_offset(type, index + 1) : type->size * 8;
}

/* Ours may have names for what is reserved in theirs: an older version stored zeroes there. Not the other way round. */
static bool members_agree(const struct pair *pair, const struct btf_type *our,
                          const struct btf_type *their)
{
	uint32_t at = 0;

	if (our->size != their->size)
		return false;
	for (uint32_t i = 0; i < btf_vlen(their); i++) {
		if (!is_reserved(pair, their, i)) {
			if (at == btf_vlen(our) || !member_agrees(pair, our, at++, their, i))
				return false;
			continue;
		}
		while (at < btf_vlen(our) && btf_member_bit_offset(our, at) < member_end(their, i))
			at++;
	}
	return at == btf_vlen(our);
}

/* The depth bounds it: BTF that came from elsewhere may hold a circle. */
static bool types_agree(struct pair pair)
{
	const struct btf_type *our = type_behind_names(pair.ours, pair.our_id);
	const struct btf_type *their = type_behind_names(pair.theirs, pair.their_id);

	if (our == NULL || their == NULL || pair.depth > DEPTH_MAX ||
	    btf_kind(our) != btf_kind(their))
		return false;
	if (btf_is_int(our))
		return our->size == their->size && btf_int_encoding(our) == btf_int_encoding(their);
	if (btf_is_array(our))
		return btf_array(our)->nelems == btf_array(their)->nelems &&
		       types_agree(pair_below(&pair, btf_array(our)->type, btf_array(their)->type));
	if (btf_is_composite(our))
		return members_agree(&pair, our, their);
	return false; /* maps hold nothing else */
}

/* Without CAP_SYS_ADMIN BTF cannot be had by its id: then sizes and the ABI's number have to do. */
static int btf_agrees(const struct bpf_object *object, const struct bpf_map *map,
                      const struct bpf_map_info *info)
{
	struct pair pair = { .ours = bpf_object__btf(object) };
	struct btf *theirs;
	bool is_same;

	if (info->type == BPF_MAP_TYPE_XSKMAP || info->type == BPF_MAP_TYPE_PROG_ARRAY ||
	    info->type == BPF_MAP_TYPE_RINGBUF || info->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		return 0; /* descriptors, maps or records: the kernel keeps no BTF of them */
	if (info->btf_id == 0)
		return -EPROTO;
	theirs = btf__load_from_kernel_by_id(info->btf_id);
	if (theirs == NULL)
		return errno == EPERM ? 0 : -errno;
	pair.theirs = theirs;
	pair.our_id = bpf_map__btf_key_type_id(map);
	pair.their_id = info->btf_key_type_id;
	is_same = types_agree(pair);
	pair.our_id = bpf_map__btf_value_type_id(map);
	pair.their_id = info->btf_value_type_id;
	is_same = is_same && types_agree(pair);
	btf__free(theirs);
	return is_same ? 0 : -EPROTO;
}

int hz_xdp_layout_reuse(const struct bpf_object *object, struct bpf_map *map, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);
	int status;

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0)
		return -errno;
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.max_entries != bpf_map__max_entries(map))
		return -EPROTO;
	status = btf_agrees(object, map, &info);
	return status == 0 ? bpf_map__reuse_fd(map, fd) : status;
}
