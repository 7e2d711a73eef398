/* The batch, the reserve and the counters of a port, over rings. */
#include "hz_test.h"
#include "port/mbuf_span.h"
#include "port/mempool.h"
#include "rig.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <string.h>
#include <unistd.h>

#define MBUFS 1024u
#define SLOTS 1024u

static struct rig_slot near_slot, far_slot;

static struct hz_port_ring *setup(uint32_t mbufs, uint32_t slots)
{
	struct hz_port_ring *ring;

	CU_ASSERT_FATAL(rig_eal());
	ring = rig_ring(&near_slot, &far_slot, mbufs, slots);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	return ring;
}

static void send_frames(struct hz_port *port, uint32_t count, uint32_t first_seed)
{
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = hz_port_alloc(port, false);

		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		rig_fill(mbuf, 60 + (first_seed + i) % 1400, first_seed + i);
		hz_port_tx(port, mbuf);
	}
}

/* Receives and frees up to count frames; returns how many came in the right order and content. */
static uint32_t take_frames(struct hz_port *port, uint32_t count, uint32_t first_seed)
{
	struct rte_mbuf *frame[HZ_LIMIT_burst_max];
	uint32_t right = 0, taken = 0;

	while (taken < count) {
		uint16_t got = hz_port_rx(port, frame, HZ_LIMIT_burst_max);

		if (got == 0)
			break;
		for (uint16_t i = 0; i < got; i++, taken++) {
			uint32_t seed = first_seed + taken;

			right += rig_is_filled(frame[i], 60 + seed % 1400, seed);
			rte_pktmbuf_free(frame[i]);
		}
	}
	return right;
}

static void port_frames_arrive_byte_exact(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);
	struct hz_port *far = hz_port_ring_far(ring);

	for (uint32_t round = 0; round < 50; round++) {
		send_frames(near, 100, round * 100);
		hz_port_flush(near);
		CU_ASSERT_EQUAL(take_frames(far, 100, round * 100), 100);
	}
	CU_ASSERT_EQUAL(near->tx_packets, 5000);
	CU_ASSERT_EQUAL(far->rx_packets, 5000);
	CU_ASSERT_EQUAL(near->tx_bytes, far->rx_bytes);
	CU_ASSERT_NOT_EQUAL(near->tx_bytes, 0);
	hz_port_ring_close(ring);
}

static void port_frame_waits_for_flush(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct rte_mbuf *frame[1];

	send_frames(hz_port_ring_near(ring), 1, 5);
	CU_ASSERT_EQUAL(hz_port_rx(hz_port_ring_far(ring), frame, 1), 0);
	hz_port_flush(hz_port_ring_near(ring));
	CU_ASSERT_EQUAL(take_frames(hz_port_ring_far(ring), 1, 5), 1);
	CU_ASSERT_EQUAL(hz_port_rx(hz_port_ring_far(ring), frame, 1), 0);
	hz_port_ring_close(ring);
}

static void port_full_batch_flushes_itself(void)
{
	struct hz_port_ring *ring = setup(4096, 4096);
	struct hz_port *near = hz_port_ring_near(ring);

	send_frames(near, HZ_PORT_TX_SLOTS + 1, 0);
	CU_ASSERT_EQUAL(near->tx_packets, HZ_PORT_TX_SLOTS);
	CU_ASSERT_EQUAL(near->tx_count, 1);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(take_frames(hz_port_ring_far(ring), HZ_PORT_TX_SLOTS + 1, 0),
	                HZ_PORT_TX_SLOTS + 1);
	hz_port_ring_close(ring);
}

static void port_refused_frames_are_freed_and_counted(void)
{
	struct hz_port_ring *ring = setup(MBUFS, 64);
	struct hz_port *near = hz_port_ring_near(ring);
	unsigned free_before = rte_mempool_avail_count(near->pool);

	send_frames(near, 100, 0);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(near->tx_packets, 63); /* a ring of 64 holds 63 */
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_tx_full), 37);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(near->pool), free_before - 63);
	CU_ASSERT_EQUAL(take_frames(hz_port_ring_far(ring), 100, 0), 63);
	CU_ASSERT_EQUAL(near->tx_bytes, hz_port_ring_far(ring)->rx_bytes);
	hz_port_ring_close(ring);
}

