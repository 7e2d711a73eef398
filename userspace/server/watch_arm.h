/* Has the kernel's timer wait for housekeeping as long as it shall (prog_watch,
 * bpf/flush_watch.h): told once, again when that is another time, and once per second where it
 * failed. */
#ifndef HZ_WATCH_ARM_H
#define HZ_WATCH_ARM_H

#include <stdbool.h>
#include <stdint.h>

/* 0; -EPERM: the timer's map is pinned no more, and nobody is left to wait; or another -errno. */
typedef int hz_watch_arm_fn(void *ctx, uint64_t wait_ns);

/* One thread. Zeroed it has told nothing. */
struct hz_watch_arm {
	uint64_t wait_ns;  /* as the timer was told */
	uint64_t tried_ns; /* when that last failed */
	bool is_failing;
};

void hz_watch_arm_turn(struct hz_watch_arm *watch, uint64_t wait_ns, uint64_t now_ns,
                       hz_watch_arm_fn *arm, void *ctx);

#endif
