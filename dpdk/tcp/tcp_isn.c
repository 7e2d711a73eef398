#include "tcp/tcp_isn.h"

#include "core/siphash.h"
#include <string.h>

/* 4.096 us per step, near enough to the 4 us of RFC 6528 3, and no division. */
#define ISN_CLOCK_SHIFT 12

struct hz_tcp_isn hz_tcp_isn_make(const uint8_t secret[16], const struct hz_tcp_key *key,
                                  uint64_t now_ns)
{
	__u64 k[2], word[5] = { 0 }, hash;

	memcpy(k, secret, sizeof(k));
	memcpy(word, key, sizeof(*key));
	hash = hz_siphash(k[0], k[1], word, 5);
	return (struct hz_tcp_isn){
		.iss = (uint32_t)hash + (uint32_t)(now_ns >> ISN_CLOCK_SHIFT),
		.ts_offset = (uint32_t)(hash >> 32),
	};
}
