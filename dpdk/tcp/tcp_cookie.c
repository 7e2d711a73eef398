#include "tcp/tcp_cookie.h"

#include "core/siphash.h"
#include <string.h>

#define PERIOD_SHIFT 36 /* 68.7 s, HZ_TCP_COOKIE_LIFE_NS is two of them */
#define PERIOD_BITS  5
#define MSS_BITS     3
#define HASH_SHIFT   (PERIOD_BITS + MSS_BITS)

/* Of a timestamp: window scale, with one value for none, and SACK-permitted above it. */
#define TS_SCALE_NONE 15u
#define TS_SCALE_MASK 15u
#define TS_SACK       16u
#define TS_MASK       31u

/* Ethernet with and without PPPoE, tunnels and tags, both IP versions; the last: jumbo frames. */
static const uint16_t mss_table[1 << MSS_BITS] = { 536, 1220, 1300, 1380, 1420, 1440, 1460, 8940 };

static uint32_t cookie_of(const uint8_t secret[16], const struct hz_tcp_key *key, uint32_t irs,
                          uint64_t period, uint32_t mss_index)
{
	uint32_t low = ((uint32_t)period & ((1u << PERIOD_BITS) - 1)) << MSS_BITS | mss_index;
	__u64 k[2], word[6] = { 0 };

	_Static_assert(sizeof(*key) <= 5 * sizeof(word[0]), "the key leaves the last word free");
	memcpy(k, secret, sizeof(k));
	memcpy(word, key, sizeof(*key));
	word[4] |= (uint64_t)irs << 32;
	word[5] = period << HASH_SHIFT | low;
	return (uint32_t)hz_siphash(k[0], k[1], word, 6) << HASH_SHIFT | low;
}

uint32_t hz_tcp_cookie_make(const uint8_t secret[16], const struct hz_tcp_key *key, uint32_t irs,
                            uint32_t mss, uint64_t now_ns)
{
	uint32_t index = 0;

	while (index + 1 < HZ_ARRAY_LEN(mss_table) && mss_table[index + 1] <= mss)
		index++;
	return cookie_of(secret, key, irs, now_ns >> PERIOD_SHIFT, index);
}

uint16_t hz_tcp_cookie_check(const uint8_t secret[16], const struct hz_tcp_key *key, uint32_t irs,
                             uint32_t cookie, uint64_t now_ns)
{
	uint32_t index = cookie & ((1u << MSS_BITS) - 1);
	uint64_t period = now_ns >> PERIOD_SHIFT;

	if (cookie == cookie_of(secret, key, irs, period, index) ||
	    (period > 0 && cookie == cookie_of(secret, key, irs, period - 1, index)))
		return mss_table[index];
	return 0;
}

uint32_t hz_tcp_cookie_ts_make(uint32_t clock, const struct hz_tcp_opts *syn)
{
	uint32_t bits = (syn->has_wscale ? syn->wscale : TS_SCALE_NONE) |
	                (syn->has_sack_permitted ? TS_SACK : 0);
	uint32_t value = (clock & ~TS_MASK) | bits;

	return (int32_t)(value - clock) > 0 ? value - (TS_MASK + 1) : value;
}

void hz_tcp_cookie_ts_read(uint32_t echo, struct hz_tcp_opts *syn)
{
	uint32_t scale = echo & TS_SCALE_MASK;

	syn->has_wscale = scale != TS_SCALE_NONE;
	syn->wscale = (uint8_t)(syn->has_wscale ? scale : 0);
	syn->has_sack_permitted = (echo & TS_SACK) != 0;
}
