/* Is a pinned map laid out as this program thinks? Its sizes say whether it may be used at all, its BTF
 * whether a field of the same size still means the same. */
#ifndef HZ_XDP_LAYOUT_H
#define HZ_XDP_LAYOUT_H

struct bpf_map;
struct bpf_object;

/* The map of an object that is open and not loaded is the pinned one from here on. -EPROTO: that is laid
 * out otherwise; or -errno. */
int hz_xdp_layout_reuse(const struct bpf_object *object, struct bpf_map *map, int fd);

#endif
