#include "collector/ringbuf.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hz_ringbuf {
	struct ring_buffer *ring; /* owned */
	hz_ringbuf_fn *fn;
	void *ctx;
};

static int record_take(void *ctx, void *record, size_t bytes)
{
	struct hz_ringbuf *ring = ctx;

	return ring->fn(ring->ctx, record, bytes);
}

int hz_ringbuf_open(int map_fd, hz_ringbuf_fn *fn, void *ctx, struct hz_ringbuf **out,
                    struct hz_err *err)
{
	struct hz_ringbuf *ring = calloc(1, sizeof(*ring));
	int status;

	if (ring == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	ring->fn = fn;
	ring->ctx = ctx;
	ring->ring = ring_buffer__new(map_fd, record_take, ring, NULL);
	if (ring->ring == NULL) {
		status = -errno;
		free(ring);
		return hz_err_set(err, status, 1, "map", "hzctl doctor",
		                  "cannot map the ring buffer: %s", strerror(-status));
	}
	*out = ring;
	return 0;
}

void hz_ringbuf_close(struct hz_ringbuf *ring)
{
	if (ring == NULL)
		return;
	ring_buffer__free(ring->ring);
	free(ring);
}

int hz_ringbuf_poll_fd(const struct hz_ringbuf *ring)
{
	return ring_buffer__epoll_fd(ring->ring);
}

int hz_ringbuf_consume(struct hz_ringbuf *ring)
{
	return ring_buffer__consume(ring->ring);
}
