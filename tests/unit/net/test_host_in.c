/* What a port with a host answers, and to whom it says nothing. */
#include "host_rig.h"
#include "hz_test.h"
#include "net/sw_csum.h"
#include <string.h>

static struct host_rig rig;

/* One byte of a frame changed; IP and ICMP checksums are right again. */
struct row {
	uint8_t at, value;
	enum hz_counter reason;
};

static void rows_are_dropped(const struct rig_frame *good, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rig_frame frame = *good;

		frame.bytes[rows[i].at] = rows[i].value;
		if (frame.l4 != 0)
			rig_sum(&frame);
		host_rig_expect_drop(&rig, &frame, rows[i].reason);
	}
}

static void arp_request_is_answered_byte_exact(void)
{
	static const uint8_t want[42] = { 2,  0, 0, 0, 0, 1, 2, 0, 0, 0, 0,  2, 8, 6,
		                          0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 2,
		                          10, 7, 0, 2, 2, 0, 0, 0, 0, 1, 10, 7, 0, 1 };
	struct rig_frame frame = rig_arp(1);
	uint8_t answer[RIG_FRAME];

	host_rig_open(&rig);
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                42);
	CU_ASSERT_EQUAL(memcmp(answer, want, sizeof(want)), 0);
	memcpy(frame.bytes, rig_our_mac, 6); /* asked alone, as a refresh is */
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                42);
	memset(frame.bytes + 28, 0, 4); /* a probe, RFC 5227 2.1.1 */
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                42);
	host_rig_close(&rig);
}

static void arp_that_lies_is_dropped_by_reason(void)
{
	static const struct row rows[] = {
		{ 15, 6, HZ_COUNTER_drop_arp },      /* hardware */
		{ 17, 1, HZ_COUNTER_drop_arp },      /* protocol */
		{ 18, 8, HZ_COUNTER_drop_arp },      /* its lengths */
		{ 19, 16, HZ_COUNTER_drop_arp },     /* */
		{ 21, 3, HZ_COUNTER_drop_arp },      /* operation */
		{ 22, 4, HZ_COUNTER_drop_arp },      /* says another MAC than it sends from */
		{ 27, 9, HZ_COUNTER_drop_arp },      /* */
		{ 29, 8, HZ_COUNTER_drop_arp },      /* of another network */
		{ 31, 2, HZ_COUNTER_drop_arp },      /* our own address */
		{ 41, 3, HZ_COUNTER_drop_not_ours }, /* about somebody else */
		{ 6, 3, HZ_COUNTER_drop_source },    /* from a group */
	};
	struct rig_frame frame = rig_arp(1);

	host_rig_open(&rig);
	rows_are_dropped(&frame, rows, sizeof(rows) / sizeof(rows[0]));
	for (frame.count = 41; frame.count >= 14; frame.count--)
		host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_short);
	frame = rig_arp(1);
	memcpy(frame.bytes, "\x02\x00\x00\x00\x00\x03", 6); /* to another station */
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_not_ours);
	frame = rig_arp(2);
	memset(frame.bytes + 28, 0, 4); /* nobody has no MAC to tell */
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_arp);
	host_rig_close(&rig);
}

static void answers_keep_the_tags_of_the_question(void)
{
	struct rig_frame frame = rig_arp(1);
	uint8_t answer[RIG_FRAME];

	host_rig_open(&rig);
	memmove(frame.bytes + 16, frame.bytes + 12, frame.count - 12);
	memcpy(frame.bytes + 12, "\x81\x00\x00\x65", 4);
	frame.count += 4;
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                46);
	CU_ASSERT_EQUAL(memcmp(answer + 12, "\x81\x00\x00\x65\x08\x06", 6), 0);
	host_rig_close(&rig);
}

static void answers_beyond_the_rate_are_dropped(void)
{
	struct rig_frame frame = rig_arp(1);
	uint8_t answer[RIG_FRAME];
	unsigned answered = 0;

	host_rig_open(&rig);
	for (unsigned i = 0; i < 1000; i++) {
		host_rig_in(&rig, &frame);
		answered += fake_port_take(&rig.fake, answer, sizeof(answer)) != 0;
	}
	CU_ASSERT_EQUAL(answered, HZ_RATE_BURST);
	CU_ASSERT_EQUAL(rig.fake.worker.counters[HZ_COUNTER_drop_answer_rate],
	                1000 - HZ_RATE_BURST);
	rig.env.now_ns += HZ_NS_PER_S / HZ_LIMIT_neighbour_answers_per_s;
	host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer);
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_answer_rate);
	host_rig_close(&rig);
}

