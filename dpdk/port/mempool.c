/* Packet buffer pools. */
#include "port/mempool.h"
#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <unistd.h>

#define CACHE_MBUFS        256u
#define LINK_BYTES_MAX     22u  /* Ethernet and two VLAN tags */
#define KERNEL_ROOM_BYTES  256u /* XDP_PACKET_HEADROOM, on top of the mbuf's own headroom */
#define ROOM_ALIGN         64u
#define OBJECT_EXTRA_BYTES 256u /* at most: header, alignment, spreading over memory channels */
#define POOL_EXTRA_BYTES   65536u

static uint16_t data_room(uint16_t mtu)
{
	uint32_t need = RTE_PKTMBUF_HEADROOM + KERNEL_ROOM_BYTES + LINK_BYTES_MAX + mtu;

	need = (need + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
	return (uint16_t)HZ_MAX(need, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE);
}

/* EAL must run: DPDK asks it for the number of memory channels, over which it spreads objects. */
static uint32_t object_bytes(uint16_t mtu)
{
	struct rte_mempool_objsz size;

	return rte_mempool_calc_obj_size((uint32_t)sizeof(struct rte_mbuf) + data_room(mtu), 0,
	                                 &size);
}

uint64_t hz_mempool_bytes(uint32_t count, uint16_t mtu)
{
	/* The pool's ring has up to twice as many slots as objects, being a power of two. */
	uint64_t object =
		sizeof(struct rte_mbuf) + data_room(mtu) + OBJECT_EXTRA_BYTES + 2 * sizeof(void *);

	return count * object + POOL_EXTRA_BYTES;
}

/* rte_pktmbuf_pool_create, but for one flag. Without it objects are kept from crossing pages and leave
 * gaps; the driver knows of none: its UMEM ends after count times the object size, and what lies behind
 * that is sent and received by nobody, silently. */
static struct rte_mempool *pool_create(const char *name, uint32_t count, uint32_t cache,
                                       uint16_t room)
{
	struct rte_pktmbuf_pool_private shape = { .mbuf_data_room_size = room };
	struct rte_mempool *pool = rte_mempool_create_empty(
		name, count, (uint32_t)sizeof(struct rte_mbuf) + room, cache, sizeof(shape),
		SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	int status;

	if (pool == NULL)
		return NULL;
	status = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	if (status == 0) {
		rte_pktmbuf_pool_init(pool, &shape);
		status = rte_mempool_populate_default(pool);
	}
	if (status < 0) {
		rte_mempool_free(pool);
		rte_errno = -status;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

int hz_mempool_open(const char *name, uint32_t count, uint16_t mtu, struct rte_mempool **out,
                    struct hz_err *err)
{
	uint32_t cache = HZ_MIN(CACHE_MBUFS, count / 8);
	struct rte_mempool *pool;

	if (mtu > HZ_MEMPOOL_MTU_MAX || object_bytes(mtu) > (uint32_t)sysconf(_SC_PAGESIZE))
		return hz_err_set(err, -EMSGSIZE, 5, "mtu_too_large", "ip link set dev IF mtu 1500",
		                  "a packet buffer for MTU %u does not fit into a page", mtu);
	pool = pool_create(name, count, cache, data_room(mtu));
	if (pool == NULL) {
		int cause = rte_errno != 0 ? rte_errno : ENOMEM;

		return hz_err_set(err, -cause, 5, "no_memory", "hzctl doctor",
		                  "%u packet buffers (%llu MiB) could not be allocated: %s", count,
		                  (unsigned long long)(hz_mempool_bytes(count, mtu) >> 20),
		                  rte_strerror(cause));
	}
	/* The driver registers the first piece as UMEM and would address the others outside of it. */
	if (pool->nb_mem_chunks != 1) {
		int pieces = (int)pool->nb_mem_chunks;

		rte_mempool_free(pool);
		return hz_err_set(err, -ENOMEM, 5, "memory_in_pieces", "hzctl doctor",
		                  "memory for %u packet buffers came in %d pieces, not one", count,
		                  pieces);
	}
	*out = pool;
	return 0;
}
