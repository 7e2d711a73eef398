/* The link of a simulation: frames of two hosts in flight, in virtual time. What it does to them is one of
 * the named profiles below, scaled by the run's seed. */
#ifndef HZ_SIM_LINK_H
#define HZ_SIM_LINK_H

#include "core/rng.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_FRAME_MAX  1600u
#define SIM_FLIGHT_MAX 4096u

/* Upper bounds; probabilities in permille per frame. */
struct sim_profile {
	const char *name;
	uint32_t loss, burst, duplicate, late, reorder, corrupt;
	uint32_t delay_ms, jitter_us;
	uint32_t rate_kbit, queue_bytes; /* rate 0: as fast as it is sent */
	uint32_t mtu_min;                /* IP bytes, 0: as the ports */
	uint32_t outage_ms;              /* now and then nothing gets through for this long */
	bool is_one_way;                 /* loss in one direction only */
	bool is_clean;                   /* nothing needs to be sent twice */
	bool is_fair;                    /* every connection must come through */
};

/* NULL beyond the last. */
const struct sim_profile *sim_link_profile(unsigned index);

struct sim_frame {
	uint64_t at_ns;
	uint32_t order; /* ties go by age */
	uint32_t tag;   /* the sender's */
	uint16_t bytes;
	uint8_t to; /* host */
	bool is_damaged;
	uint8_t data[SIM_FRAME_MAX];
};

/* One direction. */
struct sim_way {
	uint32_t loss, burst, duplicate, late, reorder, corrupt;
	uint64_t delay_ns, jitter_ns;
	uint64_t byte_ns; /* time one byte takes, 0: none */
	uint32_t queue_bytes, mtu;
	uint64_t busy_until_ns, outage_ns, outage_every_ns;
	bool is_in_burst;
};

struct sim_link {
	struct hz_rng *rng; /* the run's */
	struct sim_way way[2];
	bool is_black_hole; /* what is too big disappears without a word */
	uint32_t strip;     /* enum sim_strip: a middlebox that removes options from SYNs */
	uint32_t heap[SIM_FLIGHT_MAX];
	uint32_t heap_count;
	uint32_t spare[SIM_FLIGHT_MAX];
	uint32_t spare_count;
	uint32_t order;
	uint64_t sent, lost, damaged, too_big; /* frames */
	struct sim_frame frame[SIM_FLIGHT_MAX];
};

enum sim_strip {
	SIM_STRIP_TS = 1u << 0,
	SIM_STRIP_SACK = 1u << 1,
	SIM_STRIP_SCALE = 1u << 2,
};

/* Empty, with the profile's properties as the random numbers choose them. */
void sim_link_open(struct sim_link *link, const struct sim_profile *profile, struct hz_rng *rng);

/* A frame to host `to`: may be lost, doubled, delayed, damaged. Returns 0, or the MTU beyond which it was, when
 * the router says so. */
uint32_t sim_link_send(struct sim_link *link, uint64_t now_ns, uint8_t to, uint32_t tag,
                       const uint8_t *bytes, size_t count);

uint64_t sim_link_next_ns(const struct sim_link *link); /* UINT64_MAX: nothing in flight */

/* The frame that arrives next; valid until the next send. NULL: none. */
const struct sim_frame *sim_link_take(struct sim_link *link);

#endif
