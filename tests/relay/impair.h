/* What a bad link does to frames, one direction of it, as a pure function of seed and time: no input,
 * no output, no clock. The n-th frame always draws the same numbers, whatever befell those before it, so
 * two stacks that are compared meet the same losses at the same frames. */
#ifndef IMPAIR_H
#define IMPAIR_H

#include "core/rng.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPAIR_PPM 1000000u /* all probabilities are in millionths */

struct impair_conf {
	uint32_t loss_ppm;
	uint32_t
		burst_frames; /* mean length of a loss burst (Gilbert); 0: losses are independent */
	uint32_t duplicate_ppm;
	uint32_t corrupt_ppm; /* one bit behind the Ethernet header is flipped */
	uint32_t reorder_ppm; /* of the frames come reorder_ns later than the others */
	uint64_t reorder_ns;
	uint64_t delay_ns;
	uint64_t jitter_ns;  /* uniform, on top of the delay; reorders what comes closer together */
	uint64_t rate_bit_s; /* 0: unlimited */
	uint64_t queue_bytes; /* before the rate limit; a frame that does not fit is dropped */
};

struct impair_counts {
	uint64_t frames, bytes; /* offered */
	uint64_t lost, tail_dropped, duplicated, corrupted, reordered;
	uint64_t queue_bytes_max; /* longest the queue ever was */
};

struct impair {
	struct impair_conf conf;
	struct impair_counts counts;
	struct hz_rng rng;
	uint64_t idle_at_ns; /* the bottleneck has sent all it took by then */
	bool is_in_burst;
	uint64_t last_ns; /* when the last frame came */
};

struct impair_fate {
	unsigned copies; /* 0: gone */
	uint64_t due_ns[2];
	size_t flip_bit; /* of the frame, in all copies; SIZE_MAX: none */
};

void impair_init(struct impair *link, const struct impair_conf *conf, uint64_t seed);

/* The fate of a frame of bytes (at least 14) that arrives at now_ns; now_ns never goes back. */
void impair_decide(struct impair *link, uint64_t now_ns, size_t bytes, struct impair_fate *fate);

#endif
