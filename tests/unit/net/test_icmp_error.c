/* ICMP errors: what they quote, and what is believed. */
#include "host_rig.h"
#include "hz_test.h"
#include "net/flow_hash.h"
#include <string.h>

static struct host_rig rig;

/* A segment of ours, 1500 bytes, from port 80 to port 40000, number 0x01020304, as a router quotes it. */
static struct rig_frame error4(uint8_t type, uint8_t code, uint16_t mtu)
{
	uint8_t icmp[36] = { type, code, [6] = (uint8_t)(mtu >> 8), (uint8_t)mtu };

	memcpy(icmp + 8, "\x45\0\x05\xdc\0\0\x40\0\x3f\x06\0\0", 12);
	memcpy(icmp + 20, rig_our4.byte + 12, 4);
	memcpy(icmp + 24, "\xc0\0\x02\x01", 4);
	memcpy(icmp + 28, "\0\x50\x9c\x40\x01\x02\x03\x04", 8);
	return rig_icmp4(icmp, sizeof(icmp));
}

static struct rig_frame error6(uint8_t type, uint8_t code, uint32_t mtu)
{
	uint8_t icmp[56] = { type, code, [5] = (uint8_t)(mtu >> 16), (uint8_t)(mtu >> 8),
		             (uint8_t)mtu };

	memcpy(icmp + 8, "\x60\0\0\0\x05\xb4\x06\x40", 8);
	memcpy(icmp + 16, &rig_our6, 16);
	memcpy(icmp + 32, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	memcpy(icmp + 48, "\0\x50\x9c\x40\x01\x02\x03\x04", 8);
	return rig_icmp6(icmp, sizeof(icmp));
}

static void expect_error(const struct rig_frame *frame, enum hz_path_kind kind, uint16_t mtu)
{
	static const uint8_t ports[4] = { 0x9c, 0x40, 0, 80 };
	const struct hz_net net = { { 1, 2 } };
	const struct hz_path_error *error = &rig.packet.error;
	bool is_v6 = frame->bytes[12] == 0x86;

	CU_ASSERT_EQUAL_FATAL(host_rig_in(&rig, frame), HZ_NET_PATH);
	CU_ASSERT_EQUAL(error->kind, kind);
	CU_ASSERT_EQUAL(error->mtu, mtu);
	CU_ASSERT_EQUAL(error->is_v6, is_v6);
	CU_ASSERT_EQUAL(memcmp(&error->local, is_v6 ? &rig_our6 : &rig_our4, 16), 0);
	CU_ASSERT_EQUAL(error->local_port, 80);
	CU_ASSERT_EQUAL(error->remote_port, 40000);
	CU_ASSERT_EQUAL(error->seq, 0x01020304);
	/* The worker that owns the flow is that of the peer's segments. */
	CU_ASSERT_EQUAL(rig.packet.flow_hash,
	                hz_flow_hash(&net, &error->remote, &error->local, ports, is_v6));
	CU_ASSERT_EQUAL(rig.fake.count, 0);
	rte_pktmbuf_free(rig.packet.mbuf);
}

static void error_of_each_kind_is_handed_on(void)
{
	static const struct {
		bool is_v6;
		uint8_t type, code;
		enum hz_path_kind kind;
	} rows[] = {
		{ false, 3, 0, HZ_PATH_UNREACHABLE },  { false, 3, 1, HZ_PATH_UNREACHABLE },
		{ false, 3, 2, HZ_PATH_REFUSED },      { false, 3, 3, HZ_PATH_REFUSED },
		{ false, 3, 13, HZ_PATH_UNREACHABLE }, { false, 11, 0, HZ_PATH_UNREACHABLE },
		{ false, 12, 0, HZ_PATH_UNREACHABLE }, { true, 1, 0, HZ_PATH_UNREACHABLE },
		{ true, 1, 1, HZ_PATH_REFUSED },       { true, 1, 4, HZ_PATH_REFUSED },
		{ true, 3, 0, HZ_PATH_UNREACHABLE },   { true, 4, 1, HZ_PATH_UNREACHABLE },
	};

	host_rig_open(&rig);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig_frame frame = rows[i].is_v6 ? error6(rows[i].type, rows[i].code, 0)
		                                       : error4(rows[i].type, rows[i].code, 0);

		expect_error(&frame, rows[i].kind, 0);
	}
	CU_ASSERT_EQUAL(rig.fake.worker.dropped, 0);
	host_rig_close(&rig);
}

static void mtu_within_bounds_is_told(void)
{
	static const struct {
		bool is_v6;
		uint32_t mtu;
		bool is_believed;
	} rows[] = {
		{ false, 1400, true },  { false, 1499, true }, { false, 68, true },
		{ false, 0, true },     { false, 67, false },  { false, 1500, false },
		{ false, 9000, false }, { true, 1400, true },  { true, 1280, true },
		{ true, 1279, false },  { true, 0, false },    { true, 1500, false },
		{ true, 66816, false }, /* 1280 when cut to 16 bits */
	};

	host_rig_open(&rig);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig_frame frame = rows[i].is_v6 ? error6(2, 0, rows[i].mtu)
		                                       : error4(3, 4, (uint16_t)rows[i].mtu);

		if (rows[i].is_believed)
			expect_error(&frame, HZ_PATH_TOO_BIG, (uint16_t)rows[i].mtu);
		else
			host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
	}
	host_rig_close(&rig);
}

static void quote_of_what_we_never_sent_is_dropped(void)
{
	static const struct {
		bool is_v6;
		uint8_t at, value;
	} rows[] = {
		{ false, 42, 0x46 }, /* options */
		{ false, 42, 0x65 }, /* another version */
		{ false, 48, 0x20 }, /* a fragment */
		{ false, 49, 1 },    /* a later one */
		{ false, 51, 17 },   /* UDP */
		{ false, 57, 3 },    /* from somebody else */
		{ false, 34, 4 },    /* source quench, RFC 6633 */
		{ false, 34, 5 },    /* redirect */
		{ true, 62, 0x40 },  { true, 68, 44 }, { true, 68, 58 },
		{ true, 85, 3 },     { true, 54, 5 },  { true, 54, 127 },
	};

	host_rig_open(&rig);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig_frame frame = rows[i].is_v6 ? error6(2, 0, 1400) : error4(3, 4, 1400);

		frame.bytes[rows[i].at] = rows[i].value;
		rig_sum(&frame);
		host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
	}
	host_rig_close(&rig);
}

static void quote_to_ourselves_is_dropped(void)
{
	struct rig_frame frame = error4(3, 4, 1400);

	host_rig_open(&rig);
	memcpy(frame.bytes + 58, rig_our4.byte + 12, 4);
	rig_sum(&frame);
	host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
	host_rig_close(&rig);
}

static void quote_cut_short_is_dropped(void)
{
	host_rig_open(&rig);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		struct rig_frame frame = is_v6 ? error6(2, 0, 1400) : error4(3, 4, 1400);

		while (frame.count > frame.l4 + 8) {
			frame.count--;
			frame.bytes[is_v6 ? 19 : 17]--;
			rig_sum(&frame);
			host_rig_expect_drop(&rig, &frame, HZ_COUNTER_drop_icmp);
		}
	}
	host_rig_close(&rig);
}

HZ_SUITE(icmp_error, CASE(error_of_each_kind_is_handed_on), CASE(mtu_within_bounds_is_told),
         CASE(quote_of_what_we_never_sent_is_dropped), CASE(quote_to_ourselves_is_dropped),
         CASE(quote_cut_short_is_dropped));
