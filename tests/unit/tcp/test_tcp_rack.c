#include "hz_test.h"

#include "tcp/tcp_prr.h"
#include "tcp/tcp_rack.h"
#include "tcp/tcp_timer.h"
#include <string.h>

static struct hz_tcp tcp;
static struct hz_env env;
static struct hz_tcp_path path;
static struct hz_tcp_pcb pcb;
static struct hz_tcp_rec rec;

static void opened(void)
{
	memset(&tcp, 0, sizeof(tcp));
	memset(&pcb, 0, sizeof(pcb));
	memset(&rec, 0, sizeof(rec));
	env.now_ns = HZ_NS_PER_S;
	tcp.conf.env = &env;
	path.tcp = &tcp;
	pcb.path = &path;
	pcb.rec = &rec;
	pcb.snd_mss = 1000;
	pcb.flags = HZ_TCP_F_SACK;
	pcb.srtt_us = 100000;
	rec.min_rtt_us = 80000;
}

/* RFC 8985 6.2 step 4 */
static void rack_window_is_a_quarter_of_min_rtt(void)
{
	opened();
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 20000);
	rec.min_rtt_us = 0; /* nothing measured in this busy period */
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 25000);
}

static void rack_window_is_zero_after_three_sacks_or_in_repair(void)
{
	opened();
	rec.sacked_count = 2;
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 20000);
	rec.sacked_count = 3;
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 0);
	rec.sacked_count = 0;
	rec.phase = HZ_TCP_RECOVERY;
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 0);
	pcb.flags |= HZ_TCP_F_REORDERS; /* then it never is */
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 20000);
}

static void rack_window_widens_once_per_round_up_to_srtt(void)
{
	opened();
	rec.snd_nxt = pcb.snd_una + 10;
	hz_tcp_rack_dsack(&pcb);
	hz_tcp_rack_dsack(&pcb); /* of the same round trip */
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 40000);
	for (unsigned i = 0; i < 300; i++) {
		pcb.snd_una = rec.snd_nxt;
		rec.snd_nxt += 10;
		hz_tcp_rack_dsack(&pcb);
		CU_ASSERT_FATAL(hz_tcp_rack_window_us(&pcb) <= pcb.srtt_us);
	}
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 100000);
}

static void rack_window_shrinks_after_16_recoveries_without_dsack(void)
{
	opened();
	hz_tcp_rack_dsack(&pcb);
	for (unsigned i = 0; i < 15; i++)
		hz_tcp_rack_recovered(&pcb);
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 40000);
	hz_tcp_rack_recovered(&pcb);
	CU_ASSERT_EQUAL(hz_tcp_rack_window_us(&pcb), 20000);
}

/* What was acknowledged last in time, not in numbers, is what others are compared with. */
static void rack_newest_transmission_counts(void)
{
	struct hz_tcp_segment seg = { 0 };
	struct hz_tcp_ack ack = { .seg = &seg, .now_us = 1000000 };

	opened();
	hz_tcp_rack_arrived(&pcb, &ack, 5000, 900000, false);
	hz_tcp_rack_arrived(&pcb, &ack, 9000, 890000, false);
	CU_ASSERT_EQUAL(rec.rack_sent_us, 900000);
	CU_ASSERT_EQUAL(rec.rack_end, 5000);
	hz_tcp_rack_arrived(&pcb, &ack, 6000, 900000, false); /* at the same time, but behind */
	CU_ASSERT_EQUAL(rec.rack_end, 6000);
	CU_ASSERT(pcb.flags & HZ_TCP_F_REORDERS); /* 6000 after 9000 */
}

/* RFC 8985 6.2 step 2: an ACK faster than any round trip is for the first copy. */
static void rack_impossible_rtt_of_a_retransmission_is_ignored(void)
{
	struct hz_tcp_segment seg = { 0 };
	struct hz_tcp_ack ack = { .seg = &seg, .now_us = 1000000 };

	opened();
	hz_tcp_rack_arrived(&pcb, &ack, 5000, 990000, true);
	CU_ASSERT_EQUAL(rec.rack_rtt_us, 0);
	hz_tcp_rack_arrived(&pcb, &ack, 5000, 910000, true);
	CU_ASSERT_EQUAL(rec.rack_rtt_us, 90000);
}