static void solicitation_is_answered_byte_exact(void)
{
	struct rig_frame frame = rig_solicitation();
	uint8_t answer[RIG_FRAME], want[86] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd };
	uint16_t csum;

	memcpy(want + 14, "\x60\0\0\0\0\x20\x3a\xff", 8);
	memcpy(want + 22, &rig_our6, 16);
	memcpy(want + 38, &rig_peer6, 16);
	memcpy(want + 54, "\x88\0\0\0\x60\0\0\0", 8); /* solicited, override */
	memcpy(want + 62, &rig_our6, 16);
	memcpy(want + 78, "\x02\x01\x02\0\0\0\0\x02", 8);
	csum = hz_csum_finish(
		hz_csum_add(hz_csum_pseudo(&rig_our6, &rig_peer6, 1, 58) + __builtin_bswap16(32),
	                    want + 54, 32));
	memcpy(want + 56, &csum, 2);
	host_rig_open(&rig);
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                86);
	CU_ASSERT_EQUAL(memcmp(answer, want, sizeof(want)), 0);
	host_rig_close(&rig);
}

static void probe_for_our_v6_address_is_answered_to_all(void)
{
	struct rig_frame frame = rig_solicitation();
	uint8_t answer[RIG_FRAME];

	host_rig_open(&rig);
	memset(frame.bytes + 22, 0, 16); /* from nobody, without an option */
	frame.count -= 8;
	frame.bytes[19] = 24;
	rig_sum(&frame);
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                86);
	CU_ASSERT_EQUAL(memcmp(answer, "\x33\x33\0\0\0\x01", 6), 0);
	CU_ASSERT_EQUAL(memcmp(answer + 38, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16), 0);
	CU_ASSERT_EQUAL(answer[58], 0x20); /* not solicited */
	frame = rig_solicitation();        /* from nobody, but with an address */
	memset(frame.bytes + 22, 0, 16);
	rig_sum(&frame);
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_nd);
	host_rig_close(&rig);
}

static void solicitation_that_lies_is_dropped_by_reason(void)
{
	static const struct row rows[] = {
		{ 21, 254, HZ_COUNTER_drop_nd },      /* came through a router */
		{ 21, 0, HZ_COUNTER_drop_nd },        /* */
		{ 55, 1, HZ_COUNTER_drop_nd },        /* code */
		{ 54, 133, HZ_COUNTER_drop_nd },      /* router solicitation */
		{ 54, 134, HZ_COUNTER_drop_nd },      /* router advertisement */
		{ 54, 137, HZ_COUNTER_drop_nd },      /* redirect */
		{ 54, 136, HZ_COUNTER_drop_nd },      /* advertisement to a group */
		{ 79, 0, HZ_COUNTER_drop_nd },        /* option without a length */
		{ 79, 2, HZ_COUNTER_drop_nd },        /* option longer than what is there */
		{ 80, 6, HZ_COUNTER_drop_nd },        /* another MAC than it sends from */
		{ 77, 3, HZ_COUNTER_drop_not_ours },  /* about somebody else */
		{ 53, 3, HZ_COUNTER_drop_not_ours },  /* to another group */
		{ 23, 8, HZ_COUNTER_drop_nd },        /* of another network */
		{ 37, 2, HZ_COUNTER_drop_source },    /* our own address */
		{ 22, 0xff, HZ_COUNTER_drop_source }, /* from a group */
		{ 0, 2, HZ_COUNTER_drop_not_ours },   /* to another station */
	};
	struct rig_frame frame = rig_solicitation();

	host_rig_open(&rig);
	rows_are_dropped(&frame, rows, sizeof(rows) / sizeof(rows[0]));
	memcpy(frame.bytes, rig_our_mac, 6); /* group by IP, not by MAC */
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_not_ours);
	frame = rig_solicitation();
	frame.bytes[56] ^= 1;
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
	for (frame = rig_solicitation(); frame.count > 54 + 9; frame.count--) {
		frame.bytes[19] = (uint8_t)(frame.count - 1 - 54);
		frame.count--;
		rig_sum(&frame);
		frame.count++;
		/* With 24 bytes it is whole again, without the option. */
		if (frame.bytes[19] != 24)
			host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_nd);
	}
	host_rig_close(&rig);
}

