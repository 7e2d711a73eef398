#include "hz_test.h"

#include "core/env.h"
#include "fake_port.h"
#include "net/flow_hash.h"
#include "tcp/tcp.h"
#include "tcp/tcp_lport.h"
#include "tcp/tcp_stack.h"
#include <errno.h>
#include <string.h>

static struct fake_port fake;
static struct hz_env env;
static struct hz_tcp *tcp;
static uint32_t asked; /* hashes of which is_odd was asked */

static int on_open(void *proto_ctx, struct hz_stream *s)
{
	(void)proto_ctx;
	(void)s;
	return 0;
}

static void on_close(struct hz_stream *s, enum hz_close_why why)
{
	(void)s;
	(void)why;
}

static const struct hz_proto_ops ops = { .on_open = on_open, .on_close = on_close };

static bool is_odd(void *ctx, const struct hz_port *port, uint32_t flow_hash)
{
	(void)ctx;
	(void)port;
	asked++;
	return (flow_hash & 1) != 0;
}

static struct hz_tcp_conf conf_of(void)
{
	return (struct hz_tcp_conf){
		.env = &env,
		.slot = &fake.slot,
		.connections_max = 256,
		.time_wait_max = 8,
		.secret = "0123456789abcde",
		.proto = &ops,
		.net = { { 5, 6 } },
	};
}

static void opened(const struct hz_tcp_conf *conf)
{
	CU_ASSERT_EQUAL_FATAL(fake_port_open(&fake, 1024), 0);
	env.now_ns = HZ_NS_PER_S;
	CU_ASSERT_EQUAL_FATAL(hz_tcp_open(conf, &tcp), 0);
}

static void closed(void)
{
	hz_tcp_close(tcp);
	hz_port_flush(&fake.port);
	CU_ASSERT_EQUAL(fake_port_close(&fake), 0);
}

static struct hz_tcp_target target_of(uint8_t last)
{
	struct hz_tcp_target to = {
		.remote = { { [10] = 0xff, [11] = 0xff, 10, 0, 0, last } },
		.local = { { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } },
		.remote_port = 80,
		.port = &fake.port,
		.l2 = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x08, 0x00 },
		.l2_bytes = 14,
		.proto = &ops,
	};

	return to;
}

static uint16_t port_of(const struct hz_stream *s)
{
	return __builtin_bswap16((uint16_t)(hz_tcp_pcb_of(s)->ports >> 16));
}

/* RFC 9293 MUST-46, and what cannot be a link header. */
static void connect_bad_target_is_refused(void)
{
	struct hz_tcp_conf conf = conf_of();
	struct hz_stream *s = NULL;
	struct hz_tcp_target bad[12];

	opened(&conf);
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		bad[i] = target_of(2);
	bad[0].remote.byte[12] = 224; /* a group */
	bad[1].remote.byte[12] = 255; /* broadcast */
	bad[2].remote.byte[12] = 0;
	bad[3].local.byte[12] = 0;
	bad[4].local = (struct hz_addr){ { 0x20, 1, [15] = 1 } }; /* two families */
	bad[5].remote = (struct hz_addr){ { 0xff, 2, [15] = 1 } };
	bad[5].local = (struct hz_addr){ { 0x20, 1, [15] = 1 } };
	bad[6].remote_port = 0;
	bad[7].l2_bytes = 13;
	bad[8].l2_bytes = 16;
	bad[9].l2[0] = 1; /* to a group */
	bad[10].l2[12] = 0x86;
	bad[10].l2[13] = 0xdd; /* IPv6 in front of IPv4 */
	bad[11].proto = NULL;
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &bad[i], &s), -EINVAL);
	CU_ASSERT_PTR_NULL(s);
	CU_ASSERT_EQUAL(hz_tcp_connection_count(tcp), 0);
	closed();
}

