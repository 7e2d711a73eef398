/* The table of neighbours: asked, answered, lied to, forgotten. */
#include "host_rig.h"
#include "hz_test.h"
#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include <errno.h>
#include <string.h>

static struct host_rig rig;
static const struct hz_addr far4 = { { [10] = 0xff, 0xff, 192, 0, 2, 1 } };
static const struct hz_addr far6 = { { 0x20, 1, [15] = 1 } };

/* The question just sent; *to_mac is the destination. */
static size_t question(uint8_t frame[RIG_FRAME])
{
	size_t bytes = fake_port_take(&rig.fake, frame, RIG_FRAME);

	CU_ASSERT_EQUAL(rig.fake.count, 0);
	return bytes;
}

static struct rig_frame advertisement(void)
{
	uint8_t icmp[32] = { 136, [4] = 0x60 };

	memcpy(icmp + 8, &rig_peer6, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, rig_peer_mac, 6);
	return rig_icmp6(icmp, sizeof(icmp));
}

static void neighbour_v4_is_asked_then_known(void)
{
	static const uint8_t want[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
		                          2,    8,    6,    0,    1,    8,    0,  6, 4, 0, 1,
		                          2,    0,    0,    0,    0,    2,    10, 7, 0, 2, 0,
		                          0,    0,    0,    0,    0,    10,   7,  0, 1 };
	struct rig_frame reply = rig_arp(2);
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), -EAGAIN);
	CU_ASSERT_EQUAL(question(frame), 42);
	CU_ASSERT_EQUAL(memcmp(frame, want, sizeof(want)), 0);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), -EAGAIN);
	CU_ASSERT_EQUAL(question(frame), 0); /* not again within a second */
	CU_ASSERT_EQUAL(host_rig_in(&rig, &reply), HZ_NET_DONE);
	CU_ASSERT_EQUAL(rig.fake.worker.counters[HZ_COUNTER_neighbour_learned], 1);
	CU_ASSERT_EQUAL_FATAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), 0);
	CU_ASSERT_EQUAL(way.l2_bytes, 14);
	CU_ASSERT_EQUAL(memcmp(way.l2, rig_peer_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(way.l2 + 6, rig_our_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(way.l2 + 12, "\x08\x00", 2), 0);
	CU_ASSERT_EQUAL(memcmp(&way.local, &rig_our4, sizeof(rig_our4)), 0);
	host_rig_close(&rig);
}

static void neighbour_v6_is_asked_then_known(void)
{
	struct rig_frame answer = advertisement();
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];
	struct hz_addr group;

	host_rig_open(&rig);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer6, &way), -EAGAIN);
	CU_ASSERT_EQUAL(question(frame), 86);
	CU_ASSERT_EQUAL(memcmp(frame, "\x33\x33\xff\0\0\x01\x02\0\0\0\0\x02\x86\xdd", 14), 0);
	CU_ASSERT_EQUAL(memcmp(frame + 38, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x01", 16), 0);
	memcpy(&group, frame + 38, 16);
	CU_ASSERT_EQUAL(hz_csum_finish(hz_csum_add(hz_csum_pseudo(&rig_our6, &group, 1, 58) +
	                                                   __builtin_bswap16(32),
	                                           frame + 54, 32)),
	                0);
	CU_ASSERT_EQUAL(frame[21], 255);
	CU_ASSERT_EQUAL(memcmp(frame + 62, &rig_peer6, 16), 0);
	CU_ASSERT_EQUAL(memcmp(frame + 78, "\x01\x01\x02\0\0\0\0\x02", 8), 0);
	CU_ASSERT_EQUAL(host_rig_in(&rig, &answer), HZ_NET_DONE);
	CU_ASSERT_EQUAL_FATAL(hz_neigh_lookup(&rig.fake.port, &rig_peer6, &way), 0);
	CU_ASSERT_EQUAL(memcmp(way.l2, rig_peer_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(way.l2 + 12, "\x86\xdd", 2), 0);
	CU_ASSERT_EQUAL(memcmp(&way.local, &rig_our6, sizeof(rig_our6)), 0);
	host_rig_close(&rig);
}

static void answers_nobody_asked_for_teach_nothing(void)
{
	struct rig_frame reply = rig_arp(2), request = rig_arp(1), answer = advertisement();
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp);
	host_rig_expect_drop(&rig, &answer, HZ_COUNTER_drop_nd);
	host_rig_expect_answer(&rig, &request, HZ_COUNTER_neighbour_answered, frame);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), -EAGAIN);
	question(frame);
	reply.bytes[31] = 9; /* another's address */
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp);
	reply = rig_arp(2);
	reply.bytes[32] = 4; /* not told to us */
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp);
	reply = rig_arp(2);
	memset(reply.bytes, 0xff, 6); /* told to everybody */
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp);
	rig.env.now_ns += HZ_NS_PER_S + 1; /* too late */
	reply = rig_arp(2);
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), -EAGAIN);
	question(frame);
	host_rig_close(&rig);
}

static void advertisements_that_lie_teach_nothing(void)
{
	static const struct {
		uint8_t at, value;
	} rows[] = { { 58, 0x20 }, { 21, 64 }, { 55, 1 }, { 79, 0 }, { 80, 8 }, { 77, 3 } };
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer6, &way), -EAGAIN);
	question(frame);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig_frame answer = advertisement();

		answer.bytes[rows[i].at] = rows[i].value;
		rig_sum(&answer);
		host_rig_expect_drop(&rig, &answer, HZ_COUNTER_drop_nd);
	}
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer6, &way), -EAGAIN);
	host_rig_close(&rig);
}

