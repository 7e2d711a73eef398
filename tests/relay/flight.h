/* Frames under way: memory for a fixed number of them, and the order in which they are due. Frames due
 * at the same time leave in the order they came. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#define FLIGHT_FRAME_BYTES 2048u

struct flight_item {
	uint64_t due_ns;
	uint64_t order; /* of arrival */
	uint32_t frame; /* index of its memory */
	uint32_t bytes;
};

struct flight {
	uint8_t *memory; /* owned: frames_max * FLIGHT_FRAME_BYTES */
	uint32_t *free;  /* owned: stack of the frames without a user */
	uint32_t free_count, frames_max;
	struct flight_item *heap; /* owned: the earliest is first */
	uint32_t count;
	uint64_t order_next;
};

int flight_open(struct flight *flight, uint32_t frames_max); /* 0 or -errno */
void flight_close(struct flight *flight);                    /* accepts a zeroed one */

uint8_t *flight_frame(const struct flight *flight, uint32_t frame);

/* Memory for one frame; UINT32_MAX: there is none. Given back by flight_drop, or by whoever takes the
 * item out again. */
uint32_t flight_take(struct flight *flight);
void flight_drop(struct flight *flight, uint32_t frame);

void flight_add(struct flight *flight, uint32_t frame, uint32_t bytes, uint64_t due_ns);

/* UINT64_MAX: nothing is under way. */
uint64_t flight_next_ns(const struct flight *flight);

/* Takes out the earliest; flight_next_ns says whether it is due. There must be one. */
struct flight_item flight_pop(struct flight *flight);

#endif