static void solicitation_of_a_link_local_neighbour_is_answered(void)
{
	struct rig_frame frame = rig_solicitation();
	uint8_t answer[RIG_FRAME];

	host_rig_open(&rig);
	memcpy(frame.bytes + 22, "\xfe\x80", 2);
	rig_sum(&frame);
	CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame, HZ_COUNTER_neighbour_answered, answer),
	                86);
	host_rig_close(&rig);
}

static void ping_is_answered_with_its_bytes_and_no_more(void)
{
	uint8_t icmp[1480], answer[RIG_FRAME];

	host_rig_open(&rig);
	for (size_t i = 0; i < sizeof(icmp); i++)
		icmp[i] = (uint8_t)(i * 5 + 1);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (size_t bytes = 8; bytes <= (is_v6 ? 1460u : 1480u); bytes += 23) {
			size_t l4 = is_v6 ? 54 : 34;
			struct rig_frame frame;
			uint64_t sum = 0;

			icmp[0] = is_v6 ? 128 : 8;
			icmp[1] = 0;
			frame = is_v6 ? rig_icmp6(icmp, bytes) : rig_icmp4(icmp, bytes);
			frame.count += 9; /* junk behind the packet */
			rig.env.now_ns += HZ_NS_PER_S;
			CU_ASSERT_EQUAL(host_rig_expect_answer(&rig, &frame,
			                                       HZ_COUNTER_echo_answered, answer),
			                l4 + bytes);
			CU_ASSERT_EQUAL(answer[l4], is_v6 ? 129 : 0);
			CU_ASSERT_EQUAL(memcmp(answer + l4 + 4, icmp + 4, bytes - 4), 0);
			if (is_v6)
				sum = hz_csum_pseudo(&rig_our6, &rig_peer6, 1, 58) +
				      __builtin_bswap16((uint16_t)bytes);
			else
				CU_ASSERT_EQUAL(hz_csum_finish(hz_csum_add(0, answer + 14, 20)), 0);
			CU_ASSERT_EQUAL(hz_csum_finish(hz_csum_add(sum, answer + l4, bytes)), 0);
		}
	}
	host_rig_close(&rig);
}

static void ping_that_is_none_is_dropped_by_reason(void)
{
	static const struct row rows4[] = {
		{ 34, 0, HZ_COUNTER_drop_icmp },        /* an answer */
		{ 34, 13, HZ_COUNTER_drop_icmp },       /* timestamp */
		{ 34, 5, HZ_COUNTER_drop_icmp },        /* redirect */
		{ 34, 4, HZ_COUNTER_drop_icmp },        /* source quench */
		{ 35, 1, HZ_COUNTER_drop_icmp },        /* code */
		{ 29, 2, HZ_COUNTER_drop_source },      /* from our own address */
		{ 26, 224, HZ_COUNTER_drop_source },    /* from a group */
		{ 26, 127, HZ_COUNTER_drop_source },    /* loopback */
		{ 29, 255, HZ_COUNTER_drop_source },    /* from our network's broadcast */
		{ 33, 255, HZ_COUNTER_drop_not_ours },  /* to it */
		{ 33, 3, HZ_COUNTER_drop_not_ours },    /* to somebody else */
		{ 30, 224, HZ_COUNTER_drop_not_ours },  /* to a group */
		{ 0, 3, HZ_COUNTER_drop_not_ours },     /* by a group's MAC */
		{ 23, 17, HZ_COUNTER_drop_l4 },         /* UDP */
		{ 20, 0x20, HZ_COUNTER_drop_fragment }, /* a first fragment */
	};
	static const struct row rows6[] = {
		{ 54, 129, HZ_COUNTER_drop_icmp },      { 54, 138, HZ_COUNTER_drop_icmp },
		{ 55, 1, HZ_COUNTER_drop_icmp },        { 37, 2, HZ_COUNTER_drop_source },
		{ 22, 0xff, HZ_COUNTER_drop_source },   { 53, 3, HZ_COUNTER_drop_not_ours },
		{ 38, 0xff, HZ_COUNTER_drop_not_ours }, { 0, 0x33, HZ_COUNTER_drop_not_ours },
		{ 20, 0, HZ_COUNTER_drop_options },     { 20, 44, HZ_COUNTER_drop_fragment },
		{ 20, 60, HZ_COUNTER_drop_options },    { 20, 43, HZ_COUNTER_drop_options },
		{ 20, 17, HZ_COUNTER_drop_l4 },         { 20, 59, HZ_COUNTER_drop_l4 },
	};
	uint8_t icmp[16] = { 8 };
	struct rig_frame frame = rig_icmp4(icmp, sizeof(icmp));

	host_rig_open(&rig);
	rows_are_dropped(&frame, rows4, sizeof(rows4) / sizeof(rows4[0]));
	frame.bytes[36] ^= 1;
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
	for (size_t bytes = 0; bytes < 8; bytes++) {
		frame = rig_icmp4(icmp, bytes < 4 ? 4 : bytes);
		frame.bytes[17] = (uint8_t)(20 + bytes);
		frame.count = 34 + (bytes < 4 ? 4 : bytes);
		rig_sum(&frame);
		host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_short);
	}
	icmp[0] = 128;
	frame = rig_icmp6(icmp, sizeof(icmp));
	rows_are_dropped(&frame, rows6, sizeof(rows6) / sizeof(rows6[0]));
	frame.bytes[19] = 7;
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_short);
	host_rig_close(&rig);
}

