#include "middleware/gcra.h"

/* Who loses the race for the word this often is refused: as many tokens were given meanwhile. */
#define TRIES_MAX 64u

/* Times of workers differ by the length of a turn at most. A word further ahead than that was written under another
 * configuration, and counts as an empty bucket of this one. */
#define AHEAD_MAX_NS HZ_NS_PER_S

static struct hz_gcra_taken refused(uint64_t wait_ns)
{
	return (struct hz_gcra_taken){ .wait_ns = wait_ns };
}

struct hz_gcra_taken hz_gcra_take(uint64_t *word, const struct hz_gcra *gcra, uint64_t now_ns)
{
	uint64_t full_ns = __atomic_load_n(word, __ATOMIC_RELAXED);
	uint64_t limit_ns = now_ns + gcra->depth_ns;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		bool is_foreign = full_ns > limit_ns + AHEAD_MAX_NS;
		uint64_t from_ns = is_foreign ? limit_ns : HZ_MAX(full_ns, now_ns);
		uint64_t to_ns = from_ns + gcra->interval_ns;

		if (to_ns > limit_ns && !is_foreign)
			return refused(to_ns - limit_ns);
		if (is_foreign)
			to_ns = limit_ns;
		if (!__atomic_compare_exchange_n(word, &full_ns, to_ns, true, __ATOMIC_RELAXED,
		                                 __ATOMIC_RELAXED))
			continue;
		if (is_foreign)
			return refused(gcra->interval_ns);
		return (struct hz_gcra_taken){
			.is_taken = true,
			.left_ns = limit_ns - to_ns,
		};
	}
	return refused(gcra->interval_ns);
}
