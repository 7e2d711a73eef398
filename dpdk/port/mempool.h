/* Pools of direct packet buffers, shaped so that one of them can be an AF_XDP UMEM: one contiguous
 * piece without gaps, and no object larger than a page. An object may lie across two pages: no matter in
 * copy mode; a zero-copy driver needs them contiguous, that is, huge pages.
 *
 *   | object header 64 | struct rte_mbuf 128 | headroom 128 | data room ...................... |
 *   on receive the kernel skips 256 bytes more for XDP's headroom: room - 384 bytes hold a frame */
#ifndef HZ_MEMPOOL_H
#define HZ_MEMPOOL_H

#include "core/err.h"
#include <rte_mempool.h>

#define HZ_MEMPOOL_MTU_MAX 3400u /* larger objects exceed a 4 KiB page */

/* count buffers, each for a frame of mtu IP bytes with its link header. 0 or -errno with err filled
 * (exit code 5). Free with rte_mempool_free, after every device that uses it. */
int hz_mempool_open(const char *name, uint32_t count, uint16_t mtu, struct rte_mempool **out,
                    struct hz_err *err);

/* Memory that such a pool takes, with its rings, in bytes; for sizing EAL's memory before it starts. */
uint64_t hz_mempool_bytes(uint32_t count, uint16_t mtu);

#endif