static void ping_without_a_buffer_is_not_answered(void)
{
	uint8_t icmp[16] = { 8 };
	struct rig_frame frame = rig_icmp4(icmp, sizeof(icmp));

	host_rig_open(&rig);
	rig.fake.allocs_left = 0;
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_no_mbuf);
	host_rig_close(&rig);
}

static void random_frames_are_answered_within_bounds(void)
{
	struct hz_rng rng;

	host_rig_open(&rig);
	hz_rng_seed(&rng, 5);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t icmp[64] = { i % 8 < 4 ? 8 : 128 }, answer[RIG_FRAME];
		struct rig_frame frame = i % 4 == 0   ? rig_arp(1 + i / 4 % 2)
		                         : i % 4 == 1 ? rig_solicitation()
		                         : i % 8 < 4  ? rig_icmp4(icmp, sizeof(icmp))
		                                      : rig_icmp6(icmp, sizeof(icmp));
		size_t bytes;

		for (unsigned flips = (unsigned)hz_rng_below(&rng, 4); flips > 0; flips--)
			frame.bytes[hz_rng_below(&rng, frame.count)] = (uint8_t)hz_rng_next(&rng);
		if (frame.l4 != 0 && i % 3 != 0)
			rig_sum(&frame);
		frame.count = i % 5 == 0 ? 1 + hz_rng_below(&rng, frame.count) : frame.count;
		rig.env.now_ns += HZ_NS_PER_MS;
		if (host_rig_in(&rig, &frame) != HZ_NET_DONE)
			rte_pktmbuf_free(rig.packet.mbuf);
		bytes = fake_port_take(&rig.fake, answer, sizeof(answer));
		CU_ASSERT_FATAL(bytes == 0 || (bytes >= 42 && bytes <= 14 + 40 + 8 + 64));
		CU_ASSERT_FATAL(bytes == 0 || memcmp(answer + 6, rig_our_mac, 6) == 0);
		CU_ASSERT_EQUAL_FATAL(fake_port_take(&rig.fake, answer, sizeof(answer)), 0);
	}
	CU_ASSERT(rig.fake.worker.counters[HZ_COUNTER_neighbour_answered] > 1000);
	CU_ASSERT(rig.fake.worker.counters[HZ_COUNTER_echo_answered] > 1000);
	host_rig_close(&rig);
}

HZ_SUITE(host_in, CASE(arp_request_is_answered_byte_exact),
         CASE(arp_that_lies_is_dropped_by_reason), CASE(answers_keep_the_tags_of_the_question),
         CASE(answers_beyond_the_rate_are_dropped), CASE(solicitation_is_answered_byte_exact),
         CASE(probe_for_our_v6_address_is_answered_to_all),
         CASE(solicitation_that_lies_is_dropped_by_reason),
         CASE(solicitation_of_a_link_local_neighbour_is_answered),
         CASE(ping_is_answered_with_its_bytes_and_no_more),
         CASE(ping_that_is_none_is_dropped_by_reason), CASE(ping_without_a_buffer_is_not_answered),
         CASE(random_frames_are_answered_within_bounds));
