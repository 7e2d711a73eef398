/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* In the place of xdp_pass where a flood is answered: what goes to the stations that the flood seems to come
 * from, 02:00:00:00:00:f1, ends here, as it would on a link. The client's stack has no part in it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_far(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const void *)(long)ctx->data;

	if ((const void *)(eth + 1) > (const void *)(long)ctx->data_end)
		return XDP_PASS;
	return eth->h_dest[0] == 2 && eth->h_dest[5] == 0xf1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