/* RFC 6056 3.3.3: one after the other, from a place that only the key and the other end decide. */
static void lport_choice_steps_from_a_keyed_place(void)
{
	struct hz_tcp_conf conf = conf_of();
	struct hz_tcp_target a = target_of(2), b = target_of(3);
	struct hz_stream *s = NULL;
	uint16_t first, other;

	opened(&conf);
	CU_ASSERT_EQUAL_FATAL(hz_tcp_connect(tcp, &a, &s), 0);
	first = port_of(s);
	CU_ASSERT(first >= HZ_TCP_LPORT_FIRST);
	CU_ASSERT_EQUAL_FATAL(hz_tcp_connect(tcp, &a, &s), 0);
	CU_ASSERT(port_of(s) == first + 1 || port_of(s) == HZ_TCP_LPORT_FIRST);
	CU_ASSERT_EQUAL_FATAL(hz_tcp_connect(tcp, &b, &s), 0);
	other = port_of(s);
	CU_ASSERT(other != (uint16_t)(first + 2)); /* one in 16384 secrets would not */
	closed();
	conf.secret[3] ^= 1;
	hz_rng_seed(&env.rng, 0);
	opened(&conf);
	CU_ASSERT_EQUAL_FATAL(hz_tcp_connect(tcp, &a, &s), 0);
	CU_ASSERT_NOT_EQUAL(port_of(s), first);
	closed();
}

/* The hash that decides the worker is the one that hz_net_in will compute of the answers. */
static void lport_choice_asks_for_the_hash_of_answers(void)
{
	struct hz_tcp_conf conf = conf_of();
	struct hz_tcp_target to = target_of(2);
	struct hz_stream *s = NULL;

	conf.is_ours = is_odd;
	opened(&conf);
	asked = 0;
	for (unsigned i = 0; i < 100; i++) {
		const struct hz_tcp_pcb *pcb;
		uint8_t ports[4];

		CU_ASSERT_EQUAL_FATAL(hz_tcp_connect(tcp, &to, &s), 0);
		pcb = hz_tcp_pcb_of(s);
		memcpy(ports, &pcb->ports, sizeof(ports));
		CU_ASSERT_EQUAL(pcb->hash & 1, 1);
		CU_ASSERT_EQUAL(pcb->hash,
		                hz_flow_hash(&conf.net, &to.remote, &to.local, ports, false));
	}
	CU_ASSERT(asked > 150 && asked < 250); /* two tries each, on average */
	to.local_port = (uint16_t)(port_of(s));
	CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &to, &s), -EADDRINUSE);
	closed();
}

static void conf_out_of_range_is_refused(void)
{
	struct hz_tcp_conf bad[6];
	struct hz_tcp *none = NULL;

	CU_ASSERT_EQUAL_FATAL(fake_port_open(&fake, 64), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		bad[i] = conf_of();
	bad[0].keepalive.count = 1; /* RFC 9293 MUST-29 */
	bad[1].keepalive.idle_s = 86401;
	bad[2].keepalive = (struct hz_tcp_keepalive){ 60, 43201, 2, false };
	bad[3].dscp = 64;
	bad[4].lport_first = 2;
	bad[4].lport_last = 1;
	bad[5].connections_max = 0;
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(hz_tcp_open(&bad[i], &none), -EINVAL);
	CU_ASSERT_PTR_NULL(none);
	fake_port_close(&fake);
}

/* Up-calls go by a number of three bits. */
static void connect_too_many_protocols_is_refused(void)
{
	struct hz_proto_ops many[HZ_TCP_PROTOS_MAX];
	struct hz_tcp_conf conf = conf_of();
	struct hz_tcp_target to = target_of(2);
	struct hz_stream *s = NULL;

	opened(&conf);
	for (uint32_t i = 0; i < HZ_TCP_PROTOS_MAX; i++) {
		many[i] = ops;
		to.proto = &many[i];
		CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &to, &s),
		                i + 1 < HZ_TCP_PROTOS_MAX ? 0 : -ENOSPC);
	}
	closed();
}

HZ_SUITE(tcp_connect, CASE(connect_bad_target_is_refused),
         CASE(connect_too_many_protocols_is_refused), CASE(lport_choice_steps_from_a_keyed_place),
         CASE(lport_choice_asks_for_the_hash_of_answers), CASE(conf_out_of_range_is_refused));