static void port_link_down_sends_nothing(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);

	near->link_up = false;
	send_frames(near, 10, 0);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(take_frames(hz_port_ring_far(ring), 10, 0), 0);
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_tx_full), 10);
	near->link_up = true;
	near->is_gone = true;
	send_frames(near, 10, 0);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(take_frames(hz_port_ring_far(ring), 10, 0), 0);
	CU_ASSERT_EQUAL(near->tx_packets, 0);
	CU_ASSERT_EQUAL(near->tx_bytes, 0);
	hz_port_ring_close(ring);
}

static void port_reserve_serves_control_only(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);
	static struct rte_mbuf *held[MBUFS];
	uint32_t count = 0, control = 0;

	while (count < MBUFS && (held[count] = hz_port_alloc(near, false)) != NULL)
		count++;
	CU_ASSERT_EQUAL(count, MBUFS - HZ_LIMIT_tx_reserve_mbufs);
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_no_mbuf), 1);
	while (count < MBUFS && (held[count] = hz_port_alloc(near, true)) != NULL) {
		count++;
		control++;
	}
	CU_ASSERT_EQUAL(control, HZ_LIMIT_tx_reserve_mbufs);
	CU_ASSERT_PTR_NULL(hz_port_alloc(near, true));
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_no_mbuf), 2);
	for (uint32_t i = 0; i < count; i++)
		rte_pktmbuf_free(held[i]);
	/* What comes back goes to the reserve first, at the next reap. */
	hz_port_reap(near);
	CU_ASSERT_EQUAL(near->reserve_count, HZ_LIMIT_tx_reserve_mbufs);
	hz_port_ring_close(ring);
}

static void port_shared_frame_is_sent_twice_byte_exact(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);
	struct rte_mbuf *mbuf = hz_port_alloc(near, false);
	struct rte_mbuf *frame[2];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	rig_fill(mbuf, 1000, 9);
	for (int i = 0; i < 2; i++) { /* as TCP does: it keeps its reference for a retransmission */
		rte_mbuf_refcnt_update(mbuf, 1);
		hz_port_tx(near, mbuf);
		hz_port_flush(near);
	}
	CU_ASSERT_EQUAL(hz_port_rx(hz_port_ring_far(ring), frame, 2), 2);
	CU_ASSERT(rig_is_filled(frame[0], 1000, 9));
	CU_ASSERT(rig_is_filled(frame[1], 1000, 9));
	rte_pktmbuf_free(frame[0]);
	rte_pktmbuf_free(frame[1]);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(mbuf), 1);
	CU_ASSERT(rig_is_filled(mbuf, 1000, 9));
	rte_pktmbuf_free(mbuf);
	hz_port_ring_close(ring);
}

static void port_alloc_leaves_headroom(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct rte_mbuf *mbuf = hz_port_alloc(hz_port_ring_near(ring), true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	CU_ASSERT(rte_pktmbuf_headroom(mbuf) >= HZ_PORT_HEADROOM);
	CU_ASSERT(rte_pktmbuf_tailroom(mbuf) >= 1500);
	CU_ASSERT_EQUAL(hz_mbuf_bytes(mbuf).len, 0);
	rte_pktmbuf_free(mbuf);
	hz_port_ring_close(ring);
}

static void port_idle_flush_refills_reserve_in_time(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);

	rte_pktmbuf_free(near->reserve[--near->reserve_count]);
	for (int i = 0; i < 63; i++)
		hz_port_flush(near);
	CU_ASSERT_EQUAL(near->reserve_count, HZ_LIMIT_tx_reserve_mbufs - 1);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(near->reserve_count, HZ_LIMIT_tx_reserve_mbufs);
	hz_port_ring_close(ring);
}

static void port_failed_alloc_is_reaped_by_next_flush(void)
{
	struct hz_port_ring *ring = setup(MBUFS, SLOTS);
	struct hz_port *near = hz_port_ring_near(ring);
	static struct rte_mbuf *held[MBUFS];
	uint32_t count = 0;

	rte_pktmbuf_free(near->reserve[--near->reserve_count]);
	while (count < MBUFS && (held[count] = hz_port_alloc(near, false)) != NULL)
		count++;
	rte_pktmbuf_free(held[--count]);
	hz_port_flush(near);
	CU_ASSERT_EQUAL(near->reserve_count, HZ_LIMIT_tx_reserve_mbufs);
	while (count > 0)
		rte_pktmbuf_free(held[--count]);
	hz_port_ring_close(ring);
}

