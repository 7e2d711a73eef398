/* boot/device, word by word. */
#include "config/device_text.h"
#include "config/tune.h"

#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void device_with_all_words_is_read(void)
{
	static const uint8_t mac[6] = { 2, 0xab, 0xcd, 0, 0, 0x10 };
	struct hz_device device;
	char why[160] = "";

	CU_ASSERT_EQUAL_FATAL(hz_device_text_parse("mem0,socket=/run/x,ip=10.7.0.2/24,role=client,"
	                                           "ip=fd07::2/64,gateway=10.7.0.1,gateway=fd07::1,"
	                                           "mac=02:aB:Cd:00:00:10,queues=3",
	                                           &device, why, sizeof(why)),
	                      0);
	CU_ASSERT_STRING_EQUAL(device.name, "mem0");
	CU_ASSERT_STRING_EQUAL(device.args, "socket=/run/x,role=client");
	CU_ASSERT_EQUAL(device.queues, 3);
	CU_ASSERT_EQUAL(device.host.addr_count, 2);
	CU_ASSERT_EQUAL(device.host.addr[0].prefix_bits, 24);
	CU_ASSERT_EQUAL(device.host.addr[0].addr.byte[15], 2);
	CU_ASSERT_EQUAL(device.host.addr[1].prefix_bits, 64);
	CU_ASSERT_EQUAL(device.host.gateway4.byte[15], 1);
	CU_ASSERT_EQUAL(device.host.gateway6.byte[0], 0xfd);
	CU_ASSERT_EQUAL(memcmp(device.host.mac, mac, sizeof(mac)), 0);
	CU_ASSERT_EQUAL(
		hz_device_text_parse("0000:03:00.0,ip=10.0.0.1/32", &device, why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(device.name, "0000:03:00.0");
	CU_ASSERT_EQUAL(device.queues, 1);
}

static void device_that_is_none_is_einval_with_a_sentence(void)
{
	static const char *const rows[] = {
		"",
		",",
		"mem0",
		"mem0,",
		"ip=10.7.0.2/24",
		"a-name-too-long-by-far,ip=10.7.0.2/24",
		"mem0,ip=10.7.0.2",
		"mem0,ip=10.7.0.2/0",
		"mem0,ip=10.7.0.2/33",
		"mem0,ip=10.7.0/24",
		"mem0,ip=fd07::2/129",
		"mem0,ip=0.0.0.0/8",
		"mem0,ip=127.0.0.1/8",
		"mem0,ip=224.0.0.1/24",
		"mem0,ip=::1/128",
		"mem0,ip=ff02::1/64",
		"mem0,ip=/24",
		"mem0,ip=10.7.0.2/",
		"mem0,ip=10.7.0.2/24,ip=10.7.0.2/24",
		"mem0,ip=10.7.0.2/24,gateway=10.8.0.1",
		"mem0,ip=10.7.0.2/24,gateway=fd07::1",
		"mem0,ip=10.7.0.2/24,gateway=x",
		"mem0,ip=10.7.0.2/24,gateway=10.7.0.1,gateway=10.7.0.3",
		"mem0,ip=10.7.0.2/24,mac=01:00:00:00:00:01",
		"mem0,ip=10.7.0.2/24,mac=00:00:00:00:00:00",
		"mem0,ip=10.7.0.2/24,mac=02:00:00:00:00",
		"mem0,ip=10.7.0.2/24,mac=02-00-00-00-00-01",
		"mem0,ip=10.7.0.2/24,mac=02:00:00:00:00:0g",
		"mem0,ip=10.7.0.2/24,queues=0",
		"mem0,ip=10.7.0.2/24,queues=65",
		"mem0,ip=10.7.0.2/24,queues=x",
		"mem0,ip=10.7.0.2/24,word",
		"mem0,ip=10.7.0.2/24,=x",
		"mem0,ip=10.7.0.2/24,key=",
		"mem0,ip=10.7.0.2/24 ,queues=1",
		"mem0,ip=10.7.0.2/24,",
		("mem0,ip=1.0.0.1/24,ip=1.0.0.2/24,ip=1.0.0.3/24,ip=1.0.0.4/24,ip=1.0.0.5/24,"
		 "ip=1.0.0.6/24,ip=1.0.0.7/24,ip=1.0.0.8/24,ip=1.0.0.9/24"),
	};
	char large[HZ_DEVICE_TEXT_MAX + 1];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_device device = { .queues = 77 };
		char why[160] = "";

		CU_ASSERT_EQUAL(hz_device_text_parse(rows[i], &device, why, sizeof(why)), -EINVAL);
		CU_ASSERT_NOT_EQUAL(why[0], '\0');
		CU_ASSERT_EQUAL(device.queues, 77);
		if (why[0] == '\0' || device.queues != 77)
			fprintf(stderr, "row '%s'\n", rows[i]);
	}
	memset(large, 'a', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	memcpy(large, "m,ip=1.0.0.1/24,k=", 18);
	struct hz_device device;
	char why[160] = "";

	CU_ASSERT_EQUAL(hz_device_text_parse(large, &device, why, sizeof(why)), -EINVAL);
	large[sizeof(large) - 2] = '\0';
	CU_ASSERT_EQUAL(hz_device_text_parse(large, &device, why, sizeof(why)), 0);
}

static void setting_adds_a_device_each_time(void)
{
	struct hz_tune tune;
	char text[64], why[160] = "";

	hz_tune_defaults(&tune);
	for (uint32_t i = 0; i < HZ_TUNE_DEVICES_MAX; i++) {
		snprintf(text, sizeof(text), "mem%u,ip=10.7.0.2/24\n", i);
		CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/device", text, why, sizeof(why)), 0);
	}
	CU_ASSERT_EQUAL(tune.boot_device, HZ_TUNE_DEVICES_MAX);
	CU_ASSERT_STRING_EQUAL(tune.device[7], "mem7,ip=10.7.0.2/24");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/device", text, why, sizeof(why)), -ERANGE);
}

HZ_SUITE(device_text, CASE(device_with_all_words_is_read),
         CASE(device_that_is_none_is_einval_with_a_sentence),
         CASE(setting_adds_a_device_each_time));
