/* A folder as a lock: one at a time, given up with its descriptor. */
#ifndef HZ_XDP_LOCK_H
#define HZ_XDP_LOCK_H

#include <stdint.h>

/* Waits at most wait_ms for the lock of what fd is open on; 0: tries once. 0 or -errno: -EBUSY when another one still
 * holds it. Only who can open the folder can hold it, so it should be one of root's. */
int hz_xdp_lock_take(int fd, uint32_t wait_ms);

#endif
