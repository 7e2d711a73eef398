/* EAL for the tests of a process, telemetry in plain memory, and ring ports to test on. */
#ifndef RIG_H
#define RIG_H

#include "port/port_ring.h"

struct rig_slot {
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_beat beat;
	struct hz_worker worker;
	struct hz_connections conns;
	struct hz_slot slot;
};

bool rig_eal(void); /* starts EAL once; false: it did not start */
void rig_slot_init(struct rig_slot *slot);
uint64_t rig_count(const struct rig_slot *slot, enum hz_counter counter);

/* A ring port with mbufs buffers at each end; NULL on failure. */
struct hz_port_ring *rig_ring(struct rig_slot *near, struct rig_slot *far, uint32_t mbufs,
                              uint32_t slots);

/* A frame of bytes whose content names it: byte i is (seed * 31 + i * 7) & 255. */
void rig_fill(struct rte_mbuf *mbuf, uint32_t bytes, uint32_t seed);
bool rig_is_filled(const struct rte_mbuf *mbuf, uint32_t bytes, uint32_t seed);

#endif
