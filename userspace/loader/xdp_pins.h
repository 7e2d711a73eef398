/* Files of the BPF file system: where they are, who may open them, and how one replaces another. */
#ifndef HZ_XDP_PINS_H
#define HZ_XDP_PINS_H

#include "core/err.h"
#include "loader/xdp_attach.h"
#include <sys/types.h>

#define HZ_BPFFS        "/sys/fs/bpf"
#define HZ_INSTANCE_MAX 32

/* One pin of an interface. */
struct hz_xdp_pin {
	const char *name; /* "vips" for vips_IF */
	int fd;
	mode_t mode;
};

/* Makes path a folder of this mode, owned root:hz when there is a group hz. */
int hz_xdp_pins_folder(const char *path, mode_t mode);
/* Pins fd at path, which must be free, with mode and owner. */
int hz_xdp_pins_pin(int fd, const char *path, mode_t mode);

/* The pins of an interface in two steps, so that what can fail fails before anything changed: stage
 * makes all NAME_IF~, commit renames them over NAME_IF, drop removes what was staged. */
int hz_xdp_pins_stage(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                      size_t count);
int hz_xdp_pins_commit(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                       size_t count);
void hz_xdp_pins_drop(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                      size_t count);

/* Opens a pin; -ENOENT when there is none. is_reader: an fd that cannot write (maps only). */
int hz_xdp_pins_open(const char *instance, const char *name, const char *ifname, bool is_reader);
/* The same of a pin that was staged and never committed. */
int hz_xdp_pins_open_staged(const char *instance, const char *name, const char *ifname);

/* Removes everything an interface has pinned. */
void hz_xdp_pins_forget(const char *instance, const char *ifname);
/* Only what was staged, by a run that was killed: with the lock held nobody else is at it. */
void hz_xdp_pins_sweep(const char *instance, const char *ifname);
/* Renames what is staged into place: of a swap that was made and killed before it was done. */
int hz_xdp_pins_finish(const char *instance, const char *ifname);
/* Removes a folder of pins with its folders, which have none. Absent is fine. */
int hz_xdp_pins_remove(const char *path);

enum hz_xdp_pins_of {
	HZ_XDP_PINS_HELD, /* interfaces with a link, or a program in whose place ours is */
	HZ_XDP_PINS_ANY,  /* and with anything at all */
};

/* Calls back with the name of each interface that has such a pin, staged or not, until it returns other
 * than 0; more than once with one that has several. Returns that, 0, or -errno; no folder is no
 * interface. */
int hz_xdp_pins_each(const char *instance, enum hz_xdp_pins_of of,
                     int (*on_ifname)(const char *ifname, void *ctx), void *ctx);

#endif
