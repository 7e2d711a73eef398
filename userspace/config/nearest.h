/* "Did you mean ...?" */
#ifndef HZ_NEAREST_H
#define HZ_NEAREST_H

#include <hz/span.h>

#define HZ_NEAREST_WORD_MAX 48u /* longer words have no near ones */

/* The best candidate so far: start with { 0 }, offer every known word, read word (len 0: none is near
 * enough). */
struct hz_nearest {
	struct hz_span word; /* of the candidates */
	unsigned distance;
};

void hz_nearest_offer(struct hz_nearest *nearest, struct hz_span typed, struct hz_span candidate);

#endif
