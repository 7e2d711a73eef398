#include "hz_test.h"

#include "core/rng.h"
#include "fake_port.h"
#include "net/packet.h"
#include "net/sw_csum.h"
#include <rte_mempool.h>
#include <string.h>

static const struct hz_net net = { { 1, 2 } };

/* A frame being built; at points where its layers begin. */
struct frame {
	uint8_t bytes[256];
	size_t count, l3, l4;
	bool is_v6;
};

static void put(struct frame *frame, const void *bytes, size_t count)
{
	memcpy(frame->bytes + frame->count, bytes, count);
	frame->count += count;
}

static void sum_ip(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;
	uint16_t csum;

	if (frame->is_v6)
		return;
	memset(ip + 10, 0, 2);
	csum = hz_csum_finish(hz_csum_add(0, ip, (ip[0] & 15u) * 4u));
	memcpy(ip + 10, &csum, 2);
}

static void sum_tcp(struct frame *frame, size_t l4_bytes)
{
	uint8_t *ip = frame->bytes + frame->l3, *l4 = frame->bytes + frame->l4;
	size_t addresses = frame->is_v6 ? 8 : 12, count = frame->is_v6 ? 32 : 8;
	uint64_t sum = hz_csum_add(__builtin_bswap16(6), ip + addresses, count);
	uint16_t csum;

	memset(l4 + 16, 0, 2);
	sum += __builtin_bswap16((uint16_t)l4_bytes);
	csum = hz_csum_finish(hz_csum_add(sum, l4, l4_bytes));
	memcpy(l4 + 16, &csum, 2);
}

/* 20 bytes of TCP header, 4 of payload. */
static struct frame frame_of(bool is_v6, unsigned tags)
{
	static const uint8_t v4[20] = { 0x45, 2, 0,  44, 0, 1, 0x40, 0, 64, 6,
		                        0,    0, 10, 7,  0, 1, 10,   7, 0,  2 };
	static const uint8_t v6[40] = {
		0x60, 0x20, 0,    0,        0,    24, 6,    64,   0x20,
		1,    0x0d, 0xb8, [23] = 1, 0x20, 1,  0x0d, 0xb8, [39] = 2
	};
	static const uint8_t tcp[24] = { 0x9c, 0x40, 0, 80, 0, 0, 0, 9, 0,   0,   0,   0,
		                         0x50, 2,    1, 0,  0, 0, 0, 0, 'a', 'b', 'c', 'd' };
	struct frame frame = { .is_v6 = is_v6 };

	put(&frame, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12);
	if (tags >= 2)
		put(&frame, "\x88\xa8\x00\x64", 4);
	if (tags >= 1)
		put(&frame, "\x81\x00\x00\x65", 4);
	for (; tags > 2; tags--)
		put(&frame, "\x81\x00\x00\x66", 4);
	put(&frame, is_v6 ? "\x86\xdd" : "\x08\x00", 2);
	frame.l3 = frame.count;
	if (is_v6)
		put(&frame, v6, sizeof(v6));
	else
		put(&frame, v4, sizeof(v4));
	frame.l4 = frame.count;
	put(&frame, tcp, sizeof(tcp));
	sum_ip(&frame);
	sum_tcp(&frame, sizeof(tcp));
	return frame;
}

static enum hz_net_verdict in(struct fake_port *fake, const struct frame *frame,
                              struct hz_packet *packet)
{
	return hz_net_in(&net, &fake->port, fake_port_frame(fake, frame->bytes, frame->count),
	                 packet);
}

/* The frame must be dropped under this reason only, its buffer freed. */
static void expect_drop(struct fake_port *fake, const struct frame *frame, enum hz_counter reason)
{
	uint64_t before = fake->worker.counters[reason], dropped = fake->worker.dropped;
	struct hz_packet packet;

	CU_ASSERT_EQUAL(in(fake, frame, &packet), HZ_NET_DONE);
	CU_ASSERT_EQUAL(fake->worker.counters[reason], before + 1);
	CU_ASSERT_EQUAL(fake->worker.dropped, dropped + 1);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fake->port.pool), 0);
}

