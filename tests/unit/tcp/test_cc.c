#include "hz_test.h"

#include "tcp/tcp_reno.h"
#include "tcp/tcp_stack.h"
#include <string.h>

static struct hz_tcp tcp;
static struct hz_env env;
static struct hz_worker worker;
static const struct hz_slot slot = { .worker = &worker };
static struct hz_tcp_path path;
static struct hz_tcp_pcb pcb;
static struct hz_tcp_rec rec;

static void opened(const struct hz_cc_ops *cc)
{
	memset(&tcp, 0, sizeof(tcp));
	memset(&pcb, 0, sizeof(pcb));
	memset(&rec, 0, sizeof(rec));
	env.now_ns = 1000;
	tcp.conf.env = &env;
	tcp.conf.slot = &slot;
	tcp.cc = cc;
	path.tcp = &tcp;
	pcb.path = &path;
	pcb.rec = &rec;
	pcb.snd_mss = 1000;
	hz_cc_open(&pcb, false);
}

static void cc_initial_window_follows_rfc6928(void)
{
	opened(&hz_cc_newreno_ops);
	CU_ASSERT_EQUAL(pcb.cwnd, 10000);
	pcb.snd_mss = 1460;
	hz_cc_open(&pcb, false);
	CU_ASSERT_EQUAL(pcb.cwnd, 14600);
	pcb.snd_mss = 8000;
	hz_cc_open(&pcb, false);
	CU_ASSERT_EQUAL(pcb.cwnd, 16000);
	hz_cc_open(&pcb, true);
	CU_ASSERT_EQUAL(pcb.cwnd, 8000);
}

static void cc_idle_restarts_at_initial_window_at_most(void)
{
	opened(&hz_cc_newreno_ops);
	pcb.cwnd = 50000;
	rec.cc.newreno.acked = 7;
	hz_cc_idle(&pcb);
	CU_ASSERT_EQUAL(pcb.cwnd, 10000);
	CU_ASSERT_EQUAL(rec.cc.newreno.acked, 0);
	pcb.cwnd = 3000;
	hz_cc_idle(&pcb);
	CU_ASSERT_EQUAL(pcb.cwnd, 3000);
}

static void newreno_grows_only_a_window_in_use(void)
{
	opened(&hz_cc_newreno_ops);
	tcp.cc->acked(&pcb, 1000, 1000);
	CU_ASSERT_EQUAL(pcb.cwnd, 10000);
	tcp.cc->acked(&pcb, 1000, 10000);
	CU_ASSERT_EQUAL(pcb.cwnd, 11000);
	tcp.cc->acked(&pcb, 9000, 10000); /* a stretched ACK counts two segments, RFC 3465 */
	CU_ASSERT_EQUAL(pcb.cwnd, 13000);
	pcb.ssthresh = 13000; /* one segment per window from here on */
	for (unsigned i = 0; i < 13; i++)
		tcp.cc->acked(&pcb, 1000, 13000);
	CU_ASSERT_EQUAL(pcb.cwnd, 14000);
	for (unsigned i = 0; i < 1000000; i++)
		tcp.cc->acked(&pcb, 1000, pcb.cwnd);
	CU_ASSERT(pcb.cwnd <= HZ_CC_CWND_MAX);
}

static void newreno_slow_start_ends_at_ssthresh(void)
{
	opened(&hz_cc_newreno_ops);
	pcb.ssthresh = 11500;
	tcp.cc->acked(&pcb, 2000, 10000);
	CU_ASSERT_EQUAL(pcb.cwnd, 11500);
}

static void newreno_halves_on_loss_and_never_below_two(void)
{
	opened(&hz_cc_newreno_ops);
	CU_ASSERT_EQUAL(tcp.cc->ssthresh(&pcb, 10000), 5000);
	CU_ASSERT_EQUAL(tcp.cc->ssthresh(&pcb, 1000), 2000);
}

/* RFC 6582 3.2, of a peer without SACK; only the FIN is outstanding, so no segment is needed. */
static void reno_window_inflates_deflates_and_ends_small(void)
{
	struct hz_tcp_ack duplicate = { .is_duplicate = true }, partial = { .acked = 2000 };

	opened(&hz_cc_newreno_ops);
	pcb.ssthresh = 5000;
	hz_tcp_reno_enter(&pcb);
	CU_ASSERT_EQUAL(pcb.cwnd, 8000);
	hz_tcp_reno_step(&pcb, &duplicate);
	CU_ASSERT_EQUAL(pcb.cwnd, 9000);
	hz_tcp_reno_step(&pcb, &partial);
	CU_ASSERT_EQUAL(pcb.cwnd, 8000);
	partial.acked = 500000; /* more than the window */
	hz_tcp_reno_step(&pcb, &partial);
	CU_ASSERT_EQUAL(pcb.cwnd, 2000);
	pcb.snd_max = pcb.snd_una + 50000;
	hz_tcp_reno_leave(&pcb);
	CU_ASSERT_EQUAL(pcb.cwnd, 5000);
	pcb.snd_max = pcb.snd_una;
	hz_tcp_reno_leave(&pcb);
	CU_ASSERT_EQUAL(pcb.cwnd, 2000);
}

HZ_SUITE(cc, CASE(cc_initial_window_follows_rfc6928),
         CASE(cc_idle_restarts_at_initial_window_at_most), CASE(newreno_grows_only_a_window_in_use),
         CASE(newreno_slow_start_ends_at_ssthresh),
         CASE(newreno_halves_on_loss_and_never_below_two),
         CASE(reno_window_inflates_deflates_and_ends_small));
