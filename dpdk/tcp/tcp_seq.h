/* Sequence number arithmetic modulo 2^32, RFC 9293 3.4: right while the distance is below 2^31. */
#ifndef HZ_TCP_SEQ_H
#define HZ_TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline int32_t hz_seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool hz_seq_lt(uint32_t a, uint32_t b)
{
	return hz_seq_diff(a, b) < 0;
}

static inline bool hz_seq_leq(uint32_t a, uint32_t b)
{
	return hz_seq_diff(a, b) <= 0;
}

static inline bool hz_seq_gt(uint32_t a, uint32_t b)
{
	return hz_seq_diff(a, b) > 0;
}

static inline bool hz_seq_geq(uint32_t a, uint32_t b)
{
	return hz_seq_diff(a, b) >= 0;
}

static inline uint32_t hz_seq_max(uint32_t a, uint32_t b)
{
	return hz_seq_gt(a, b) ? a : b;
}

#endif
