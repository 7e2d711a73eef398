/* Lists of sources in the kernel. Each family has two tries, made with the instance; one of them counts,
 * and a new list is written into the other one before a single store exchanges both. So a packet meets the
 * list before or the one after, as a whole, and nothing is created by a server that has given up its
 * rights. */
#ifndef HZ_XDP_LISTS_H
#define HZ_XDP_LISTS_H

#include "core/err.h"
#include "core/source_rule.h"

enum { HZ_XDP_LISTS_V4, HZ_XDP_LISTS_V6, HZ_XDP_LISTS_FAMILIES };

struct hz_xdp_lists { /* close with hz_xdp_lists_close */
	int acl_fd;
	int outer_fd[HZ_XDP_LISTS_FAMILIES];
	int trie_fd[HZ_XDP_LISTS_FAMILIES][HZ_ACL_SLOTS];
	int rate_fd;
	int lock_fd; /* the instance's folder `private`: one writer at a time, and root opened it */
	uint32_t
		wait_ms; /* for another writer; HZ_XDP_LISTS_WAIT_MS, its caller may want another one */
	struct hz_acl next; /* what is filled, between fill and flip */
	bool is_filled;
};
#define HZ_XDP_LISTS_NONE                                                                          \
	{                                                                                          \
		.acl_fd = -1, .outer_fd = { -1, -1 }, .trie_fd = { { -1, -1 }, { -1, -1 } },       \
		.rate_fd = -1, .lock_fd = -1                                                       \
	}

/* A thread that has other things to do waits no longer. Writing 200,000 prefixes takes the better part of one second. */
#define HZ_XDP_LISTS_WAIT_MS         50
#define HZ_XDP_LISTS_WAIT_PATIENT_MS 5000 /* a command that somebody typed */

/* The pins of an instance, to write. Root only, as the rest of `private`. 0 or -errno. */
int hz_xdp_lists_open(const char *instance, struct hz_xdp_lists *out);
void hz_xdp_lists_close(struct hz_xdp_lists *lists); /* accepts a zeroed one */

/* Writes rules, none of them twice, where nobody looks yet, and holds the lock until flip or drop; what another one
 * writes at the same time is waited for, wait_ms at most. 0 or -errno with err filled (exit codes of hzctl): then
 * nothing is held, and what counts is untouched. -EBUSY (6, `lists_busy`): another one writes. */
int hz_xdp_lists_fill(struct hz_xdp_lists *lists, const struct hz_source_rule *rule, uint32_t count,
                      struct hz_err *err);
/* They count now; those before are taken away once no packet looks at them any more. 0 or -errno: the
 * ones before still count. Nothing to do when nothing is filled. */
int hz_xdp_lists_flip(struct hz_xdp_lists *lists);
/* Gives up what was filled. */
void hz_xdp_lists_drop(struct hz_xdp_lists *lists);

/* New flows per second and source, 0: no limit; burst of them at once. 0 or -errno. */
int hz_xdp_lists_rate(const struct hz_xdp_lists *lists, uint32_t per_s, uint32_t burst);

#endif
