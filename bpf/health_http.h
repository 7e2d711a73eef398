/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which canned answer a request to a health port gets. Only the first segment is looked at: a request
 * line split over two segments is answered 404, as there is nowhere to keep its first half. */
#ifndef HZ_HEALTH_HTTP_H
#define HZ_HEALTH_HTTP_H

#include "abi/hz_abi.h"
#include "pkt.h"

#define HZ_HTTP_PATH_MAX sizeof(((struct hz_claim *)0)->path)
/* "GET / HTTP/1.0\r\n": nothing shorter is a request */
#define HZ_HTTP_REQUEST_MIN 16

/* Length of the method and its space; 0: not one that probes use. *is_head is set for HEAD. */
static __always_inline __u32 http_method_bytes(const char *m, bool *is_head)
{
	*is_head = false;
	if (m[0] == 'G' && m[1] == 'E' && m[2] == 'T' && m[3] == ' ')
		return 4;
	if (m[0] == 'H' && m[1] == 'E' && m[2] == 'A' && m[3] == 'D' && m[4] == ' ') {
		*is_head = true;
		return 5;
	}
	if (m[0] == 'O' && m[1] == 'P' && m[2] == 'T' && m[3] == 'I' && m[4] == 'O' &&
	    m[5] == 'N' && m[6] == 'S' && m[7] == ' ')
		return 8;
	return 0;
}

/* Is the target at offset the claim's path, a query aside? available: bytes of the segment there. */
static __always_inline bool http_path_matches(struct xdp_md *ctx, __u32 offset, __u32 available,
                                              const struct hz_claim *claim)
{
	char target[HZ_HTTP_PATH_MAX + 8] = { 0 };
	__u32 need = claim->path_bytes + 1u; /* and what ends it */
	char difference = 0, after = 0;

	asm volatile("" : "+r"(need));
	if (need < 2 || need > HZ_HTTP_PATH_MAX + 1 || need > available)
		return false;
	if (bpf_xdp_load_bytes(ctx, offset, target, need) != 0)
		return false;
	for (__u32 i = 0; i <= HZ_HTTP_PATH_MAX; i++) {
		if (i + 1 == need) {
			after = target[i];
			break;
		}
		if (i < HZ_HTTP_PATH_MAX)
			difference |= target[i] ^ claim->path[i];
	}
	return difference == 0 && (after == ' ' || after == '?');
}

/* Not a request of a probe at all. */
#define HZ_HTTP_NO_METHOD HZ_RESPONSE_KINDS

/* enum hz_response_kind for the request of `available` bytes at offset, or HZ_HTTP_NO_METHOD; matched
 * says which answer the claim's path deserves. */
__noinline __u32 hz_health_http(struct xdp_md *ctx, __u32 offset, __u32 available,
                                const struct hz_claim *claim, __u32 matched)
{
	__u32 method_bytes, kind = HZ_RESPONSE_404;
	char method[8];
	bool is_head;

	if (claim == NULL || available < HZ_HTTP_REQUEST_MIN ||
	    bpf_xdp_load_bytes(ctx, offset, method, sizeof(method)) != 0)
		return HZ_HTTP_NO_METHOD;
	method_bytes = http_method_bytes(method, &is_head);
	if (method_bytes == 0)
		return HZ_HTTP_NO_METHOD;
	if (http_path_matches(ctx, offset + method_bytes, available - method_bytes, claim))
		kind = matched;
	return is_head ? kind + HZ_RESPONSE_HEAD : kind;
}

#endif
