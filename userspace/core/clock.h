/* Monotonic nanoseconds from the time stamp counter: one rdtsc, one multiply, one shift. The base is
 * CLOCK_MONOTONIC, so values compare with bpf_ktime_get_ns(). */
#ifndef HZ_CLOCK_H
#define HZ_CLOCK_H

#include <stdint.h>

struct hz_clock {
	/* ns = ns_base + ((tsc - tsc_base) * mult >> HZ_CLOCK_SHIFT); mult 0: read CLOCK_MONOTONIC */
	uint64_t tsc_base;
	uint64_t ns_base;
	uint64_t mult;
	uint64_t
		anchor_ns; /* CLOCK_MONOTONIC at tsc_base; ns_base may be ahead of it, never behind */
};
#define HZ_CLOCK_SHIFT 32

/* Calibrates against CLOCK_MONOTONIC for about 20 ms. Without an invariant TSC mult stays 0 and every
 * reading is a clock_gettime(2). Returns 0; cannot fail on Linux. Any thread. */
int hz_clock_open(struct hz_clock *clock);

/* Re-anchors base values and rate to CLOCK_MONOTONIC so that drift stays in the microseconds; the owner
 * calls it about once per second, on its own copy. Readings do not go backwards over it, except when
 * the counter itself jumped (suspend, live migration). */
void hz_clock_anchor(struct hz_clock *clock);

uint64_t hz_clock_monotonic_ns(void); /* clock_gettime(CLOCK_MONOTONIC) */

static inline uint64_t hz_clock_now_ns(const struct hz_clock *clock)
{
#if defined(__x86_64__)
	if (clock->mult != 0) {
		uint64_t ticks = __builtin_ia32_rdtsc() - clock->tsc_base;

		return clock->ns_base +
		       (uint64_t)(((unsigned __int128)ticks * clock->mult) >> HZ_CLOCK_SHIFT);
	}
#endif
	return hz_clock_monotonic_ns();
}

#endif
