#include "flight.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int flight_open(struct flight *flight, uint32_t frames_max)
{
	struct flight tmp = { .frames_max = frames_max };

	tmp.memory = calloc(frames_max, FLIGHT_FRAME_BYTES);
	tmp.free = calloc(frames_max, sizeof(*tmp.free));
	tmp.heap = calloc(frames_max, sizeof(*tmp.heap));
	if (tmp.memory == NULL || tmp.free == NULL || tmp.heap == NULL) {
		flight_close(&tmp);
		return -ENOMEM;
	}
	while (tmp.free_count < frames_max) {
		tmp.free[tmp.free_count] = frames_max - 1 - tmp.free_count;
		tmp.free_count++;
	}
	*flight = tmp;
	return 0;
}

void flight_close(struct flight *flight)
{
	free(flight->memory);
	free(flight->free);
	free(flight->heap);
	*flight = (struct flight){ 0 };
}

uint8_t *flight_frame(const struct flight *flight, uint32_t frame)
{
	return flight->memory + (size_t)frame * FLIGHT_FRAME_BYTES;
}

uint32_t flight_take(struct flight *flight)
{
	return flight->free_count == 0 ? UINT32_MAX : flight->free[--flight->free_count];
}

void flight_drop(struct flight *flight, uint32_t frame)
{
	assert(flight->free_count < flight->frames_max);
	flight->free[flight->free_count++] = frame;
}

static bool is_before(const struct flight_item *a, const struct flight_item *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

void flight_add(struct flight *flight, uint32_t frame, uint32_t bytes, uint64_t due_ns)
{
	struct flight_item item = { due_ns, flight->order_next++, frame, bytes };
	uint32_t at = flight->count++;

	assert(flight->count <= flight->frames_max);
	while (at > 0 && is_before(&item, &flight->heap[(at - 1) / 2])) {
		flight->heap[at] = flight->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	flight->heap[at] = item;
}

uint64_t flight_next_ns(const struct flight *flight)
{
	return flight->count == 0 ? UINT64_MAX : flight->heap[0].due_ns;
}

struct flight_item flight_pop(struct flight *flight)
{
	struct flight_item first = flight->heap[0], item;
	uint32_t at = 0, child;

	assert(flight->count > 0);
	item = flight->heap[--flight->count];
	for (; (child = 2 * at + 1) < flight->count; at = child) {
		if (child + 1 < flight->count &&
		    is_before(&flight->heap[child + 1], &flight->heap[child]))
			child++;
		if (!is_before(&flight->heap[child], &item))
			break;
		flight->heap[at] = flight->heap[child];
	}
	flight->heap[at] = item;
	return first;
}
