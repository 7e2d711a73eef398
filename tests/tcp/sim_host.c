#include "sim_host.h"

#include <rte_mempool.h>
#include <string.h>

#define MBUFS           2048u
#define CONNECTIONS_MAX 32u
#define TIME_WAIT_MAX   16u
#define TIMERS_PER_TURN 64u

int sim_host_boot(struct sim_host *host)
{
	return fake_port_open(&host->fake, MBUFS);
}

struct hz_addr sim_host_addr(uint8_t index, bool is_v6)
{
	uint8_t last = (uint8_t)(index + 1);

	if (is_v6)
		return (struct hz_addr){ { 0x20, 1, 0x0d, 0xb8, [15] = last } };
	return (struct hz_addr){ { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 7, [15] = last } };
}

void sim_host_secret(uint64_t seed, uint8_t secret[16])
{
	const uint64_t word[2] = { seed * 0x9e3779b97f4a7c15u, ~seed };

	memcpy(secret, word, sizeof(word));
}

int sim_host_open(struct sim_host *host, const struct sim_host_conf *conf)
{
	struct hz_endpoint listen = { sim_host_addr(1, conf->is_v6), SIM_SERVER_PORT };
	struct hz_tcp_conf tcp = {
		.env = &host->env,
		.slot = &host->fake.slot,
		.connections_max = CONNECTIONS_MAX,
		.time_wait_max = TIME_WAIT_MAX,
		.proto = conf->listen,
		.proto_ctx = conf->listen_ctx,
		.listen_count = conf->index,
		.cc = conf->cc,
		.listens = &listen,
	};
	int err;

	host->conf = *conf;
	host->fake.port.mtu = conf->mtu;
	host->env = (struct hz_env){ .now_ns = conf->clock_ns };
	hz_rng_seed(&host->env.rng, conf->seed);
	host->net = (struct hz_net){ { conf->seed, ~conf->seed } };
	tcp.net = host->net;
	sim_host_secret(conf->seed, tcp.secret);
	err = hz_tcp_open(&tcp, &host->tcp);
	if (err != 0)
		return err;
	return sim_check_open(&host->check, host->tcp);
}

uint32_t sim_host_close(struct sim_host *host)
{
	sim_check_close(&host->check);
	hz_tcp_close(host->tcp);
	host->tcp = NULL;
	return fake_port_reset(&host->fake);
}

void sim_host_in(struct sim_host *host, const uint8_t *frame, size_t bytes)
{
	struct hz_packet packet;

	if (rte_mempool_avail_count(host->fake.port.pool) == 0)
		return; /* no buffer to receive into: the device drops */
	if (hz_net_in(&host->net, &host->fake.port, fake_port_frame(&host->fake, frame, bytes),
	              &packet) == HZ_NET_TCP)
		hz_tcp_in(host->tcp, &packet);
}

void sim_host_too_big(struct sim_host *host, uint16_t local_port, uint16_t remote_port,
                      uint32_t seq, uint32_t mtu)
{
	struct hz_tcp_icmp icmp = {
		.kind = HZ_TCP_ICMP_TOO_BIG,
		.is_v6 = host->conf.is_v6,
		.remote = sim_host_addr((uint8_t)(1 - host->conf.index), host->conf.is_v6),
		.local = sim_host_addr(host->conf.index, host->conf.is_v6),
		.remote_port = remote_port,
		.local_port = local_port,
		.seq = seq,
		.mtu = mtu,
	};

	hz_tcp_icmp_in(host->tcp, &icmp);
}

static void target_l2(const struct sim_host *host, struct hz_tcp_target *to)
{
	static const uint8_t tag[2][4] = { { 0x88, 0xa8, 0, 100 }, { 0x81, 0, 0, 101 } };
	uint8_t macs[12] = { 2, [5] = (uint8_t)(2 - host->conf.index), [6] = 2 };
	uint8_t *at = to->l2 + sizeof(macs);

	macs[11] = (uint8_t)(1 + host->conf.index);
	memcpy(to->l2, macs, sizeof(macs));
	for (uint8_t i = 0; i < host->conf.tags; i++, at += 4)
		memcpy(at, tag[i + 2 - host->conf.tags], 4);
	memcpy(at, host->conf.is_v6 ? "\x86\xdd" : "\x08\x00", 2);
	to->l2_bytes = (uint8_t)(at + 2 - to->l2);
}

int sim_host_connect(struct sim_host *host, uint16_t local_port, uint16_t remote_port,
                     const struct hz_proto_ops *proto, void *owner, struct hz_stream **out)
{
	struct hz_tcp_target to = {
		.remote = sim_host_addr((uint8_t)(1 - host->conf.index), host->conf.is_v6),
		.local = sim_host_addr(host->conf.index, host->conf.is_v6),
		.remote_port = remote_port,
		.local_port = local_port,
		.port = &host->fake.port,
		.proto = proto,
		.owner = owner,
	};

	target_l2(host, &to);
	return hz_tcp_connect(host->tcp, &to, out);
}

const char *sim_host_turn(struct sim_host *host, uint64_t since_start_ns)
{
	host->env.now_ns = host->conf.clock_ns + since_start_ns;
	hz_tcp_timers(host->tcp, TIMERS_PER_TURN);
	hz_tcp_flush(host->tcp);
	hz_port_flush(&host->fake.port);
	return sim_check_stack(&host->check, host->tcp);
}

uint64_t sim_host_next_ns(const struct sim_host *host)
{
	uint64_t next_ns = hz_tcp_next_timer_ns(host->tcp);

	if (next_ns == UINT64_MAX)
		return UINT64_MAX;
	return next_ns > host->conf.clock_ns ? next_ns - host->conf.clock_ns : 0;
}
