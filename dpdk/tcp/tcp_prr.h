/* Proportional rate reduction, RFC 6937 3: how many bytes to send for one ACK of a recovery, so that the
 * window is ssthresh when it ends, whatever was lost on the way. */
#ifndef HZ_TCP_PRR_H
#define HZ_TCP_PRR_H

#include "core/base.h"

/* flight: RecoverFS, outstanding when the recovery began, not 0. delivered and out: sums of this recovery,
 * delivered_now is in delivered. */
static inline uint32_t hz_prr_allowed(uint32_t pipe, uint32_t ssthresh, uint32_t flight,
                                      uint32_t delivered, uint32_t delivered_now, uint32_t out,
                                      uint32_t mss)
{
	uint64_t due;
	uint32_t ahead, limit;

	if (pipe > ssthresh) {
		due = ((uint64_t)delivered * ssthresh + flight - 1) / flight;
		return due > out ? (uint32_t)(due - out) : 0;
	}
	/* Slow start reduction bound: catch up by one segment more than what left the network. */
	ahead = delivered > out ? delivered - out : 0;
	limit = HZ_MAX(ahead, delivered_now) + mss;
	return HZ_MIN(ssthresh - pipe, limit);
}

#endif
