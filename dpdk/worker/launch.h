/* Starts and ends EAL, DPDK's process-wide environment, for our needs: memory and logging. Threads are
 * our own, so EAL gets one lcore, which is the caller's thread and is not moved. */
#ifndef HZ_LAUNCH_H
#define HZ_LAUNCH_H

#include "core/err.h"
#include "hz_fastpath.h"

#define HZ_LAUNCH_DEVICES_MAX 8u

struct hz_launch_conf {
	const char *file_prefix;
	enum hz_hugepages hugepages;
	uint64_t memory_bytes;                     /* all pools and rings */
	const char *device[HZ_LAUNCH_DEVICES_MAX]; /* on a bus: EAL opens these and no others */
	uint32_t device_count;
};

/* Decides between huge pages and --no-huge, starts EAL. *is_degraded: it is --no-huge, asked for
 * or not. 0 or -errno with err filled (5: memory, needed, available and the command; 70: EAL was
 * started before). */
int hz_launch_eal(const struct hz_launch_conf *conf, bool *is_degraded, struct hz_err *err);

/* Ends EAL and removes its empty runtime directory. */
void hz_launch_eal_end(void);

#endif
