/* Consumer of the ring buffer `events`. One consumer per instance: the ring has one read position,
 * shared by everybody who maps it. */
#ifndef HZ_RINGBUF_H
#define HZ_RINGBUF_H

#include "core/err.h"

struct hz_ringbuf; /* owned by the caller of open */

/* Called for each record; its bytes are gone when it returns. 0, or -errno to stop: the record counts as
 * consumed. */
typedef int hz_ringbuf_fn(void *ctx, const void *record, size_t bytes);

/* Maps the ring of map_fd, which stays the caller's and may be closed before the ring is. 0, or -errno with err filled. */
int hz_ringbuf_open(int map_fd, hz_ringbuf_fn *fn, void *ctx, struct hz_ringbuf **out,
                    struct hz_err *err);
void hz_ringbuf_close(struct hz_ringbuf *ring); /* accepts NULL */

int hz_ringbuf_poll_fd(const struct hz_ringbuf *ring); /* readable: there may be records */
/* Hands over what is there now. The number of records, or fn's error. */
int hz_ringbuf_consume(struct hz_ringbuf *ring);

#endif
