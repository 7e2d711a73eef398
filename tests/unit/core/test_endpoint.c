#include "core/base.h"
#include "core/endpoint.h"
#include <errno.h>
#include <hz_test.h>
#include <string.h>

static void endpoint_good_text_parses_and_prints_back(void)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: as text */
		uint16_t port;
		bool is_v4;
	} rows[] = {
		{ "10.7.0.2:80", NULL, 80, true },
		{ "0.0.0.0:1", NULL, 1, true },
		{ "255.255.255.255:65535", NULL, 65535, true },
		{ "[2001:db8::2]:80", NULL, 80, false },
		{ "[::]:443", NULL, 443, false },
		{ "[::1]:8080", NULL, 8080, false },
		{ "[2001:DB8:0:0:0:0:0:2]:80", "[2001:db8::2]:80", 80, false },
		{ "[::ffff:10.7.0.2]:80", "10.7.0.2:80", 80, true },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", NULL, 65535, false },
		{ "[1111:2222:3333:4444:5555:6666:123.123.123.123]:65535",
		  "[1111:2222:3333:4444:5555:6666:7b7b:7b7b]:65535", 65535, false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		char printed[HZ_ENDPOINT_TEXT_MAX];
		struct hz_endpoint endpoint;

		CU_ASSERT_EQUAL_FATAL(hz_endpoint_parse(rows[i].text, &endpoint), 0);
		CU_ASSERT_EQUAL(endpoint.port, rows[i].port);
		CU_ASSERT_EQUAL(hz_addr_is_v4(&endpoint.addr), rows[i].is_v4);
		hz_endpoint_print(&endpoint, printed);
		CU_ASSERT_STRING_EQUAL(printed, rows[i].printed ? rows[i].printed : rows[i].text);
	}
}

static void endpoint_bad_text_is_refused_and_writes_nothing(void)
{
	static const char *const rows[] = {
		"",
		":",
		":80",
		"10.7.0.2",
		"10.7.0.2:",
		"10.7.0.2:0",
		"10.7.0.2:65536",
		"10.7.0.2:99999999999999999999",
		"10.7.0.2:080",
		"10.7.0.2:+80",
		"10.7.0.2:-1",
		"10.7.0.2: 80",
		"10.7.0.2:80 ",
		"10.7.0.2:80a",
		"10.7.0.2:80:80",
		" 10.7.0.2:80",
		"10.7.0:80",
		"10.7.0.256:80",
		"10.7.0.02:80",
		"localhost:80",
		"[10.7.0.2]:80",
		"[]:80",
		"[::1]",
		"[::1]80",
		"[::1]:",
		"[::1:80",
		"::1:80",
		"2001:db8::2:80",
		"[::1%lo]:80",
		"[::g]:80",
		"[::1]]:80",
		"[[::1]:80",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999]:1",
		"[1111111111111111111111111111111111111111111111111111111111111::]:1",
	};
	struct hz_endpoint endpoint;

	memset(&endpoint, 0x5a, sizeof(endpoint));
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		CU_ASSERT_EQUAL(hz_endpoint_parse(rows[i], &endpoint), -EINVAL);
		CU_ASSERT_EQUAL(endpoint.port, 0x5a5a);
		CU_ASSERT_EQUAL(endpoint.addr.byte[0], 0x5a);
	}
}

static void addr_v4_is_v4_mapped_in_network_order(void)
{
	static const uint8_t expected[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 7, 0, 2
	};
	char printed[HZ_ENDPOINT_TEXT_MAX];
	struct hz_addr addr;

	CU_ASSERT_EQUAL(hz_addr_parse("10.7.0.2", &addr), 0);
	CU_ASSERT_EQUAL(memcmp(addr.byte, expected, 16), 0);
	hz_addr_print(&addr, printed);
	CU_ASSERT_STRING_EQUAL(printed, "10.7.0.2");
}

static void addr_with_brackets_or_port_is_refused(void)
{
	struct hz_addr addr;

	CU_ASSERT_EQUAL(hz_addr_parse("[::1]", &addr), -EINVAL);
	CU_ASSERT_EQUAL(hz_addr_parse("10.7.0.2:80", &addr), -EINVAL);
	CU_ASSERT_EQUAL(hz_addr_parse("", &addr), -EINVAL);
}

HZ_SUITE(endpoint, CASE(endpoint_good_text_parses_and_prints_back),
         CASE(endpoint_bad_text_is_refused_and_writes_nothing),
         CASE(addr_v4_is_v4_mapped_in_network_order), CASE(addr_with_brackets_or_port_is_refused));
