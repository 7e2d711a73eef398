/* Memory of the hand-over rings. */
#include "worker/steer_ring.h"
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

int hz_steer_open(struct hz_steer *steer, uint32_t worker_count)
{
	size_t bytes = (size_t)worker_count * worker_count * sizeof(struct hz_steer_ring);
	struct hz_steer_ring *ring = aligned_alloc(HZ_CACHE_LINE, bytes);

	if (ring == NULL)
		return -ENOMEM;
	memset(ring, 0, bytes);
	steer->ring = ring;
	steer->worker_count = worker_count;
	return 0;
}

void hz_steer_close(struct hz_steer *steer)
{
	size_t count = (size_t)steer->worker_count * steer->worker_count;
	struct rte_mbuf *left;

	for (size_t i = 0; steer->ring != NULL && i < count; i++) {
		while (hz_steer_ring_pop(&steer->ring[i], &left, 1) == 1)
			rte_pktmbuf_free(left);
	}
	free(steer->ring);
	*steer = (struct hz_steer){ 0 };
}
