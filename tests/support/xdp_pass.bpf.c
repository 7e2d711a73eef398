/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the client end of a test veth carries: a frame that XDP_TX sends back through a veth only
 * arrives where the peer has a native XDP program of its own. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
