/* What the attached program does with a packet, without sending any. The same instructions (their tag is
 * compared) are loaded a second time, with copies of what its maps hold, and run by BPF_PROG_TEST_RUN: no
 * counter, limit or event of the live program moves. Only its table of sockets is shared: it is read. The beats of the
 * workers and what is known of the packet's source are copied anew for each packet: what is old of them says that a
 * worker is dead, and there may be 65,536 sources. */
#ifndef HZ_XDP_EXPLAIN_H
#define HZ_XDP_EXPLAIN_H

#include "abi/hz_abi.h"
#include "core/err.h"

#define HZ_XDP_EXPLAIN_MIN      14   /* the kernel runs no shorter frame */
#define HZ_XDP_EXPLAIN_MAX      3000 /* nor one that does not fit into a page with its headroom */

#define HZ_XDP_EXPLAIN_RULE_MAX 320

struct hz_xdp;

struct hz_xdp_explain {      /* close with hz_xdp_explain_close */
	struct hz_xdp *skel; /* owned */
	uint32_t ifindex;
	uint64_t *counters; /* owned: verdicts of all CPUs */
	int cpus;
	int beat_fd, src_fd; /* owned: live maps that each run looks at anew; -1 */
};

struct hz_xdp_explained {
	uint32_t action; /* XDP_PASS and so on */
	enum hz_reason reason;
	char rule[HZ_XDP_EXPLAIN_RULE_MAX]; /* what of the configuration decided */
	size_t out_bytes;
	uint8_t out[HZ_XDP_EXPLAIN_MAX + 256]; /* the frame afterwards */
};

/* Root only. ifname: attached by this instance, in this network namespace. 0 or -errno, err filled. */
int hz_xdp_explain_open(const char *instance, const char *ifname, struct hz_xdp_explain *out,
                        struct hz_err *err);
void hz_xdp_explain_close(struct hz_xdp_explain *explain); /* accepts a zeroed one */

/* HZ_XDP_EXPLAIN_MIN to _MAX bytes from the Ethernet header on. 0 or -errno: the kernel refused. */
int hz_xdp_explain_run(const struct hz_xdp_explain *explain, const uint8_t *frame, size_t bytes,
                       struct hz_xdp_explained *out);

#endif
