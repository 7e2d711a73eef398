/* The maps of a program that is running, copied into those of a program that was just loaded. */
#ifndef HZ_XDP_COPY_H
#define HZ_XDP_COPY_H

struct bpf_object;

/* The map of this name that the program uses. Returns an fd, or -errno: -ENOENT. Root only. */
int hz_xdp_copy_find(int prog_fd, const char *name);
/* Contents of all maps that a verdict depends on, but of `src`, which may hold 65,536 sources: hz_xdp_copy_element.
 * Inner maps are shared: the program only reads them. 0 or -errno. */
int hz_xdp_copy_maps(int prog_fd, const struct bpf_object *to);
/* One map once more, as it is now. 0 or -errno. */
int hz_xdp_copy_again(int from_fd, int to_fd);
/* One element, or its absence; value is room for it. 0 or -errno. */
int hz_xdp_copy_element(int from_fd, int to_fd, const void *key, void *value);

#endif
