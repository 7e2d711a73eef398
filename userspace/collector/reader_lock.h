/* One reader of a ring: two would take each other's records. */
#ifndef HZ_READER_LOCK_H
#define HZ_READER_LOCK_H

#include "core/err.h"

struct hz_reader_lock { /* owned by the caller; goes with the process at the latest */
	int folder;     /* of the pins; only who may read them can open it. -1: is not to be seen */
	int name; /* abstract socket, for those who have their descriptors from hzd. -1: taken by a stranger */
};

/* old: what this process holds of another ring and keeps, or NULL. 0, or -errno with err filled
 * and nothing open: -EADDRINUSE when another collector reads the ring. */
int hz_reader_lock_open(struct hz_reader_lock *lock, const char *instance, uint32_t ring_id,
                        const struct hz_reader_lock *old, struct hz_err *err);
void hz_reader_lock_close(struct hz_reader_lock *lock);

#endif
