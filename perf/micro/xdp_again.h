/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The frame that xdp_again.bpf.c puts back. */
#ifndef HZ_XDP_AGAIN_H
#define HZ_XDP_AGAIN_H

#include <linux/types.h>

struct xdp_again {
	__u32 bytes;
	__u32 source_at; /* offset of four bytes that are drawn each time; 0: none */
	__u32 grows_at_head;
	__u8 data[256];
};

#endif
