#include "hz_test.h"

#include "core/rng.h"
#include "fake_port.h"
#include "tcp/tcp_reasm.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"
#include <rte_mempool.h>
#include <string.h>

#define SPAN 600u /* of sequence numbers in play */

static struct fake_port port;
static struct hz_tcp tcp;
static struct hz_tcp_pcb pcb;
static struct hz_tcp_rec rec;
static struct hz_tcp_path path;

static void opened(uint32_t mbufs, uint32_t rcv_nxt)
{
	CU_ASSERT_EQUAL_FATAL(fake_port_open(&port, mbufs), 0);
	memset(&tcp, 0, sizeof(tcp));
	memset(&pcb, 0, sizeof(pcb));
	tcp.conf.slot = &port.slot;
	memset(&rec, 0, sizeof(rec));
	path.tcp = &tcp;
	pcb.path = &path;
	pcb.rec = &rec;
	pcb.rcv_nxt = rcv_nxt;
}

/* Byte n of the stream, and whether it is kept. */
static uint8_t byte_of(uint32_t n)
{
	return (uint8_t)(n * 29 + 7);
}

static bool put(uint32_t at, uint32_t bytes)
{
	uint8_t data[SPAN];
	struct rte_mbuf *mbuf;

	for (uint32_t i = 0; i < bytes; i++)
		data[i] = byte_of(at + i);
	mbuf = fake_port_frame(&port, data, bytes);
	if (hz_tcp_reasm_put(&pcb, mbuf, pcb.rcv_nxt + at, hz_mbuf_bytes(mbuf).data, bytes))
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

/* The queue must be ascending, disjoint, right in its bytes and hold exactly what the model has. */
static void check(const bool *kept)
{
	uint32_t bytes = 0, count = 0, last = pcb.rcv_nxt;

	for (struct rte_mbuf *seg = rec.reasm; seg != NULL; seg = hz_seg_next(seg)) {
		CU_ASSERT_FATAL(hz_seq_geq(hz_seg_seq(seg), last) && hz_seg_bytes(seg) > 0);
		for (uint32_t i = 0; i < hz_seg_bytes(seg); i++) {
			uint32_t at = hz_seg_seq(seg) + i - pcb.rcv_nxt;

			CU_ASSERT_FATAL(at < SPAN && kept[at]);
			CU_ASSERT_EQUAL_FATAL(hz_seg_payload(seg)[i], byte_of(at));
		}
		last = hz_seg_end(seg);
		bytes += hz_seg_bytes(seg);
		count++;
	}
	for (uint32_t at = 0; at < SPAN; at++)
		bytes -= kept[at];
	CU_ASSERT_EQUAL_FATAL(bytes, 0);
	CU_ASSERT_EQUAL(count, rec.reasm_count);
	CU_ASSERT_EQUAL(count, tcp.reasm_total);
}

static void blocks_check(const bool *kept)
{
	struct hz_tcp_sack_block block[4];
	size_t count = hz_tcp_reasm_blocks(&pcb, block, 4);

	for (size_t i = 0; i < count; i++) {
		uint32_t start = block[i].start - pcb.rcv_nxt, end = block[i].end - pcb.rcv_nxt;

		CU_ASSERT_FATAL(start > 0 && start < end && end <= SPAN);
		CU_ASSERT(!kept[start - 1] && (end == SPAN || !kept[end])); /* maximal */
		for (uint32_t at = start; at < end; at++)
			CU_ASSERT_FATAL(kept[at]);
		for (size_t j = 0; j < i; j++)
			CU_ASSERT_NOT_EQUAL(block[i].start, block[j].start);
	}
	if (count > 0) /* RFC 2018 4: the newest first */
		CU_ASSERT(hz_seq_leq(block[0].start, rec.reasm_last) &&
		          hz_seq_gt(block[0].end, rec.reasm_last));
}

static void reasm_of_random_overlaps_matches_model(void)
{
	struct hz_rng rng;

	hz_rng_seed(&rng, 5);
	for (unsigned round = 0; round < 300; round++) {
		bool kept[SPAN] = { false };
		struct rte_mbuf *seg;

		opened(1024, (uint32_t)hz_rng_next(&rng) | (round % 3 == 0 ? 0xffffff00u : 0));
		for (unsigned i = 0; i < 40; i++) {
			uint32_t at = 1 + (uint32_t)hz_rng_below(&rng, SPAN - 1);
			uint32_t bytes = 1 + (uint32_t)hz_rng_below(&rng, SPAN - at);

			bytes = bytes > 90 ? 1 + bytes % 90 : bytes;
			put(at, bytes);
			memset(kept + at, true, bytes);
			check(kept);
			blocks_check(kept);
		}
		/* The gap closes up to a random place: what holds it comes out in order. */
		pcb.rcv_nxt += 1 + (uint32_t)hz_rng_below(&rng, 50);
		while ((seg = hz_tcp_reasm_pop(&pcb)) != NULL) {
			CU_ASSERT_FATAL(hz_seq_leq(hz_seg_seq(seg), pcb.rcv_nxt) &&
			                hz_seq_gt(hz_seg_end(seg), pcb.rcv_nxt));
			pcb.rcv_nxt = hz_seg_end(seg);
			rte_pktmbuf_free(seg);
		}
		hz_seg_free_list(rec.reasm);
		CU_ASSERT_EQUAL_FATAL(fake_port_close(&port), 0);
	}
}

static void reasm_beyond_segment_limit_is_refused(void)
{
	opened(1024, 100);
	for (uint32_t i = 0; i < HZ_LIMIT_reasm_segments_max; i++)
		CU_ASSERT_TRUE(put(1 + 2 * i, 1));
	CU_ASSERT_FALSE(put(1 + 2 * HZ_LIMIT_reasm_segments_max, 1));
	CU_ASSERT_EQUAL(port.worker.counters[HZ_COUNTER_drop_reasm_full], 1);
	CU_ASSERT_FALSE(put(1, 1)); /* there already: not a drop */
	CU_ASSERT_EQUAL(port.worker.counters[HZ_COUNTER_drop_reasm_full], 1);
	hz_seg_free_list(rec.reasm);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void reasm_beyond_byte_limit_is_refused(void)
{
	opened(1024, 100);
	rec.reasm_bytes = HZ_LIMIT_reasm_bytes_max - 10;
	CU_ASSERT_FALSE(put(1, 11));
	CU_ASSERT_TRUE(put(1, 10));
	hz_seg_free_list(rec.reasm);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void reasm_beyond_pool_share_is_refused(void)
{
	opened(64, 100);
	for (uint32_t i = 0; i < 64 / HZ_TCP_REASM_POOL_PART; i++)
		CU_ASSERT_TRUE(put(1 + 2 * i, 1));
	CU_ASSERT_FALSE(put(500, 1));
	hz_seg_free_list(rec.reasm);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

HZ_SUITE(tcp_reasm, CASE(reasm_of_random_overlaps_matches_model),
         CASE(reasm_beyond_segment_limit_is_refused), CASE(reasm_beyond_byte_limit_is_refused),
         CASE(reasm_beyond_pool_share_is_refused));
