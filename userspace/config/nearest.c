/* Edit distance with transpositions (optimal string alignment), without regard to case. */
#include "config/nearest.h"

#include "core/base.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static unsigned edit_distance(struct hz_span a, struct hz_span b)
{
	/* Rows i-2, i-1 and i of the table; a transposition looks two rows back. */
	unsigned row[3][HZ_NEAREST_WORD_MAX + 1];

	for (unsigned k = 0; k <= b.len; k++)
		row[0][k] = k;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *now = row[i % 3];
		const unsigned *above = row[(i + 2) % 3], *two_above = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t k = 1; k <= b.len; k++) {
			uint8_t ca = lower(a.data[i - 1]), cb = lower(b.data[k - 1]);
			unsigned best = above[k - 1] + (ca != cb);

			best = HZ_MIN(best, above[k] + 1);
			best = HZ_MIN(best, now[k - 1] + 1);
			if (i > 1 && k > 1 && ca == lower(b.data[k - 2]) &&
			    cb == lower(a.data[i - 2]))
				best = HZ_MIN(best, two_above[k - 2] + 1);
			now[k] = best;
		}
	}
	return row[a.len % 3][b.len];
}

void hz_nearest_offer(struct hz_nearest *nearest, struct hz_span typed, struct hz_span candidate)
{
	unsigned distance;

	if (typed.len == 0 || typed.len > HZ_NEAREST_WORD_MAX || candidate.len == 0 ||
	    candidate.len > HZ_NEAREST_WORD_MAX)
		return;
	distance = edit_distance(typed, candidate);
	/* A third of the letters may differ; of a short word, one. */
	if (distance > HZ_MAX(HZ_MAX(typed.len, candidate.len) / 3, 1u))
		return;
	if (nearest->word.len == 0 || distance < nearest->distance) {
		nearest->word = candidate;
		nearest->distance = distance;
	}
}
