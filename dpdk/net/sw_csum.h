/* The Internet checksum, RFC 1071. Sums are kept as ones' complement partial sums of 16-bit words in
 * memory order, so that they add up in any grouping: a payload is summed once and reused. */
#ifndef HZ_SW_CSUM_H
#define HZ_SW_CSUM_H

#include "core/common.h"
#include <immintrin.h>
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

static inline uint64_t hz_csum_load64(const void *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Four 64-bit words into sum, end-around carry. */
static inline uint64_t hz_csum_add32(uint64_t sum, const uint8_t *data)
{
	unsigned long long part[4];
	unsigned char carry;

	carry = _addcarry_u64(0, sum, hz_csum_load64(data), &part[0]);
	carry = _addcarry_u64(carry, part[0], hz_csum_load64(data + 8), &part[1]);
	carry = _addcarry_u64(carry, part[1], hz_csum_load64(data + 16), &part[2]);
	carry = _addcarry_u64(carry, part[2], hz_csum_load64(data + 24), &part[3]);
	return part[3] + carry;
}

/* Adds bytes to sum; an odd last byte is padded with zero. The result is less than 2^35 above sum, so that
 * the parts of a packet never overflow it. The carry chains are written out, as compilers do not find them,
 * and are two, as each word waits for the carry before it. */
static inline uint64_t hz_csum_add(uint64_t sum, const uint8_t *data, size_t bytes)
{
	uint64_t words = 0, more = 0;

	for (; bytes >= 64; bytes -= 64, data += 64) {
		words = hz_csum_add32(words, data);
		more = hz_csum_add32(more, data + 32);
	}
	if (bytes >= 32) {
		words = hz_csum_add32(words, data);
		data += 32;
		bytes -= 32;
	}
	for (; bytes >= 8; bytes -= 8, data += 8) {
		uint64_t word = hz_csum_load64(data);

		words += word;
		words += words < word;
	}
	sum += (words & 0xffffffffu) + (words >> 32) + (more & 0xffffffffu) + (more >> 32);
	if ((bytes & 4) != 0) {
		sum += hz_csum_load32(data);
		data += 4;
	}
	if ((bytes & 2) != 0) {
		sum += data[0] | (uint64_t)data[1] << 8;
		data += 2;
	}
	return (bytes & 1) != 0 ? sum + data[0] : sum;
}

/* 64 bits to 16, end-around carry: high and low half to 32, then both orders of the 16-bit halves at once,
 * where the carry of the lower sum reaches the upper one. */
static inline uint16_t hz_csum_fold(uint64_t sum)
{
	uint32_t low = (uint32_t)sum, high = (uint32_t)(sum >> 32);

	low += high;
	low += low < high;
	return (uint16_t)((low + (low << 16 | low >> 16)) >> 16);
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

	if (!is_v6)
		return sum + hz_csum_load32(src->byte + 12) + hz_csum_load32(dst->byte + 12);
	return hz_csum_add(hz_csum_add(sum, src->byte, 16), dst->byte, 16);
}

#endif
