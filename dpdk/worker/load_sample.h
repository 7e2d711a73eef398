/* What a worker tells its overload controller. */
#ifndef HZ_LOAD_SAMPLE_H
#define HZ_LOAD_SAMPLE_H

#include "port/rx_stamp.h"
#include "worker/worker.h"

/* When XDP saw the oldest of these frames of which that is known, 0: of none; whoever serves them takes it. A note about a cookie stands where the
 * time would be, and a flood has one in front of many. */
static inline uint64_t hz_load_sample_came_ns(struct rte_mbuf *const *frame, uint16_t count)
{
	uint64_t came_ns = 0;

	for (uint16_t i = 0; i < count && came_ns == 0; i++)
		came_ns = hz_rx_stamp_look(frame[i]);
	return came_ns;
}

/* w->frame has count frames of wp. The first is the oldest, so the others waited less; an empty ring is no wait at
 * all, and frames without a time say nothing. A queue is what stays: only the shortest wait of a step counts, and
 * frames that piled up while the core was taken away are forgotten with the first look at an empty ring. */
static inline void hz_load_sample_burst(struct hz_worker_loop *w, struct hz_worker_port *wp,
                                        uint16_t count)
{
	uint64_t came_ns = 0, wait_ns = 0;

	w->is_turn_full |= count == w->turn_frames;
	if (count != 0 && wp->port->rx_slots != 0)
		came_ns = hz_load_sample_came_ns(w->frame, count);
	w->overload.came_ns = came_ns;
	if (count != 0 && came_ns == 0)
		return;
	if (came_ns != 0 && came_ns < w->env->now_ns)
		wait_ns = w->env->now_ns - came_ns;
	wp->wait_ns = HZ_MIN(wp->wait_ns, wait_ns);
}

/* A turn that took gap_ns: as many frames in the next as take about HZ_TURN_NS. What one turn takes in it answers at its
 * end, and while it lasts, nobody sees how long the others wait. */
static inline void hz_load_sample_turn(struct hz_worker_loop *w, uint64_t gap_ns)
{
	if (HZ_UNLIKELY(gap_ns > HZ_TURN_NS))
		w->turn_frames = (uint16_t)HZ_MAX(w->turn_frames * HZ_TURN_NS / gap_ns, 1u);
	else if (HZ_UNLIKELY(w->turn_frames < w->burst) && w->is_turn_full)
		w->turn_frames++;
	w->is_turn_full = false;
}

void hz_load_sample_open(struct hz_worker_loop *w, const struct hz_overload_conf *conf);
/* With each beat: a step of the controller when one is due, and what follows from it at once. */
void hz_load_sample_step(struct hz_worker_loop *w);
void hz_load_sample_close(struct hz_worker_loop *w);

#endif