static void mempool_object_fits_page_for_every_mtu(void)
{
	struct hz_err err = { 0 };
	struct rte_mempool *pool = NULL;
	const uint16_t mtus[] = { 68, 1280, 1500, 1792, 2048, 3000, HZ_MEMPOOL_MTU_MAX };

	CU_ASSERT_FATAL(rig_eal());
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(hz_mempool_open("page", 512, mtus[i], &pool, &err), 0);
		CU_ASSERT(pool->header_size + pool->elt_size + pool->trailer_size <=
		          (uint32_t)sysconf(_SC_PAGESIZE));
		/* headroom 128 and XDP's 256 before the frame, with its link header of 22 bytes */
		CU_ASSERT(rte_pktmbuf_data_room_size(pool) >= 128 + 256 + 22 + mtus[i]);
		rte_mempool_free(pool);
	}
	CU_ASSERT_EQUAL(hz_mempool_open("page", 512, 9000, &pool, &err), -EMSGSIZE);
	CU_ASSERT_EQUAL(err.exit_code, 5);
}

static void mempool_object_noted(struct rte_mempool *pool, void *opaque, void *object,
                                 unsigned index)
{
	uintptr_t *end = opaque;
	uintptr_t start = (uintptr_t)object - pool->header_size;

	(void)index;
	if (*end != 0 && start != *end)
		*end = UINTPTR_MAX; /* stays different: a gap */
	else if (*end != UINTPTR_MAX)
		*end = start + pool->header_size + pool->elt_size + pool->trailer_size;
}

/* The driver's UMEM is count times the object size long; behind a gap objects would stick out of it. */
static void mempool_objects_have_no_gaps(void)
{
	struct hz_err err = { 0 };
	struct rte_mempool *pool = NULL;
	uintptr_t end = 0;

	CU_ASSERT_FATAL(rig_eal());
	CU_ASSERT_EQUAL_FATAL(hz_mempool_open("dense", 4000, 1500, &pool, &err), 0);
	CU_ASSERT_EQUAL(rte_mempool_obj_iter(pool, mempool_object_noted, &end), 4000);
	CU_ASSERT_NOT_EQUAL(end, UINTPTR_MAX);
	CU_ASSERT_EQUAL(pool->nb_mem_chunks, 1);
	rte_mempool_free(pool);
}

static void mempool_too_large_is_error_5(void)
{
	struct hz_err err = { 0 };
	struct rte_mempool *pool = NULL;

	CU_ASSERT_FATAL(rig_eal());
	CU_ASSERT(hz_mempool_open("large", 1u << 20, 1500, &pool, &err) < 0);
	CU_ASSERT_EQUAL(err.exit_code, 5);
	CU_ASSERT_PTR_NULL(pool);
}

static void port_close_accepts_zeroed_port(void)
{
	struct hz_port port;

	CU_ASSERT_FATAL(rig_eal());
	memset(&port, 0, sizeof(port));
	hz_port_close(&port);
	hz_port_close(&port);
	hz_port_ring_close(NULL);
	CU_ASSERT_EQUAL(port.poll_fd, -1);
}

static void port_open_and_close_leak_nothing(void)
{
	uint16_t before;

	CU_ASSERT_FATAL(rig_eal());
	before = rte_eth_dev_count_avail();
	for (int i = 0; i < 40;
	     i++) { /* 40 pools of 2.4 MiB would not fit beside each other twice */
		struct hz_port_ring *ring = setup(2048, SLOTS);

		send_frames(hz_port_ring_near(ring), 10, 0);
		hz_port_flush(hz_port_ring_near(ring));
		hz_port_ring_close(ring);
	}
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), before);
}

HZ_SUITE(port, CASE(port_frames_arrive_byte_exact), CASE(port_frame_waits_for_flush),
         CASE(port_full_batch_flushes_itself), CASE(port_refused_frames_are_freed_and_counted),
         CASE(port_link_down_sends_nothing), CASE(port_reserve_serves_control_only),
         CASE(port_shared_frame_is_sent_twice_byte_exact), CASE(port_alloc_leaves_headroom),
         CASE(port_idle_flush_refills_reserve_in_time),
         CASE(port_failed_alloc_is_reaped_by_next_flush),
         CASE(mempool_object_fits_page_for_every_mtu), CASE(mempool_objects_have_no_gaps),
         CASE(mempool_too_large_is_error_5), CASE(port_close_accepts_zeroed_port),
         CASE(port_open_and_close_leak_nothing));
