/* Our program in the place of another one, which it calls for whatever it lets pass. The other keeps its
 * attachment: only the program there is exchanged, in one step each way, so that at no moment, and wherever
 * a run is killed, neither of both is on the device. By pins:
 *   foreign_IF  the other program; with it an attachment is a chained one and has no link_IF
 *   hold_IF     its link, when it has one: an owner that ends does not take ours along
 *   next_IF     the array that ours calls it through */
#ifndef HZ_XDP_CHAIN_H
#define HZ_XDP_CHAIN_H

#include "loader/xdp_link.h"
#include "loader/xdp_program.h"

/* The program that is to be chained. */
struct hz_xdp_foreign { /* close with hz_xdp_chain_close */
	int prog_fd;
	int link_fd; /* -1: attached by netlink, or held by a link we cannot tell from another */
	uint32_t program_id;
};
#define HZ_XDP_FOREIGN_NONE                                                                        \
	{                                                                                          \
		-1, -1, 0                                                                          \
	}

/* What is attached to the interface, in this mode; err says why it cannot be chained. */
int hz_xdp_chain_find(uint32_t ifindex, enum hz_xdp_mode mode, struct hz_xdp_foreign *out,
                      struct hz_err *err);
void hz_xdp_chain_close(struct hz_xdp_foreign *foreign); /* accepts HZ_XDP_FOREIGN_NONE */

/* Ours is the program of `program` from here on, pinned, with `foreign` behind it. */
int hz_xdp_chain_attach(const struct hz_xdp_attach_opts *opts, uint32_t ifindex,
                        const struct hz_xdp_foreign *foreign, const struct hz_xdp_program *program,
                        struct hz_err *err);

/* A chained attachment. -ENOENT: there is none. out->fd is our program, or -1 when the device runs
 * another one; then out->ifindex is 0. */
int hz_xdp_chain_open(const char *instance, const char *ifname, struct hz_xdp_link *out);

/* Exchanges the program in one step, if it still is old_fd. 0, or -errno. */
int hz_xdp_chain_swap(uint32_t ifindex, uint32_t mode_flag, int old_fd, int new_fd);

/* The other program has its place again. -EXDEV: from another network namespace. 0 or -errno. */
int hz_xdp_chain_restore(const char *instance, const char *ifname, const struct hz_xdp_link *link);

#endif
