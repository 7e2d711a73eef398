#include "hz_test.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"
#include <string.h>

#define MSS 1000u
#define RTT 50u /* ms */

static struct hz_tcp tcp;
static struct hz_env env;
static struct hz_tcp_path path;
static struct hz_tcp_pcb pcb;
static struct hz_tcp_rec rec;

static void opened(uint32_t rtt_ms)
{
	memset(&tcp, 0, sizeof(tcp));
	memset(&pcb, 0, sizeof(pcb));
	memset(&rec, 0, sizeof(rec));
	env.now_ns = HZ_NS_PER_S;
	tcp.conf.env = &env;
	tcp.cc = &hz_cc_cubic_ops;
	path.tcp = &tcp;
	pcb.path = &path;
	pcb.rec = &rec;
	pcb.snd_mss = MSS;
	pcb.srtt_us = rtt_ms * 1000;
	hz_cc_open(&pcb, false);
}

/* A loss at a window of cwnd bytes: congestion avoidance from 7/10 of it. */
static void lost_at(uint32_t cwnd)
{
	pcb.cwnd = cwnd;
	pcb.ssthresh = tcp.cc->ssthresh(&pcb, cwnd);
	pcb.cwnd = pcb.ssthresh;
	tcp.cc->moved(&pcb);
}

/* One round trip: an ACK for each segment of the window, evenly spaced. */
static void round_trip(uint32_t rtt_ms)
{
	uint32_t acks = pcb.cwnd / MSS;

	for (uint32_t i = 0; i < acks; i++) {
		env.now_ns += rtt_ms * HZ_NS_PER_MS / acks;
		tcp.cc->acked(&pcb, MSS, pcb.cwnd);
	}
}

static double distance(double a, double b)
{
	return a > b ? a - b : b - a;
}

/* Newton's, so that no test needs libm. */
static double root3(double x)
{
	double r = HZ_MAX(x, 1.0);

	for (unsigned i = 0; i < 100; i++)
		r -= (r * r * r - x) / (3 * r * r);
	return r;
}

/* RFC 9438 4.2 in segments and seconds. */
static double w_cubic(double t, double w_max, double cwnd)
{
	double k = root3((w_max - cwnd) / 0.4);

	return 0.4 * (t - k) * (t - k) * (t - k) + w_max;
}

/* The window follows the curve of floating point within 2 % or a segment, in its concave and its convex part. */
static void cubic_window_follows_the_curve(void)
{
	const double w_max = 300, start = 210;
	uint64_t begin_ns;

	opened(RTT);
	lost_at(300 * MSS);
	CU_ASSERT_EQUAL(pcb.cwnd, 210 * MSS);
	round_trip(RTT); /* the epoch begins with the first ACK */
	begin_ns = env.now_ns - RTT * HZ_NS_PER_MS;
	while (env.now_ns - begin_ns < 8 * HZ_NS_PER_S) {
		double t, want, have;

		round_trip(RTT);
		t = (double)(env.now_ns - begin_ns) / 1e9;
		want = HZ_MIN(w_cubic(t + RTT / 1e3, w_max, start), HZ_CC_CWND_MAX / (double)MSS);
		have = pcb.cwnd / (double)MSS;
		CU_ASSERT_FATAL(distance(have, want) < HZ_MAX(0.02 * want, 1.0));
	}
}

/* With a short round trip the window of RFC 5681 would be larger: never below it, RFC 9438 4.3. */
static void cubic_short_round_trip_grows_like_reno(void)
{
	double reno = 14;

	opened(1);
	lost_at(20 * MSS);
	for (unsigned i = 0; i < 100; i++) {
		round_trip(1);
		reno += reno < 20 ? 9.0 / 17 : 1;
		CU_ASSERT_FATAL(distance(pcb.cwnd / (double)MSS, reno) < HZ_MAX(0.04 * reno, 1.5));
	}
}

static void cubic_keeps_seven_tenths_and_two_segments(void)
{
	opened(RTT);
	pcb.cwnd = 100 * MSS;
	CU_ASSERT_EQUAL(tcp.cc->ssthresh(&pcb, 100 * MSS), 70 * MSS);
	CU_ASSERT_EQUAL(tcp.cc->ssthresh(&pcb, 2 * MSS), 2 * MSS);
}

/* RFC 9438 4.7: a second loss below the old window gives up a part of it for good. */
static void cubic_second_loss_lower_converges_fast(void)
{
	opened(RTT);
	lost_at(200 * MSS);
	CU_ASSERT_EQUAL(pcb.w_max * 16u, 200 * MSS);
	lost_at(160 * MSS);
	CU_ASSERT_EQUAL(pcb.w_max * 16u, 136 * MSS); /* 0.85 of it */
	lost_at(160 * MSS);
	CU_ASSERT_EQUAL(pcb.w_max * 16u, 160 * MSS);
}

