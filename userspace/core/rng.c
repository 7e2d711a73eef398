#include "core/rng.h"
#include <assert.h>
#include <errno.h>
#include <sys/random.h>

/* splitmix64 (Vigna): the authors of xoshiro seed it so, to keep away from the all-zero state. */
static uint64_t splitmix_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void hz_rng_seed(struct hz_rng *rng, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		rng->s[i] = splitmix_next(&seed);
}

/* Lemire 2019: the high half of a product, redrawn in the rare case that would favour small values. The
 * loop ends with probability 1/2 or better per turn. */
uint64_t hz_rng_below(struct hz_rng *rng, uint64_t bound)
{
	unsigned __int128 product;

	assert(bound > 0);
	product = (unsigned __int128)hz_rng_next(rng) * bound;
	if ((uint64_t)product < bound) {
		uint64_t threshold = (0 - bound) % bound;

		while ((uint64_t)product < threshold)
			product = (unsigned __int128)hz_rng_next(rng) * bound;
	}
	return (uint64_t)(product >> 64);
}

int hz_rng_secret(void *out, size_t bytes)
{
	uint8_t *at = out;
	size_t left = bytes;

	while (left > 0) {
		ssize_t got = getrandom(at, left, 0);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0) {
			at += got;
			left -= (size_t)got;
		}
	}
	return 0;
}
