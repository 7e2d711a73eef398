#include "hz_test.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_timer.h"
#include <string.h>

static struct hz_tcp tcp;
static struct hz_env env;
static struct hz_tcp_pcb pcb;
static struct hz_tcp_rec rec;
static struct hz_tcp_path path;

static void opened(void)
{
	memset(&tcp, 0, sizeof(tcp));
	memset(&pcb, 0, sizeof(pcb));
	env.now_ns = 1000;
	tcp.conf.env = &env;
	memset(&rec, 0, sizeof(rec));
	path.tcp = &tcp;
	pcb.path = &path;
	pcb.rec = &rec;
	pcb.snd_mss = 1000;
	hz_tcp_rto_open(&pcb, HZ_TCP_RTO_INITIAL_US);
}

static uint64_t rto_ms(void)
{
	return (hz_tcp_rto_deadline(&pcb) * HZ_TCP_TICK_NS - env.now_ns) / HZ_NS_PER_MS;
}

static void rto_before_any_sample_is_one_second(void)
{
	opened();
	CU_ASSERT_EQUAL(rto_ms(), 1000); /* RFC 6298 2.1 */
}

static void rto_of_first_sample_is_three_times_it(void)
{
	opened();
	hz_tcp_rto_sample(&pcb, 300 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(rto_ms(), 900); /* RFC 6298 2.2: R + 4 * R/2 */
}

static void rto_of_second_sample_follows_rfc6298_2_3(void)
{
	opened();
	hz_tcp_rto_sample(&pcb, 400 * HZ_NS_PER_MS);
	hz_tcp_rto_sample(&pcb, 800 * HZ_NS_PER_MS);
	/* RTTVAR = 3/4 * 200 + 1/4 * |400 - 800| = 250; SRTT = 7/8 * 400 + 1/8 * 800 = 450 */
	CU_ASSERT_EQUAL(pcb.rttvar_us, 250000);
	CU_ASSERT_EQUAL(pcb.srtt_us, 450000);
	CU_ASSERT_EQUAL(rto_ms(), 1450);
}

/* RFC 6298 says not before; in milliseconds that is rounded up. */
static void rto_is_never_rounded_down(void)
{
	opened();
	hz_tcp_rto_sample(&pcb, 100001 * HZ_NS_PER_US);
	CU_ASSERT(pcb.rto_ms * 1000u >= pcb.srtt_us + 4 * pcb.rttvar_us);
	CU_ASSERT_EQUAL(pcb.rto_ms, 301);
}

static void rto_has_floor_and_ceiling(void)
{
	opened();
	for (unsigned i = 0; i < 100; i++)
		hz_tcp_rto_sample(&pcb, i % 7); /* faster than a microsecond */
	CU_ASSERT_EQUAL(rto_ms(), 200);
	CU_ASSERT(pcb.srtt_us >= 1);
	hz_tcp_rto_sample(&pcb, UINT64_MAX / 2);
	CU_ASSERT_EQUAL(rto_ms(), 60000);
	pcb.rto_shift = 10;
	CU_ASSERT_EQUAL(rto_ms(), 60000);
}

static void rto_backoff_doubles_and_sample_ends_it(void)
{
	opened();
	hz_tcp_rto_sample(&pcb, 100 * HZ_NS_PER_MS);
	pcb.rto_shift = 3;
	CU_ASSERT_EQUAL(rto_ms(), 2400);
	hz_tcp_rto_sample(&pcb, 100 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(pcb.rto_shift, 0);
	CU_ASSERT(rto_ms() < 300);
}

HZ_SUITE(tcp_rto, CASE(rto_before_any_sample_is_one_second),
         CASE(rto_of_first_sample_is_three_times_it),
         CASE(rto_of_second_sample_follows_rfc6298_2_3), CASE(rto_has_floor_and_ceiling),
         CASE(rto_is_never_rounded_down), CASE(rto_backoff_doubles_and_sample_ends_it));
