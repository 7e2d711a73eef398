/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* How many new flows one source may open: the generic cell rate algorithm (ITU-T I.371), one word per
 * source, of IPv6 per /64, as a client has all of one. An open flow is never touched.
 *
 *   SYN to the worker                 charged, refused beyond the limit
 *   SYN that gets a cookie            refused beyond the limit, but neither charged nor remembered
 *   segment that echoes a cookie      charged half a flow, never refused
 *
 * A SYN proves nothing: whoever writes another's address into it uses up that one's flows, until so many
 * come that cookies answer them; for a source to which that must not happen there is the list `allow`. What
 * echoes a cookie is of a source that is there, and for it the flow is open. As XDP knows no flows, the
 * last step of the handshake and the request behind it both count, hence half of one each: in a flood a
 * source has between half and twice its rate.
 *
 * Sources are remembered as long as there is room; of one that was forgotten, and of a new one, the first
 * flow is let in. Inserting is the dearest thing this program does: it comes after every other refusal. */
#ifndef HZ_SRC_RATE_H
#define HZ_SRC_RATE_H

#include "maps.h"
#include "pkt.h"
#include "shed_note.h"

enum hz_src_step {
	HZ_SRC_SYN,  /* to the worker */
	HZ_SRC_LOOK, /* a SYN, which gets a cookie */
	HZ_SRC_ECHO, /* what acknowledges one */
};

/* IPv4 as a whole. */
static __always_inline struct hz_addr src_of(const struct hz_pkt *pkt)
{
	struct hz_addr who = pkt->source;

	if (pkt->version == 6)
		__builtin_memset(who.byte + 8, 0, 8);
	return who;
}

/* When the flows so far would have come at this rate, not before now. What is further ahead than this rate
 * lets anybody get is of a slower one, before a reload or a restart: as far ahead as one may be. */
static __always_inline __u64 src_due(__u64 due_ns, const struct hz_source_rate *rate, __u64 now_ns)
{
	__u64 over_ns;

	if (due_ns <= now_ns)
		return now_ns;
	over_ns = due_ns - now_ns;
	if (over_ns > rate->ahead_ns && over_ns - rate->ahead_ns > rate->each_ns)
		return now_ns + rate->ahead_ns;
	return due_ns;
}

/* Of CPUs that charge one source at a moment one gets through; the others look again. Who loses so often comes in
 * uncounted: nobody waits. */
#define HZ_SRC_TRIES 4

/* Within the limit, and charged; false: beyond it. */
static __always_inline bool src_charge(struct hz_src *known, const struct hz_source_rate *rate,
                                       __u64 now_ns, __u64 each_ns)
{
	for (int i = 0; i < HZ_SRC_TRIES; i++) {
		__u64 seen_ns = *(volatile __u64 *)&known->due_ns;
		__u64 due_ns = src_due(seen_ns, rate, now_ns);

		if (due_ns - now_ns > rate->ahead_ns)
			return false;
		if (each_ns == 0 || __sync_val_compare_and_swap(&known->due_ns, seen_ns,
		                                                due_ns + each_ns) == seen_ns)
			return true;
	}
	return true;
}

static __always_inline enum hz_reason src_take(const struct hz_pkt *pkt, struct hz_src *known,
                                               const struct hz_source_rate *rate, __u64 now_ns,
                                               __u64 each_ns, __u32 step)
{
	if (src_charge(known, rate, now_ns, step == HZ_SRC_LOOK ? 0 : each_ns) ||
	    step == HZ_SRC_ECHO)
		return HZ_GO_ON;
	known->refused_ns = now_ns;
	__sync_fetch_and_add(&known->refused, 1);
	hz_shed_note(pkt, HZ_REASON_drop_source_rate, now_ns);
	return HZ_REASON_drop_source_rate;
}

/* Global: the verifier looks at it once. */
__noinline enum hz_reason hz_src_rate_count(const struct hz_pkt *pkt, __u64 now_ns, __u32 step)
{
	__u32 zero = 0;
	const struct hz_source_rate *rate = bpf_map_lookup_elem(&src_rate, &zero);
	struct hz_src *known, first;
	struct hz_addr who;
	__u64 each_ns;

	if (rate == NULL || rate->each_ns == 0 || pkt == NULL)
		return HZ_GO_ON;
	each_ns = rate->each_ns >> (step == HZ_SRC_ECHO);
	who = src_of(pkt);
	known = bpf_map_lookup_elem(&src, &who);
	if (known != NULL)
		return src_take(pkt, known, rate, now_ns, each_ns, step);
	if (step == HZ_SRC_LOOK)
		return HZ_GO_ON;
	first = (struct hz_src){ .due_ns = now_ns + each_ns };
	(void)bpf_map_update_elem(&src, &who, &first, BPF_NOEXIST);
	return HZ_GO_ON;
}

/* Does the limit hold for flows of this source to this port? list: of hz_acl_list. */
static __always_inline bool hz_src_rate_has(const struct hz_claim *claim, __u32 list)
{
	__u32 zero = 0;
	const struct hz_source_rate *rate = bpf_map_lookup_elem(&src_rate, &zero);

	return rate != NULL && rate->each_ns != 0 && list != HZ_SOURCE_ALLOW &&
	       list != HZ_SOURCE_PROBE && claim->shed_class != HZ_CLASS_CONTROL;
}

#endif
