/* How much output may be queued, and who makes room when there is none. */
#include "hz_test.h"

#include "tcp/tcp_pressure.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_room.h"
#include "tcp/tcp_timer.h"
#include <rte_mempool.h>
#include <string.h>

#define POOL   4096u /* of which 2,048 are for output, 512 in calm */
#define BUDGET 2048u
#define CALM   512u
#define PCBS   8u
#define MSS    1000u

/* Some connections in a flow table, with no stack around them. */
struct crowd {
	struct rte_mempool mempool;
	struct hz_port port;
	struct hz_env env;
	struct hz_worker worker;
	struct hz_slot slot;
	struct hz_tcp_path path;
	struct hz_tcp tcp;
	struct hz_tcp_pcb *turn[PCBS];
	struct hz_tcp_pcb *pcb[PCBS];
	struct hz_tcp_rec rec[PCBS];
};

static void crowd_open(struct crowd *crowd)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->mempool.size = POOL;
	crowd->port.pool = &crowd->mempool;
	crowd->env.now_ns = 1000 * HZ_NS_PER_S;
	crowd->slot.worker = &crowd->worker;
	crowd->path.tcp = &crowd->tcp;
	crowd->path.port = &crowd->port;
	crowd->tcp.conf.env = &crowd->env;
	crowd->tcp.conf.slot = &crowd->slot;
	crowd->tcp.turn.pcb = crowd->turn;
	CU_ASSERT_EQUAL_FATAL(hz_tcp_table_open(&crowd->tcp.table, PCBS), 0);
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&crowd->tcp.pcbs, sizeof(struct hz_tcp_pcb), PCBS, 0),
	                      0);
	for (uint32_t i = 0; i < PCBS; i++) {
		struct hz_tcp_pcb *pcb = crowd->pcb[i] = hz_pool_get(&crowd->tcp.pcbs);

		memset(pcb, 0, sizeof(*pcb));
		pcb->path = &crowd->path;
		pcb->rec = &crowd->rec[i];
		pcb->flags = HZ_TCP_F_OPENED;
		pcb->state = HZ_TCP_ESTABLISHED;
		pcb->snd_mss = MSS;
		pcb->snd_wnd = 100000;
		pcb->cwnd = 10 * MSS;
		pcb->last_rx_tick = hz_tcp_tick(&crowd->tcp);
		hz_tcp_table_add(&crowd->tcp.table, i * 77,
		                 hz_pool_index(&crowd->tcp.pcbs, pcb) + 1);
	}
}

static void crowd_close(struct crowd *crowd)
{
	hz_tcp_table_close(&crowd->tcp.table);
	hz_pool_close(&crowd->tcp.pcbs);
}

/* The first connection's queue. */
static void queued(struct crowd *crowd, uint32_t bytes, uint16_t segments)
{
	crowd->pcb[0]->snd_end = crowd->pcb[0]->snd_una + bytes;
	crowd->rec[0].tx_count = segments;
}

/* Bytes, in full segments, that it may queue. */
static uint32_t share(struct crowd *crowd)
{
	uint32_t count = 0;

	queued(crowd, 0, 0);
	while (count < 1000 && hz_tcp_room_look(crowd->pcb[0], 1) == HZ_TCP_ROOM_FREE) {
		count++;
		queued(crowd, count * MSS, (uint16_t)count);
	}
	return count * MSS;
}

static void share_is_the_window_and_64_kib_while_there_is_plenty(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	CU_ASSERT_EQUAL(share(&crowd), 165000);
	crowd.pcb[0]->snd_wnd = 0;
	CU_ASSERT_EQUAL(share(&crowd), 65000);
	crowd.pcb[0]->snd_wnd = 1u << 30;
	CU_ASSERT_EQUAL(share(&crowd), HZ_LIMIT_tx_bytes_max / MSS * MSS);
	crowd.tcp.tx_total = CALM - 1;
	CU_ASSERT_EQUAL(share(&crowd), HZ_LIMIT_tx_bytes_max / MSS * MSS);
	crowd_close(&crowd);
}

static void share_is_what_can_leave_and_a_segment_when_it_gets_scarce(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	crowd.tcp.tx_total = CALM;
	CU_ASSERT_EQUAL(share(&crowd), 11000); /* the congestion window, */
	crowd.pcb[0]->snd_wnd = 5000;
	CU_ASSERT_EQUAL(share(&crowd), 6000); /* or the peer's */
	crowd.pcb[0]->snd_wnd = 0;
	CU_ASSERT_EQUAL(share(&crowd), 1000);
	crowd.tcp.tx_total = BUDGET - 1;
	CU_ASSERT_EQUAL(share(&crowd), 1000);
	crowd_close(&crowd);
}

/* Each of them takes a buffer, however short it is. */
static void short_segments_count_as_full_ones_when_it_gets_scarce(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	queued(&crowd, 500, HZ_TCP_TX_SEGMENTS_MAX - 1);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_FREE);
	queued(&crowd, 500, HZ_TCP_TX_SEGMENTS_MAX);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_OWN);
	crowd.tcp.tx_total = CALM;
	queued(&crowd, 500, 11);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_FREE);
	queued(&crowd, 500, 12);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_OWN);
	crowd_close(&crowd);
}

static void first_segment_has_a_reserve(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	crowd.tcp.tx_total = BUDGET;
	queued(&crowd, 1000, 1);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_POOL);
	queued(&crowd, 0, 0);
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_FREE);
	crowd.pcb[0]->rec = NULL; /* idle until now */
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_FREE);
	crowd.tcp.tx_total = BUDGET + POOL / 16 - 1;
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_FREE);
	crowd.tcp.tx_total = BUDGET + POOL / 16;
	CU_ASSERT_EQUAL(hz_tcp_room_look(crowd.pcb[0], 1), HZ_TCP_ROOM_POOL);
	crowd_close(&crowd);
}