/* RFC 9438 4.8 */
static void cubic_timeout_forgets_the_old_window(void)
{
	opened(RTT);
	lost_at(200 * MSS);
	rec.phase = HZ_TCP_LOSS;
	tcp.cc->moved(&pcb);
	CU_ASSERT_EQUAL(pcb.w_max, 0);
}

static void cubic_idle_window_does_not_grow_and_curve_waits(void)
{
	uint32_t before;

	opened(RTT);
	lost_at(100 * MSS);
	round_trip(RTT);
	before = pcb.cwnd;
	env.now_ns += 60 * HZ_NS_PER_S;
	tcp.cc->acked(&pcb, MSS, MSS); /* one segment was under way */
	CU_ASSERT_EQUAL(pcb.cwnd, before);
	tcp.cc->acked(&pcb, MSS, pcb.cwnd);
	CU_ASSERT(pcb.cwnd < before + 2 * MSS); /* not what a minute on the curve would be */
}

static void cubic_window_is_never_beyond_the_limit(void)
{
	opened(RTT);
	lost_at(300 * MSS);
	for (unsigned i = 0; i < 600; i++) {
		round_trip(RTT);
		CU_ASSERT_FATAL(pcb.cwnd <= HZ_CC_CWND_MAX);
	}
	env.now_ns += 4000 * HZ_NS_PER_S; /* microseconds modulo 2^32 go round */
	round_trip(RTT);
	CU_ASSERT(pcb.cwnd <= HZ_CC_CWND_MAX);
}

/* RFC 9438 4.2: after a long silence of ACKs the curve is far up, but a round trip grows by half at most. */
static void cubic_window_grows_by_half_per_round_trip_at_most(void)
{
	opened(RTT);
	lost_at(20 * MSS);
	round_trip(RTT);
	env.now_ns += 30 * HZ_NS_PER_S;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t before = pcb.cwnd;

		round_trip(RTT);
		CU_ASSERT(pcb.cwnd > before && pcb.cwnd <= before + before / 2 + MSS);
	}
}

/* A round trip of slow start whose ACKs report rtt_us. */
static void slow_start_round(uint32_t rtt_us)
{
	uint32_t acks = pcb.cwnd / MSS;

	rec.snd_nxt = pcb.snd_una + pcb.cwnd;
	rec.rack_rtt_us = rtt_us;
	for (uint32_t i = 0; i < acks; i++) {
		pcb.snd_una += MSS;
		tcp.cc->acked(&pcb, MSS, pcb.cwnd);
	}
}

static void hystart_steady_delay_doubles_each_round(void)
{
	opened(RTT);
	slow_start_round(50000);
	CU_ASSERT_EQUAL(pcb.cwnd, 20 * MSS);
	slow_start_round(50000);
	slow_start_round(52000); /* less than an eighth more */
	CU_ASSERT_EQUAL(pcb.cwnd, 80 * MSS);
	CU_ASSERT_EQUAL(pcb.ssthresh, HZ_CC_CWND_MAX);
}

/* RFC 9406 4.2: a delay that grew by an eighth slows it to a quarter; five such rounds end it. */
static void hystart_growing_delay_ends_slow_start_in_time(void)
{
	uint32_t before;

	opened(RTT);
	slow_start_round(50000);
	slow_start_round(50000);
	slow_start_round(60000);
	CU_ASSERT(rec.cc.cubic.is_slow);
	before = pcb.cwnd;
	slow_start_round(60000);
	CU_ASSERT(pcb.cwnd > before && pcb.cwnd <= before + before / 3);
	for (unsigned i = 0; i < 6; i++)
		slow_start_round(60000);
	CU_ASSERT(pcb.ssthresh < HZ_CC_CWND_MAX);
}

static void hystart_delay_that_falls_again_resumes(void)
{
	opened(RTT);
	slow_start_round(50000);
	slow_start_round(50000);
	slow_start_round(60000);
	CU_ASSERT(rec.cc.cubic.is_slow);
	slow_start_round(50000);
	CU_ASSERT_FALSE(rec.cc.cubic.is_slow);
	CU_ASSERT_EQUAL(pcb.ssthresh, HZ_CC_CWND_MAX);
}

HZ_SUITE(cc_cubic, CASE(cubic_window_follows_the_curve),
         CASE(cubic_short_round_trip_grows_like_reno),
         CASE(cubic_keeps_seven_tenths_and_two_segments),
         CASE(cubic_second_loss_lower_converges_fast), CASE(cubic_timeout_forgets_the_old_window),
         CASE(cubic_idle_window_does_not_grow_and_curve_waits),
         CASE(cubic_window_is_never_beyond_the_limit),
         CASE(cubic_window_grows_by_half_per_round_trip_at_most),
         CASE(hystart_steady_delay_doubles_each_round),
         CASE(hystart_growing_delay_ends_slow_start_in_time),
         CASE(hystart_delay_that_falls_again_resumes));
