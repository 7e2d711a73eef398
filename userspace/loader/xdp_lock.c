#include "loader/xdp_lock.h"
#include <errno.h>
#include <sys/file.h>
#include <time.h>

#define RETRY_MS 10u
#define RETRY_NS 10000000

/* Asked again and again: flock(2) itself waits for ever, and one that was stopped in the middle must not stop all
 * others. */
int hz_xdp_lock_take(int fd, uint32_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = RETRY_NS };

	for (uint32_t waited_ms = 0;; waited_ms += RETRY_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited_ms >= wait_ms)
			return -EBUSY;
		(void)nanosleep(&pause, NULL);
	}
}
