/* One value of boot/device: a port that the kernel does not know, and the addresses it has.
 *   NAME,ip=ADDR/BITS[,ip=...][,gateway=ADDR][,mac=XX:XX:XX:XX:XX:XX][,queues=N][,KEY=VALUE of the driver]...
 * NAME is what -l and the site's listen call the port: with boot/io=memif any word, with boot/io=eal the
 * device as DPDK calls it (net_tap0, 0000:03:00.0). */
#ifndef HZ_DEVICE_TEXT_H
#define HZ_DEVICE_TEXT_H

#include "core/host_conf.h"
#include <stddef.h>

#define HZ_DEVICE_TEXT_MAX   512u /* with its terminator */
#define HZ_DEVICE_QUEUES_MAX 64u

struct hz_device {
	char name[16];
	uint32_t queues;               /* port devices, one per worker; at least 1 */
	char args[HZ_DEVICE_TEXT_MAX]; /* what is the driver's: "KEY=VALUE,..."; may be empty */
	struct hz_host_conf host;
};

/* 0, or -EINVAL with a sentence for the user in why (at least 160 bytes). Writes *out only on 0. */
int hz_device_text_parse(const char *text, struct hz_device *out, char *why, size_t why_bytes);

#endif
