#include "hz_test.h"

#include "tcp/tcp_hold.h"
#include "tcp/tcp_isn.h"
#include <errno.h>
#include <string.h>

static const uint8_t secret[16] = { 1, 2, 3 };

static void isn_of_one_flow_follows_its_clock(void)
{
	struct hz_tcp_key key = { .ports = 5 };
	struct hz_tcp_isn first = hz_tcp_isn_make(secret, &key, 1000000000);
	struct hz_tcp_isn later = hz_tcp_isn_make(secret, &key, 1000000000 + 4096 * 250);

	CU_ASSERT_EQUAL(later.iss - first.iss, 250); /* RFC 6528 3: about 4 us each */
	CU_ASSERT_EQUAL(later.ts_offset, first.ts_offset);
}

/* Each byte of the tuple and of the secret must change the number: RFC 6528 3's F(). */
static void isn_of_other_flow_or_secret_differs(void)
{
	struct hz_tcp_key key;
	struct hz_tcp_isn first;

	memset(&key, 0, sizeof(key));
	first = hz_tcp_isn_make(secret, &key, 0);
	for (size_t i = 0; i < sizeof(key); i++) {
		struct hz_tcp_key other = key;

		((uint8_t *)&other)[i] ^= 1;
		CU_ASSERT_NOT_EQUAL(hz_tcp_isn_make(secret, &other, 0).iss, first.iss);
	}
	for (size_t i = 0; i < sizeof(secret); i++) {
		uint8_t other[16];

		memcpy(other, secret, sizeof(other));
		other[i] ^= 1;
		CU_ASSERT_NOT_EQUAL(hz_tcp_isn_make(other, &key, 0).iss, first.iss);
	}
}

/* Chi-squared of the top byte over ports: 255 degrees of freedom, far tails refused. */
static void isn_over_ports_is_uniform(void)
{
	struct hz_tcp_key key = { .ports = 0 };
	unsigned count[256] = { 0 };
	double chi = 0;

	for (uint32_t i = 0; i < 65536; i++) {
		key.ports = i;
		count[hz_tcp_isn_make(secret, &key, 0).iss >> 24]++;
	}
	for (size_t i = 0; i < 256; i++)
		chi += (count[i] - 256.0) * (count[i] - 256.0) / 256.0;
	CU_ASSERT(chi > 150 && chi < 380);
}

static struct hz_tcp tcp;
static struct hz_worker worker;
static const struct hz_slot slot = { .worker = &worker };

static void hold_grows_joins_and_gives_back(void)
{
	struct hz_tcp_hold hold = { 0 };
	uint8_t data[3000];
	uint32_t put = 0, taken = 0;

	tcp.conf.slot = &slot;
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&tcp.hold_small, HZ_TCP_HOLD_SMALL_BYTES, 1, 0), 0);
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&tcp.hold_large, HZ_TCP_HOLD_LARGE_BYTES, 1, 0), 0);
	for (unsigned round = 0; round < 500; round++) {
		uint32_t n = 1 + round * 7 % (uint32_t)sizeof(data);

		if (hold.bytes + n <= HZ_LIMIT_hold_bytes_max) {
			for (uint32_t i = 0; i < n; i++)
				data[i] = (uint8_t)((put + i) * 31);
			CU_ASSERT_EQUAL_FATAL(hz_tcp_hold_put(&tcp, &hold, data, n), 0);
			put += n;
		}
		CU_ASSERT_EQUAL_FATAL(hz_tcp_hold_bytes(&hold).len, put - taken);
		for (uint32_t i = 0; i < put - taken; i++)
			CU_ASSERT_EQUAL_FATAL(hz_tcp_hold_bytes(&hold).data[i],
			                      (uint8_t)((taken + i) * 31));
		n = round < 200 ? 50 : 4000;
		n = n < hold.bytes ? n : hold.bytes;
		hz_tcp_hold_consume(&tcp, &hold, n);
		taken += n;
	}
	hz_tcp_hold_consume(&tcp, &hold, hold.bytes);
	CU_ASSERT_PTR_NULL(hold.data);
	CU_ASSERT_EQUAL(tcp.hold_small.in_use + tcp.hold_large.in_use, 0);
	hz_pool_close(&tcp.hold_small);
	hz_pool_close(&tcp.hold_large);
}

static void hold_without_block_is_enomem_and_counted(void)
{
	struct hz_tcp_hold a = { 0 }, b = { 0 }, c = { 0 };

	tcp.conf.slot = &slot;
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&tcp.hold_small, HZ_TCP_HOLD_SMALL_BYTES, 1, 0), 0);
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&tcp.hold_large, HZ_TCP_HOLD_LARGE_BYTES, 1, 0), 0);
	CU_ASSERT_EQUAL(hz_tcp_hold_put(&tcp, &a, secret, 1), 0);
	CU_ASSERT_EQUAL(hz_tcp_hold_put(&tcp, &b, secret, 1), 0); /* a large one will do */
	CU_ASSERT_EQUAL(hz_tcp_hold_put(&tcp, &c, secret, 1), -ENOMEM);
	CU_ASSERT_EQUAL(worker.counters[HZ_COUNTER_drop_hold_full], 1);
	hz_tcp_hold_consume(&tcp, &a, 1);
	hz_tcp_hold_consume(&tcp, &b, 1);
	CU_ASSERT_EQUAL(tcp.hold_small.in_use + tcp.hold_large.in_use, 0);
	hz_pool_close(&tcp.hold_small);
	hz_pool_close(&tcp.hold_large);
}

HZ_SUITE(tcp_isn, CASE(isn_of_one_flow_follows_its_clock),
         CASE(isn_of_other_flow_or_secret_differs), CASE(isn_over_ports_is_uniform),
         CASE(hold_grows_joins_and_gives_back), CASE(hold_without_block_is_enomem_and_counted));
