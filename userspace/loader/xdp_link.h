/* The attachment: a BPF link that lives on by its pin, and what else may sit on an interface. */
#ifndef HZ_XDP_LINK_H
#define HZ_XDP_LINK_H

#include "loader/xdp_pins.h"

struct hz_xdp_link { /* close with hz_xdp_link_close */
	int fd;      /* of the link, or of our program when it is chained */
	uint32_t
		ifindex; /* 0: the device is gone, the link is dead; chained: ours does not run there */
	uint32_t program_id;
	bool is_chained;  /* in the place of another program, xdp_chain.h */
	uint32_t next_id; /* that program */
};

/* The pinned link of an interface, or its chained attachment. -ENOENT: there is none. */
int hz_xdp_link_open(const char *instance, const char *ifname, struct hz_xdp_link *out);
/* The link of an attach that was killed before its last rename: it holds the program on the device
 * under the name of a staged pin. -ENOENT: there is none. */
int hz_xdp_link_open_half(const char *instance, const char *ifname, struct hz_xdp_link *out);
void hz_xdp_link_close(struct hz_xdp_link *link); /* accepts one with fd -1 */

/* Off the device at once, whoever else holds the link, or back to the program before; then all pins of the
 * interface go. Closes link. 0 or -errno; -EXDEV: a chained one is put back from its network namespace. */
int hz_xdp_link_detach(const char *instance, const char *ifname, struct hz_xdp_link *link);

/* Who attached it, and where. 0 or -errno. */
int hz_xdp_link_meta(const char *instance, const char *ifname, struct hz_meta *out);
/* The network namespace of this thread. */
uint64_t hz_xdp_link_netns(void);

/* Programs attached to the interface in this network namespace; 0: none. */
int hz_xdp_link_attached_id(uint32_t ifindex, uint32_t *program_id);

/* The program runs from here on. 0, or -errno and nothing changed. */
int hz_xdp_link_update(const struct hz_xdp_link *link, enum hz_xdp_mode mode, int prog_fd);

/* XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE. */
uint32_t hz_xdp_link_mode_flag(enum hz_xdp_mode mode);

/* -EBUSY when a program is attached: with its name, tag and id in err, or with the instance that it
 * belongs to (exit code 3). */
int hz_xdp_link_refuse_foreign(const char *instance, uint32_t ifindex, const char *ifname,
                               struct hz_err *err);

/* "program 412 "xdp_lb" tag 3b185187f1855c4c"; by its bare id where we may not look it up. */
#define HZ_XDP_PROGRAM_TEXT_MAX sizeof(((struct hz_xdp_found *)NULL)->text)
void hz_xdp_link_program_name(uint32_t id, char out[HZ_XDP_PROGRAM_TEXT_MAX]);

/* Attaches. Returns an fd: attached until it is closed, or for good once pinned. */
int hz_xdp_link_create(int prog_fd, uint32_t ifindex, enum hz_xdp_mode mode, struct hz_err *err);

/* Id of a program or map behind fd, 0 when it cannot be told. */
uint32_t hz_xdp_link_program_id(int prog_fd);
uint32_t hz_xdp_link_map_id(int map_fd);

/* Does the program with this id use this map? */
bool hz_xdp_link_program_uses(uint32_t program_id, uint32_t map_id);

#endif
