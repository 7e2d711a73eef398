/* xoshiro256**: fast random numbers for jitter and simulation, seeded so that a run can be replayed.
 * Not for secrets: those come from hz_rng_secret. */
#ifndef HZ_RNG_H
#define HZ_RNG_H

#include <stddef.h>
#include <stdint.h>

struct hz_rng {
	uint64_t s[4];
};

void hz_rng_seed(struct hz_rng *rng, uint64_t seed); /* splitmix64 fills the state */
/* xoshiro256** 1.0, Blackman and Vigna 2018. Inlined: an id takes three of them. */
static inline uint64_t hz_rng_next(struct hz_rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = s[1] * 5, t = s[1] << 17;

	result = (result << 7 | result >> 57) * 9;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

uint64_t hz_rng_below(struct hz_rng *rng, uint64_t bound); /* uniform in 0..bound-1, bound > 0 */

/* bytes of getrandom(2). Returns 0 or -errno. */
int hz_rng_secret(void *out, size_t bytes);

#endif
