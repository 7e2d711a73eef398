/* Random frames that come near to what matters: whole ones of every kind, and the same with options,
 * extension headers, cuts and damage. */
#ifndef HZ_PROG_FRAMES_H
#define HZ_PROG_FRAMES_H

#include "model.h"

struct draw { /* xorshift64*; state is not 0 */
	uint64_t state;
};

uint64_t draw_bits(struct draw *draw);
uint32_t draw_below(struct draw *draw, uint32_t bound); /* bound > 0 */
bool draw_one_in(struct draw *draw, uint32_t bound);

/* Ports the frames ask for, beside those of the rig. */
#define FRAMES_LONG_PORT 8081 /* health with FRAMES_LONG_PATH, which is as long as paths get */
#define FRAMES_ROOT_PORT 8082 /* health with path / */
#define FRAMES_LONG_PATH "/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* The world is needed for acknowledgement numbers that its cookies are behind. */
void frames_random(struct draw *draw, const struct model_world *world, struct wire *out);

/* Are IPv4's and the transport's checksums right? Of TCP and ICMP; what cannot be read is not. */
bool frames_sums_are_right(const uint8_t *frame, size_t len);

#endif
