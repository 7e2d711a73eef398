#include "host_rig.h"
#include "hz_test.h"
#include "net/sw_csum.h"
#include <rte_mempool.h>
#include <string.h>

const uint8_t rig_our_mac[6] = { 2, 0, 0, 0, 0, 2 }, rig_peer_mac[6] = { 2, 0, 0, 0, 0, 1 };
const struct hz_addr rig_our4 = { { [10] = 0xff, 0xff, 10, 7, 0, 2 } };
const struct hz_addr rig_our6 = { { 0xfd, 7, [15] = 2 } };
const struct hz_addr rig_peer4 = { { [10] = 0xff, 0xff, 10, 7, 0, 1 } };
const struct hz_addr rig_peer6 = { { 0xfd, 7, [15] = 1 } };

void host_rig_open(struct host_rig *rig)
{
	struct hz_host_conf conf = { .addr_count = 2,
		                     .addr = { { rig_our4, 24 }, { rig_our6, 64 } },
		                     .gateway4 = { { [10] = 0xff, 0xff, 10, 7, 0, 254 } } };

	memset(rig, 0, sizeof(*rig));
	memcpy(conf.mac, rig_our_mac, sizeof(conf.mac));
	CU_ASSERT_EQUAL_FATAL(fake_port_open(&rig->fake, 256), 0);
	CU_ASSERT_EQUAL_FATAL(hz_host_open(&conf, &rig->host), 0);
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	rig->host->env = &rig->env;
	rig->fake.port.host = rig->host;
	memcpy(rig->fake.port.mac, rig_our_mac, 6);
}

void host_rig_close(struct host_rig *rig)
{
	hz_host_close(rig->host);
	CU_ASSERT_EQUAL(fake_port_close(&rig->fake), 0);
}

enum hz_net_verdict host_rig_in(struct host_rig *rig, const struct rig_frame *frame)
{
	static const struct hz_net net = { { 1, 2 } };

	return hz_net_in(&net, &rig->fake.port,
	                 fake_port_frame(&rig->fake, frame->bytes, frame->count), &rig->packet);
}

/* All counters but the one are as before. */
static void expect_counted(const struct host_rig *rig, const struct hz_worker *before,
                           enum hz_counter counter)
{
	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++)
		CU_ASSERT_EQUAL(rig->fake.worker.counters[i],
		                before->counters[i] + (i == (unsigned)counter));
}

void host_rig_expect_drop(struct host_rig *rig, const struct rig_frame *frame,
                          enum hz_counter reason)
{
	struct hz_worker before = rig->fake.worker;

	CU_ASSERT_EQUAL(host_rig_in(rig, frame), HZ_NET_DONE);
	expect_counted(rig, &before, reason);
	CU_ASSERT_EQUAL(rig->fake.worker.dropped, before.dropped + 1);
	CU_ASSERT_EQUAL(rig->fake.count, 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(rig->fake.port.pool), 0);
}

size_t host_rig_expect_answer(struct host_rig *rig, const struct rig_frame *frame,
                              enum hz_counter counter, uint8_t answer[RIG_FRAME])
{
	struct hz_worker before = rig->fake.worker;

	memset(answer, 0xee, RIG_FRAME);
	CU_ASSERT_EQUAL(host_rig_in(rig, frame), HZ_NET_DONE);
	expect_counted(rig, &before, counter);
	CU_ASSERT_EQUAL(rig->fake.worker.dropped, before.dropped);
	CU_ASSERT_EQUAL(rig->fake.count, 1);
	return fake_port_take(&rig->fake, answer, RIG_FRAME);
}

static void put(struct rig_frame *frame, const void *bytes, size_t count)
{
	memcpy(frame->bytes + frame->count, bytes, count);
	frame->count += count;
}

struct rig_frame rig_arp(uint8_t operation)
{
	const uint8_t body[] = { 0, 1, 8, 0, 6, 4, 0, operation };
	struct rig_frame frame = { .count = 0 };

	if (operation == 1)
		put(&frame, "\xff\xff\xff\xff\xff\xff", 6);
	else
		put(&frame, rig_our_mac, 6);
	put(&frame, rig_peer_mac, 6);
	put(&frame, "\x08\x06", 2);
	put(&frame, body, sizeof(body));
	put(&frame, rig_peer_mac, 6);
	put(&frame, rig_peer4.byte + 12, 4);
	put(&frame, operation == 1 ? (const uint8_t[6]){ 0 } : rig_our_mac, 6);
	put(&frame, rig_our4.byte + 12, 4);
	put(&frame, "some junk as padding", 18);
	return frame;
}

void rig_sum(struct rig_frame *frame)
{
	uint8_t *ip = frame->bytes + 14, *icmp = frame->bytes + frame->l4;
	bool is_v6 = frame->bytes[12] == 0x86;
	size_t bytes = frame->count - frame->l4;
	uint64_t sum = 0;
	uint16_t csum;

	if (is_v6) {
		sum = hz_csum_add(__builtin_bswap16(58), ip + 8, 32);
		sum += __builtin_bswap16((uint16_t)bytes);
	} else {
		memset(ip + 10, 0, 2);
		csum = hz_csum_finish(hz_csum_add(0, ip, 20));
		memcpy(ip + 10, &csum, 2);
	}
	memset(icmp + 2, 0, 2);
	csum = hz_csum_finish(hz_csum_add(sum, icmp, bytes));
	memcpy(icmp + 2, &csum, 2);
}

struct rig_frame rig_icmp4(const uint8_t *icmp, size_t bytes)
{
	const uint16_t total = (uint16_t)(20 + bytes);
	const uint8_t ip[12] = { 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0x40, 0,
		                 64,   1 };
	struct rig_frame frame = { .l4 = 34 };

	put(&frame, rig_our_mac, 6);
	put(&frame, rig_peer_mac, 6);
	put(&frame, "\x08\x00", 2);
	put(&frame, ip, sizeof(ip));
	put(&frame, rig_peer4.byte + 12, 4);
	put(&frame, rig_our4.byte + 12, 4);
	put(&frame, icmp, bytes);
	rig_sum(&frame);
	return frame;
}

struct rig_frame rig_icmp6(const uint8_t *icmp, size_t bytes)
{
	const uint8_t ip[8] = { 0x60, 0, 0, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes, 58, 255 };
	struct rig_frame frame = { .l4 = 54 };

	put(&frame, rig_our_mac, 6);
	put(&frame, rig_peer_mac, 6);
	put(&frame, "\x86\xdd", 2);
	put(&frame, ip, sizeof(ip));
	put(&frame, &rig_peer6, 16);
	put(&frame, &rig_our6, 16);
	put(&frame, icmp, bytes);
	rig_sum(&frame);
	return frame;
}

struct rig_frame rig_solicitation(void)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 2 };
	uint8_t icmp[32] = { 135 };
	struct rig_frame frame;

	memcpy(icmp + 8, &rig_our6, 16);
	icmp[24] = 1;
	icmp[25] = 1;
	memcpy(icmp + 26, rig_peer_mac, 6);
	frame = rig_icmp6(icmp, sizeof(icmp));
	memcpy(frame.bytes, group_mac, 6);
	memcpy(frame.bytes + 38, group, 16);
	rig_sum(&frame);
	return frame;
}