static uint32_t probe_ms(void)
{
	rec.early = HZ_TCP_EARLY_NONE;
	hz_tcp_rack_probe_arm(&pcb);
	if (rec.early == HZ_TCP_EARLY_NONE)
		return 0;
	return (uint32_t)((uint64_t)(rec.early_at - hz_tcp_tick(&tcp)) * HZ_TCP_TICK_NS /
	                  HZ_NS_PER_MS);
}

/* RFC 8985 7.2 */
static void tlp_timeout_is_two_rtts_and_never_beyond_the_rto(void)
{
	opened();
	rec.snd_nxt = pcb.snd_una + 5000;
	pcb.rtx_at = hz_tcp_tick_after(&tcp, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(probe_ms(), 202);
	rec.snd_nxt = pcb.snd_una + 1000; /* one segment: the peer may delay its ACK */
	CU_ASSERT_EQUAL(probe_ms(), 400);
	pcb.rtx_at = hz_tcp_tick_after(&tcp, 300 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(probe_ms(), 0);
}

static void tlp_is_off_without_sack_in_repair_and_twice(void)
{
	opened();
	rec.snd_nxt = pcb.snd_una + 5000;
	pcb.rtx_at = hz_tcp_tick_after(&tcp, HZ_NS_PER_S);
	rec.has_tlp = true;
	CU_ASSERT_EQUAL(probe_ms(), 0);
	rec.has_tlp = false;
	rec.phase = HZ_TCP_RECOVERY;
	CU_ASSERT_EQUAL(probe_ms(), 0);
	rec.phase = HZ_TCP_OPEN;
	rec.sacked = 1000;
	CU_ASSERT_EQUAL(probe_ms(), 0);
	rec.sacked = 0;
	pcb.flags = 0;
	CU_ASSERT_EQUAL(probe_ms(), 0);
	pcb.flags = HZ_TCP_F_SACK;
	CU_ASSERT_EQUAL(probe_ms(), 202);
}

/* RFC 6937 3: while pipe is above ssthresh, ssthresh bytes go out for every RecoverFS that arrived. */
static void prr_sends_in_proportion_above_ssthresh(void)
{
	uint32_t out = 0, pipe = 90000;

	for (uint32_t arrived = 1000; pipe > 70000; arrived += 1000) {
		uint32_t n;

		pipe -= 1000;
		n = hz_prr_allowed(pipe, 70000, 100000, arrived, 1000, out, 1000);
		if (pipe <= 70000)
			break;
		out += n;
		pipe += n;
		CU_ASSERT_EQUAL_FATAL(out, (uint32_t)((arrived * 7ull + 9) / 10));
	}
	CU_ASSERT(out > 0);
}

/* Below it catches up, by at most a segment more than arrived, and never above ssthresh. */
static void prr_catches_up_below_ssthresh(void)
{
	CU_ASSERT_EQUAL(hz_prr_allowed(50000, 70000, 100000, 40000, 1000, 40000, 1000), 2000);
	CU_ASSERT_EQUAL(hz_prr_allowed(69500, 70000, 100000, 40000, 1000, 30000, 1000), 500);
	CU_ASSERT_EQUAL(hz_prr_allowed(50000, 70000, 100000, 40000, 1000, 35000, 1000), 6000);
	CU_ASSERT_EQUAL(hz_prr_allowed(70000, 70000, 100000, 40000, 1000, 10000, 1000), 0);
	CU_ASSERT_EQUAL(hz_prr_allowed(80000, 70000, 100000, 10000, 1000, 90000, 1000), 0);
}

HZ_SUITE(tcp_rack, CASE(rack_window_is_a_quarter_of_min_rtt),
         CASE(rack_window_is_zero_after_three_sacks_or_in_repair),
         CASE(rack_window_widens_once_per_round_up_to_srtt),
         CASE(rack_window_shrinks_after_16_recoveries_without_dsack),
         CASE(rack_newest_transmission_counts),
         CASE(rack_impossible_rtt_of_a_retransmission_is_ignored),
         CASE(tlp_timeout_is_two_rtts_and_never_beyond_the_rto),
         CASE(tlp_is_off_without_sack_in_repair_and_twice),
         CASE(prr_sends_in_proportion_above_ssthresh), CASE(prr_catches_up_below_ssthresh));
