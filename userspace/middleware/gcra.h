/* A token bucket in one word: the generic cell rate algorithm (ITU-T I.371). The word is the time at which the bucket
 * would be full again; a request moves it on by one interval, and it may be ahead of now by no more than the depth.
 * Any number of threads may take from one word: every token is given once. */
#ifndef HZ_GCRA_H
#define HZ_GCRA_H

#include "core/base.h"

struct hz_gcra {
	uint64_t interval_ns; /* between two tokens */
	uint64_t depth_ns;    /* of a full bucket: tokens times interval */
};

struct hz_gcra_taken {
	bool is_taken;
	union {
		uint64_t left_ns; /* taken: what is left of the bucket, tokens times interval */
		uint64_t wait_ns; /* not taken: until there is one */
	};
};

/* One token, at worker clock now_ns. */
struct hz_gcra_taken hz_gcra_take(uint64_t *word, const struct hz_gcra *gcra, uint64_t now_ns);

#endif
