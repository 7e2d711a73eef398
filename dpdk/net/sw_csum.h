/* The Internet checksum, RFC 1071. Sums are kept as ones' complement partial sums of 16-bit words in
 * memory order, so that they add up in any grouping: a payload is summed once and reused. */
#ifndef HZ_SW_CSUM_H
#define HZ_SW_CSUM_H

#include <hz/hz.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are patched with byte swaps");

static inline uint64_t hz_csum_load32(const void *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Adds bytes to sum, which may be anything below 2^40; an odd last byte is padded with zero. The
 * result is below 2^40 + 2^17 * bytes / 4, so that packets never overflow it. */
static inline uint64_t hz_csum_add(uint64_t sum, const uint8_t *data, size_t bytes)
{
	uint64_t even = sum, odd = 0;
	uint32_t rest = 0;

	for (; bytes >= 16; bytes -= 16, data += 16) {
		even += hz_csum_load32(data) + hz_csum_load32(data + 4);
		odd += hz_csum_load32(data + 8) + hz_csum_load32(data + 12);
	}
	for (; bytes >= 4; bytes -= 4, data += 4)
		even += hz_csum_load32(data);
	if (bytes > 0) /* data may be NULL when there is none */
		memcpy(&rest, data, bytes);
	return even + odd + rest;
}

/* 64 bits to 16, end-around carry. */
static inline uint16_t hz_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

/* What goes into, or is compared with, a checksum field in memory order. */
static inline uint16_t hz_csum_finish(uint64_t sum)
{
	return (uint16_t)~hz_csum_fold(sum);
}

/* Pseudo header without the length, which the caller adds as a big-endian 16-bit word: RFC 9293 3.1,
 * RFC 8200 8.1. A v4-mapped pair sums its four address bytes only. */
static inline uint64_t hz_csum_pseudo(const struct hz_addr *src, const struct hz_addr *dst,
                                      int is_v6, uint8_t protocol)
{
	uint64_t sum = (uint64_t)__builtin_bswap16(protocol);
	size_t skip = is_v6 ? 0 : 12;

	sum = hz_csum_add(sum, src->byte + skip, 16 - skip);
	return hz_csum_add(sum, dst->byte + skip, 16 - skip);
}

#endif
