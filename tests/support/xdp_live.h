/* Between helper_live and its XDP program. */
#ifndef HZ_XDP_LIVE_H
#define HZ_XDP_LIVE_H

#include <linux/types.h>

#define LIVE_BYTES_MAX 512

struct live_template {
	__u32 bytes;
	__u32 is_random; /* IPv4 and TCP without tags or options: source and sequence number drawn per frame */
	__u8 data[LIVE_BYTES_MAX];
};

struct live_tcp {
	__u16 source;
	__u16 dest;
	__u32 seq;
	__u32 ack;
	__u16 bits;
	__u16 window;
	__u16 check;
	__u16 urgent;
};

#endif
