/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* With health/keep_alive: does a connection go on after this request? One whole request and nothing
 * behind it, of HTTP/1.1, that does not name `close`. The word is looked for anywhere, not only in
 * Connection: a server may always close (RFC 9112 9.6), and a client that waits for the end of a
 * connection would wait in vain when it stays open. */
#ifndef HZ_HEALTH_KEEP_H
#define HZ_HEALTH_KEEP_H

#include "maps.h"
#include <stdbool.h>

#include <bpf/bpf_endian.h>

#define HZ_KEEP_CHUNK     32
#define HZ_KEEP_BYTES_MAX 2048

/* What is looked for, as the last bytes read make up a word; close in any case. */
#define HZ_KEEP_LOWER   0x2020202020ULL
#define HZ_KEEP_CLOSE   0x636c6f7365ULL       /* close */
#define HZ_KEEP_VERSION 0x485454502f312e31ULL /* HTTP/1.1 */
#define HZ_KEEP_END     0x0d0a0d0aULL         /* CR LF CR LF */

struct keep_scan {
	struct xdp_md *ctx;
	__u32 offset; /* of the request */
	__u32 bytes;
	__u32 at;       /* read so far */
	__u32 ends;     /* of requests */
	__u64 last;     /* the last eight bytes */
	__u64 closes;   /* without its highest bit: there was one */
	__u64 versions; /* the same */
};

/* The highest bit says whether value is other than 0. No branch: each would double what the verifier walks, for
 * each byte. The barrier keeps clang from seeing one in it. */
static __always_inline __u64 keep_differs(__u64 value)
{
	__u64 negative = 0 - value;

	asm volatile("" : "+r"(negative));
	return value | negative;
}

/* bpf_loop: one chunk. What is missing of the last one is zeroes, which make up no word. */
static long keep_chunk(__u32 turn, void *data)
{
	struct keep_scan *scan = data;
	__u8 chunk[HZ_KEEP_CHUNK] = { 0 };
	__u32 left = scan->bytes - scan->at;
	__u64 last = scan->last, closes = scan->closes, versions = scan->versions, others = 0;

	(void)turn;
	if (left > HZ_KEEP_CHUNK)
		left = HZ_KEEP_CHUNK;
	asm volatile("" : "+r"(left)); /* or the bounds are lost between check and use */
	if (left == 0 || left > HZ_KEEP_CHUNK ||
	    bpf_xdp_load_bytes(scan->ctx, scan->offset + scan->at, chunk, left) != 0)
		return 1;
	for (__u32 i = 0; i < HZ_KEEP_CHUNK; i++) {
		last = last << 8 | chunk[i];
		closes &= keep_differs(((last & 0xffffffffff) | HZ_KEEP_LOWER) ^ HZ_KEEP_CLOSE);
		versions &= keep_differs(last ^ HZ_KEEP_VERSION);
		others += keep_differs((last & 0xffffffff) ^ HZ_KEEP_END) >> 63;
	}
	scan->closes = closes;
	scan->versions = versions;
	scan->ends += HZ_KEEP_CHUNK - (__u32)others;
	scan->at += left;
	scan->last = last;
	return 0;
}

__noinline bool hz_health_keep(struct xdp_md *ctx, __u32 offset, __u32 bytes)
{
	struct keep_scan scan = {
		.ctx = ctx, .offset = offset, .bytes = bytes, .closes = ~0ULL, .versions = ~0ULL
	};
	__u32 end = 0;

	if (bytes < sizeof(end) || bytes > HZ_KEEP_BYTES_MAX ||
	    bpf_xdp_load_bytes(ctx, offset + bytes - (__u32)sizeof(end), &end, sizeof(end)) != 0)
		return false;
	bpf_loop(HZ_KEEP_BYTES_MAX / HZ_KEEP_CHUNK, keep_chunk, &scan, 0);
	return scan.at == bytes && end == bpf_htonl(HZ_KEEP_END) && scan.ends == 1 &&
	       scan.closes >> 63 == 1 && scan.versions >> 63 == 0;
}

#endif