static void opened(struct fake_port *fake)
{
	CU_ASSERT_EQUAL_FATAL(fake_port_open(fake, 64), 0);
}

static struct fake_port port; /* large: not on the stack */

static void frame_with_tags_fills_packet(void)
{
	opened(&port);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct frame frame = frame_of(is_v6, tags);
			struct hz_packet packet;

			CU_ASSERT_EQUAL_FATAL(in(&port, &frame, &packet), HZ_NET_TCP);
			CU_ASSERT_EQUAL(packet.l4_bytes, 24);
			CU_ASSERT_EQUAL(memcmp(packet.l4 + 20, "abcd", 4), 0);
			CU_ASSERT_EQUAL(packet.is_v6, is_v6);
			CU_ASSERT_EQUAL(packet.ecn, 2);
			CU_ASSERT_EQUAL(packet.l2_bytes, 14 + 4 * tags);
			CU_ASSERT_EQUAL(memcmp(packet.l2_reply, frame.bytes + 6, 6), 0);
			CU_ASSERT_EQUAL(memcmp(packet.l2_reply + 6, frame.bytes, 6), 0);
			CU_ASSERT_EQUAL(
				memcmp(packet.l2_reply + 12, frame.bytes + 12, 2 + 4 * tags), 0);
			CU_ASSERT_EQUAL(packet.src.byte[15], 1);
			CU_ASSERT_EQUAL(packet.dst.byte[15], 2);
			CU_ASSERT_EQUAL(packet.src.byte[10], is_v6 ? 0 : 0xff);
			rte_pktmbuf_free(packet.mbuf);
		}
	}
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_with_padding_is_trimmed(void)
{
	struct frame frame = frame_of(false, 0);
	struct hz_packet packet;

	opened(&port);
	put(&frame, "PADDING", 7);
	CU_ASSERT_EQUAL(in(&port, &frame, &packet), HZ_NET_TCP);
	CU_ASSERT_EQUAL(packet.l4_bytes, 24);
	rte_pktmbuf_free(packet.mbuf);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_cut_anywhere_is_drop_short(void)
{
	opened(&port);
	for (unsigned kind = 0; kind < 6; kind++) {
		struct frame frame = frame_of(kind % 2, kind / 2);

		for (frame.count--; frame.count > 0; frame.count--)
			expect_drop(&port, &frame, HZ_COUNTER_drop_short);
	}
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_with_lying_ip_length_is_drop_short(void)
{
	struct frame frame = frame_of(false, 0);

	opened(&port);
	for (uint8_t bytes = 0; bytes < 40; bytes++) { /* less than its headers */
		frame.bytes[frame.l3 + 3] = bytes;
		sum_ip(&frame);
		expect_drop(&port, &frame, HZ_COUNTER_drop_short);
	}
	frame.bytes[frame.l3 + 3] = 45; /* one more than there is */
	sum_ip(&frame);
	expect_drop(&port, &frame, HZ_COUNTER_drop_short);
	frame = frame_of(true, 0);
	frame.bytes[frame.l3 + 5] = 25;
	expect_drop(&port, &frame, HZ_COUNTER_drop_short);
	frame.bytes[frame.l3 + 5] = 19;
	expect_drop(&port, &frame, HZ_COUNTER_drop_short);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

/* One byte of the network header set to a value, checksums right again. */
static void frame_with_bad_ip_field_is_dropped_by_reason(void)
{
	static const struct {
		bool is_v6;
		uint8_t at, value;
		enum hz_counter reason;
	} row[] = {
		{ false, 0, 0x46, HZ_COUNTER_drop_options },
		{ false, 0, 0x4f, HZ_COUNTER_drop_options },
		{ false, 0, 0x44, HZ_COUNTER_drop_short },
		{ false, 0, 0x55, HZ_COUNTER_drop_short },
		{ false, 6, 0x20, HZ_COUNTER_drop_fragment },
		{ false, 7, 0x01, HZ_COUNTER_drop_fragment },
		{ false, 9, 17, HZ_COUNTER_drop_l4 },
		{ false, 9, 1, HZ_COUNTER_drop_l4 },
		{ false, 12, 0, HZ_COUNTER_drop_source },
		{ false, 12, 127, HZ_COUNTER_drop_source },
		{ false, 12, 224, HZ_COUNTER_drop_source },
		{ false, 12, 255, HZ_COUNTER_drop_source },
		{ false, 16, 0, HZ_COUNTER_drop_not_ours },
		{ false, 16, 127, HZ_COUNTER_drop_not_ours },
		{ false, 16, 224, HZ_COUNTER_drop_not_ours },
		{ false, 16, 255, HZ_COUNTER_drop_not_ours },
		{ true, 0, 0x40, HZ_COUNTER_drop_short },
		{ true, 6, 44, HZ_COUNTER_drop_fragment },
		{ true, 6, 0, HZ_COUNTER_drop_options },
		{ true, 6, 43, HZ_COUNTER_drop_options },
		{ true, 6, 60, HZ_COUNTER_drop_options },
		{ true, 6, 51, HZ_COUNTER_drop_options },
		{ true, 6, 58, HZ_COUNTER_drop_l4 },
		{ true, 8, 0xff, HZ_COUNTER_drop_source },
		{ true, 24, 0xff, HZ_COUNTER_drop_not_ours },
	};

	opened(&port);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct frame frame = frame_of(row[i].is_v6, 0);

		frame.bytes[frame.l3 + row[i].at] = row[i].value;
		if (row[i].at != 0)
			sum_ip(&frame);
		expect_drop(&port, &frame, row[i].reason);
	}
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_with_mapped_or_loopback_v6_source_is_dropped(void)
{
	struct frame frame = frame_of(true, 0);
	uint8_t *src = frame.bytes + frame.l3 + 8;

	opened(&port);
	memset(src, 0, 16);
	expect_drop(&port, &frame, HZ_COUNTER_drop_source);
	src[15] = 1;
	expect_drop(&port, &frame, HZ_COUNTER_drop_source);
	memcpy(src, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x07\x00\x01", 16);
	expect_drop(&port, &frame, HZ_COUNTER_drop_source);
	memset(src + 10, 0, 2); /* v4-compatible, RFC 4291 2.5.5.1 */
	expect_drop(&port, &frame, HZ_COUNTER_drop_source);
	memset(src + 16, 0, 15); /* and as a destination; ends with 2 */
	memcpy(src, "\xfd", 1);
	expect_drop(&port, &frame, HZ_COUNTER_drop_not_ours);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_from_itself_or_from_no_station_is_dropped(void)
{
	static const uint8_t none[6];
	struct frame frame;

	opened(&port);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		size_t addresses = is_v6 ? 8 : 12, bytes = is_v6 ? 16 : 4;

		frame = frame_of(is_v6, 0);
		memcpy(frame.bytes + frame.l3 + addresses,
		       frame.bytes + frame.l3 + addresses + bytes, bytes);
		sum_ip(&frame);
		expect_drop(&port, &frame, HZ_COUNTER_drop_source);
		frame = frame_of(is_v6, 0);
		frame.bytes[6] |= 1; /* an answer would go to a group */
		expect_drop(&port, &frame, HZ_COUNTER_drop_source);
		memcpy(frame.bytes + 6, none, 6);
		expect_drop(&port, &frame, HZ_COUNTER_drop_source);
	}
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void frame_of_other_kind_is_dropped_by_reason(void)
{
	struct frame frame = frame_of(false, 3);

	opened(&port);
	expect_drop(&port, &frame, HZ_COUNTER_drop_l4);
	frame = frame_of(false, 0);
	memcpy(frame.bytes + 12, "\x08\x06", 2); /* ARP */
	expect_drop(&port, &frame, HZ_COUNTER_drop_l4);
	frame = frame_of(false, 0);
	frame.bytes[0] = 0xff; /* broadcast */
	expect_drop(&port, &frame, HZ_COUNTER_drop_not_ours);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void checksum_with_any_flipped_bit_is_dropped(void)
{
	struct hz_packet packet;

	opened(&port);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		struct frame frame = frame_of(is_v6, 0);

		for (size_t bit = frame.l4 * 8; bit < frame.count * 8; bit++) {
			frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			expect_drop(&port, &frame, HZ_COUNTER_drop_tcp_checksum);
			frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	struct frame frame = frame_of(false, 0);
	frame.bytes[frame.l3 + 10] ^= 1;
	expect_drop(&port, &frame, HZ_COUNTER_drop_ip_checksum);
	frame = frame_of(false, 0);
	frame.bytes[frame.l4 + 16] ^= 1;
	port.port.verify_checksum =
		false; /* the peer is a local veth that leaves them unfinished */
	CU_ASSERT_EQUAL(in(&port, &frame, &packet), HZ_NET_TCP);
	rte_pktmbuf_free(packet.mbuf);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void flow_hash_depends_on_tuple_and_key_only(void)
{
	struct frame frame = frame_of(false, 0), other = frame_of(false, 2);
	const struct hz_net other_net = { { 1, 3 } };
	struct hz_packet a, b;

	opened(&port);
	in(&port, &frame, &a);
	other.bytes[other.l4 + 20] = 'x';
	sum_tcp(&other, 24);
	in(&port, &other, &b);
	CU_ASSERT_EQUAL(a.flow_hash, b.flow_hash);
	rte_pktmbuf_free(b.mbuf);
	hz_net_in(&other_net, &port.port, fake_port_frame(&port, frame.bytes, frame.count), &b);
	CU_ASSERT_NOT_EQUAL(a.flow_hash, b.flow_hash);
	rte_pktmbuf_free(b.mbuf);
	for (size_t at = 0; at < 12; at++) { /* addresses, then ports */
		other = frame_of(false, 0);
		other.bytes[at < 8 ? other.l3 + 12 + at : other.l4 + at - 8] ^= 4;
		sum_ip(&other);
		sum_tcp(&other, 24);
		CU_ASSERT_EQUAL_FATAL(in(&port, &other, &b), HZ_NET_TCP);
		CU_ASSERT_NOT_EQUAL(a.flow_hash, b.flow_hash);
		rte_pktmbuf_free(b.mbuf);
	}
	rte_pktmbuf_free(a.mbuf);
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

static void random_frames_never_leave_the_buffer(void)
{
	struct hz_rng rng;

	opened(&port);
	hz_rng_seed(&rng, 3);
	for (unsigned i = 0; i < 100000; i++) {
		struct frame frame = frame_of(i % 2, i / 2 % 3);
		struct hz_packet packet;

		for (unsigned flips = 1 + (unsigned)hz_rng_below(&rng, 4); flips > 0; flips--)
			frame.bytes[hz_rng_below(&rng, frame.count)] = (uint8_t)hz_rng_next(&rng);
		frame.count = 1 + hz_rng_below(&rng, frame.count);
		port.port.verify_checksum = i % 4 == 0;
		if (in(&port, &frame, &packet) != HZ_NET_TCP)
			continue;
		CU_ASSERT_FATAL(packet.l4_bytes >= 20 &&
		                packet.l4 + packet.l4_bytes <=
		                        rte_pktmbuf_mtod(packet.mbuf, uint8_t *) + frame.count);
		rte_pktmbuf_free(packet.mbuf);
	}
	CU_ASSERT_EQUAL(fake_port_close(&port), 0);
}

HZ_SUITE(net_in, CASE(frame_with_tags_fills_packet), CASE(frame_with_padding_is_trimmed),
         CASE(frame_cut_anywhere_is_drop_short), CASE(frame_with_lying_ip_length_is_drop_short),
         CASE(frame_with_bad_ip_field_is_dropped_by_reason),
         CASE(frame_with_mapped_or_loopback_v6_source_is_dropped),
         CASE(frame_from_itself_or_from_no_station_is_dropped),
         CASE(frame_of_other_kind_is_dropped_by_reason),
         CASE(checksum_with_any_flipped_bit_is_dropped),
         CASE(flow_hash_depends_on_tuple_and_key_only), CASE(random_frames_never_leave_the_buffer));
