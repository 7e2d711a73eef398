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
uint64_t hz_rng_next(struct hz_rng *rng);
uint64_t hz_rng_below(struct hz_rng *rng, uint64_t bound); /* uniform in 0..bound-1, bound > 0 */

/* bytes of getrandom(2). Returns 0 or -errno. */
int hz_rng_secret(void *out, size_t bytes);

#endif