/* Else it would be woken and blocked in every turn; and an empty queue is always called. */
static void who_is_woken_finds_room_for_any_reservation(void)
{
	static const uint32_t wnds[] = { 0, 1, 999, 1001, 4000, 65535, 1u << 30 };
	static const uint16_t mss[] = { 88, 536, 1000, 1448, 8948 };
	struct crowd crowd;
	uint32_t woken = 0;

	crowd_open(&crowd);
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(wnds) * HZ_ARRAY_LEN(mss) * 2; i++) {
		crowd.pcb[0]->snd_wnd = wnds[i % HZ_ARRAY_LEN(wnds)];
		crowd.pcb[0]->snd_mss = mss[i / 2 % HZ_ARRAY_LEN(mss)];
		crowd.tcp.tx_total = i % 2 == 0 ? 0 : CALM;
		queued(&crowd, 0, 0);
		CU_ASSERT_EQUAL(hz_tcp_room_wake(crowd.pcb[0]), HZ_TCP_ROOM_FREE);
		for (uint32_t bytes = 0; bytes < HZ_LIMIT_tx_bytes_max; bytes += 97) {
			queued(&crowd, bytes, (uint16_t)((bytes + MSS - 1) / MSS));
			if (hz_tcp_room_wake(crowd.pcb[0]) != HZ_TCP_ROOM_FREE)
				continue;
			woken++;
			CU_ASSERT_FATAL(hz_tcp_room_look(crowd.pcb[0], HZ_RESERVE_MAX) ==
			                HZ_TCP_ROOM_FREE);
		}
	}
	CU_ASSERT(woken > 1000);
	crowd_close(&crowd);
}

static void woken_when_a_quarter_has_drained(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	crowd.pcb[0]->snd_wnd = 100000 - 65536;
	queued(&crowd, 75001, 76);
	CU_ASSERT_EQUAL(hz_tcp_room_wake(crowd.pcb[0]), HZ_TCP_ROOM_OWN);
	queued(&crowd, 75000, 75);
	CU_ASSERT_EQUAL(hz_tcp_room_wake(crowd.pcb[0]), HZ_TCP_ROOM_FREE);
	crowd_close(&crowd);
}

/* --- who makes room ------------------------------------------------------------------------------ */

static bool is_evicted(const struct crowd *crowd, unsigned i)
{
	return (crowd->pcb[i]->flags & HZ_TCP_F_ABORT) != 0;
}

static void pass(struct crowd *crowd, uint64_t ns)
{
	crowd->env.now_ns += ns;
}

static void reader_that_holds_most_of_those_that_stall_is_reset(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	for (uint32_t i = 0; i < PCBS; i++) {
		crowd.rec[i].tx_count = (uint16_t)(10 + i);
		crowd.rec[i].zero_window_tick = hz_tcp_tick(&crowd.tcp);
	}
	crowd.rec[7].zero_window_tick = 0; /* not closed, heard a moment ago */
	crowd.pcb[6]->flags = 0;           /* not open yet */
	pass(&crowd, HZ_TCP_EVICT_IDLE_NS - 10 * HZ_NS_PER_MS);
	hz_tcp_pressure_evict_reader(&crowd.tcp);
	CU_ASSERT_EQUAL(crowd.tcp.turn.count, 0);
	pass(&crowd, 11 * HZ_NS_PER_MS);
	hz_tcp_pressure_evict_reader(&crowd.tcp);
	hz_tcp_pressure_evict_reader(&crowd.tcp); /* not twice at a time */
	CU_ASSERT_EQUAL(crowd.tcp.turn.count, 1);
	CU_ASSERT(is_evicted(&crowd, 5));
	CU_ASSERT_EQUAL(crowd.pcb[5]->close_why, HZ_CLOSE_ABORT);
	CU_ASSERT_EQUAL(crowd.worker.counters[HZ_COUNTER_evicted], 1);
	pass(&crowd, HZ_TCP_EVICT_EVERY_NS);
	hz_tcp_pressure_evict_reader(&crowd.tcp);
	CU_ASSERT(is_evicted(&crowd, 4));
	CU_ASSERT(!is_evicted(&crowd, 3) && !is_evicted(&crowd, 6) && !is_evicted(&crowd, 7));
	crowd_close(&crowd);
}

/* A path that fails for seconds is not the peer's fault. */
static void silent_peer_has_five_seconds(void)
{
	struct crowd crowd;

	crowd_open(&crowd);
	crowd.rec[2].tx_count = 1;
	pass(&crowd, HZ_TCP_EVICT_SILENT_NS - 10 * HZ_NS_PER_MS);
	hz_tcp_pressure_evict_reader(&crowd.tcp);
	CU_ASSERT(!is_evicted(&crowd, 2));
	pass(&crowd, 11 * HZ_NS_PER_MS);
	hz_tcp_pressure_evict_reader(&crowd.tcp);
	CU_ASSERT(is_evicted(&crowd, 2)); /* and of the others, which hold nothing, none */
	CU_ASSERT_EQUAL(crowd.tcp.turn.count, 1);
	crowd_close(&crowd);
}

HZ_SUITE(tcp_room, CASE(share_is_the_window_and_64_kib_while_there_is_plenty),
         CASE(share_is_what_can_leave_and_a_segment_when_it_gets_scarce),
         CASE(short_segments_count_as_full_ones_when_it_gets_scarce),
         CASE(first_segment_has_a_reserve), CASE(who_is_woken_finds_room_for_any_reservation),
         CASE(woken_when_a_quarter_has_drained),
         CASE(reader_that_holds_most_of_those_that_stall_is_reset),
         CASE(silent_peer_has_five_seconds));