/* The first answer counts; who comes after it, or answers for somebody known, changes nothing. */
static void second_answer_does_not_replace_the_first(void)
{
	struct rig_frame reply = rig_arp(2), forged = rig_arp(2);
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	memcpy(forged.bytes + 6, "\x02\0\0\0\0\x66", 6);
	memcpy(forged.bytes + 22, "\x02\0\0\0\0\x66", 6);
	hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way);
	question(frame);
	host_rig_in(&rig, &reply);
	host_rig_expect_drop(&rig, &forged, HZ_COUNTER_drop_arp);
	host_rig_expect_drop(&rig, &reply, HZ_COUNTER_drop_arp); /* repeated: nothing new */
	rig.env.now_ns += 31 * HZ_NS_PER_S; /* asked again, alone, and in use all the while */
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), 0);
	CU_ASSERT_EQUAL(question(frame), 42);
	CU_ASSERT_EQUAL(memcmp(frame, rig_peer_mac, 6), 0);
	host_rig_expect_drop(&rig, &forged, HZ_COUNTER_drop_arp);
	host_rig_in(&rig, &reply);
	CU_ASSERT_EQUAL(rig.fake.worker.counters[HZ_COUNTER_neighbour_learned], 2);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), 0);
	CU_ASSERT_EQUAL(question(frame), 0);
	CU_ASSERT_EQUAL(memcmp(way.l2, rig_peer_mac, 6), 0);
	host_rig_close(&rig);
}

static void silent_neighbour_is_unreachable_then_asked_again(void)
{
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];
	unsigned questions = 0, refused = 0;

	host_rig_open(&rig);
	for (unsigned tenth = 0; tenth < 100; tenth++) {
		int err = hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way);

		CU_ASSERT(err == -EAGAIN || err == -EHOSTUNREACH);
		refused += err == -EHOSTUNREACH;
		questions += question(frame) != 0;
		rig.env.now_ns += HZ_NS_PER_S / 10;
	}
	CU_ASSERT_EQUAL(questions, 6); /* at 0, 1, 2 and 5, 6, 7 s */
	CU_ASSERT_EQUAL(refused, 20 + 20);
	host_rig_close(&rig);
}

/* The machine was replaced: after questions to the old MAC, everybody is asked and the new one counts. */
static void moved_neighbour_is_found_again(void)
{
	struct rig_frame reply = rig_arp(2);
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way);
	question(frame);
	host_rig_in(&rig, &reply);
	rig.env.now_ns += 31 * HZ_NS_PER_S;
	for (unsigned i = 0; i < HZ_LIMIT_neighbour_tries_max; i++) {
		CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), 0);
		CU_ASSERT_EQUAL(question(frame), 42);
		rig.env.now_ns += HZ_NS_PER_S;
	}
	CU_ASSERT_EQUAL(frame[0], 0xff);
	rig.env.now_ns -= HZ_NS_PER_S / 2;
	memcpy(reply.bytes + 6, "\x02\0\0\0\0\x07", 6);
	memcpy(reply.bytes + 22, "\x02\0\0\0\0\x07", 6);
	host_rig_in(&rig, &reply);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_peer4, &way), 0);
	CU_ASSERT_EQUAL(way.l2[5], 7);
	host_rig_close(&rig);
}

static void far_address_goes_through_the_gateway_of_its_family(void)
{
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &far4, &way), -EAGAIN);
	CU_ASSERT_EQUAL(question(frame), 42);
	CU_ASSERT_EQUAL(memcmp(frame + 38, "\x0a\x07\x00\xfe", 4), 0);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &far6, &way), -EHOSTUNREACH);
	CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &rig_our4, &way), -EINVAL);
	host_rig_close(&rig);
}

/* More than the table holds: each is asked, none of the others' entries is shown in its place. */
static void full_table_gives_up_the_oldest(void)
{
	struct hz_neigh_way way;
	uint8_t frame[RIG_FRAME];

	host_rig_open(&rig);
	rig.host->conf.addr[0].prefix_bits = 8;
	for (unsigned i = 0; i < 4 * HZ_LIMIT_neighbours_max; i++) {
		struct hz_addr addr = rig_peer4;

		addr.byte[14] = (uint8_t)(1 + i / 250);
		addr.byte[15] = (uint8_t)(1 + i % 250);
		rig.env.now_ns++;
		CU_ASSERT_EQUAL(hz_neigh_lookup(&rig.fake.port, &addr, &way), -EAGAIN);
		CU_ASSERT_EQUAL(question(frame), 42);
		CU_ASSERT_EQUAL(memcmp(frame + 38, addr.byte + 12, 4), 0);
	}
	host_rig_close(&rig);
}

HZ_SUITE(neigh, CASE(neighbour_v4_is_asked_then_known), CASE(neighbour_v6_is_asked_then_known),
         CASE(answers_nobody_asked_for_teach_nothing), CASE(advertisements_that_lie_teach_nothing),
         CASE(second_answer_does_not_replace_the_first),
         CASE(silent_neighbour_is_unreachable_then_asked_again),
         CASE(moved_neighbour_is_found_again),
         CASE(far_address_goes_through_the_gateway_of_its_family),
         CASE(full_table_gives_up_the_oldest));
