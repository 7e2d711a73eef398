/* What a stranger on the link puts before a port with a host: ARP, neighbour discovery, ping, ICMP errors
 * and TCP, frame by frame, with time and our own questions in between. What must hold: at most one answer
 * to a frame, to who sent it, well formed and not larger; only addresses of ours get through to TCP; a
 * neighbour is known only by an answer to a question; nothing is left. */
#include "fake_port.h"
#include "fuzz_target.h"
#include "net/host.h"
#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include <errno.h>
#include <rte_mempool.h>
#include <string.h>

#define STEPS_MAX     64u
#define FRAME_MAX     1600u
#define MACS_MAX      STEPS_MAX
#define NA_OPTION     8u /* a solicitation may come without it */
#define ALL_NODES_MAC "\x33\x33\0\0\0\x01"

struct reader {
	const uint8_t *at, *end;
};

struct run {
	struct fake_port *fake;
	struct hz_host *host;
	struct hz_env env;
	struct reader in;
	uint8_t seen[MACS_MAX][6]; /* that sent frames in this run */
	uint32_t seen_count;
};

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 2 };

static uint8_t get8(struct reader *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t get16(struct reader *in)
{
	uint8_t high = get8(in);

	return (uint16_t)(high << 8 | get8(in));
}

static uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Offset of the network layer and its type. */
static size_t l3_find(const uint8_t *frame, size_t bytes, uint16_t *type)
{
	size_t at = 12;

	while (at + 6 <= bytes &&
	       (load16(frame + at) == HZ_ETHERTYPE_VLAN || load16(frame + at) == HZ_ETHERTYPE_QINQ))
		at += HZ_VLAN_BYTES;
	*type = at + 2 <= bytes ? load16(frame + at) : 0;
	return at + 2;
}

static uint64_t pseudo6(const uint8_t *ip, size_t bytes)
{
	return hz_csum_add(__builtin_bswap16(ip[6]), ip + 8, 32) +
	       __builtin_bswap16((uint16_t)bytes);
}

/* Checksums of IPv4, ICMP and ICMPv6 as the lengths say; else noise would never get past them. */
static void sums_fix(uint8_t *frame, size_t bytes)
{
	uint16_t type, sum;
	size_t l3 = l3_find(frame, bytes, &type), l4, l4_bytes;
	uint64_t pseudo = 0;

	if (type == HZ_ETHERTYPE_IP4 && l3 + 28 <= bytes) {
		memset(frame + l3 + 10, 0, 2);
		sum = hz_csum_finish(hz_csum_add(0, frame + l3, 20));
		memcpy(frame + l3 + 10, &sum, 2);
		l4 = l3 + 20;
		l4_bytes = load16(frame + l3 + 2) - (size_t)20;
	} else if (type == HZ_ETHERTYPE_IP6 && l3 + 48 <= bytes) {
		l4 = l3 + 40;
		l4_bytes = load16(frame + l3 + 4);
		pseudo = pseudo6(frame + l3, l4_bytes);
	} else {
		return;
	}
	if (l4_bytes < 8 || l4_bytes > bytes - l4)
		return;
	memset(frame + l4 + 2, 0, 2);
	sum = hz_csum_finish(hz_csum_add(pseudo, frame + l4, l4_bytes));
	memcpy(frame + l4 + 2, &sum, 2);
}

/* --- what we send ------------------------------------------------------------------------------------- */

static bool is_ours4(const struct run *run, const uint8_t *v4)
{
	struct hz_addr addr = { { [10] = 0xff, 0xff } };

	memcpy(addr.byte + 12, v4, 4);
	return hz_host_has(run->host, &addr);
}

static bool is_ours6(const struct run *run, const uint8_t *v6)
{
	struct hz_addr addr;

	memcpy(addr.byte, v6, sizeof(addr.byte));
	return hz_host_has(run->host, &addr);
}

static void sent_judge(const struct run *run, const uint8_t *frame, size_t bytes)
{
	uint16_t type;
	size_t l3 = l3_find(frame, bytes, &type);
	const uint8_t *ip = frame + l3;

	FUZZ_HOLDS(memcmp(frame + 6, our_mac, 6) == 0);
	if (type == HZ_ETHERTYPE_ARP) {
		FUZZ_HOLDS(bytes == l3 + sizeof(struct hz_arp_hdr));
		FUZZ_HOLDS(memcmp(ip + 8, our_mac, 6) == 0 && is_ours4(run, ip + 14));
	} else if (type == HZ_ETHERTYPE_IP4) {
		FUZZ_HOLDS(bytes == l3 + load16(ip + 2) && bytes >= l3 + 28);
		FUZZ_HOLDS(hz_csum_finish(hz_csum_add(0, ip, 20)) == 0);
		FUZZ_HOLDS(ip[9] == HZ_IPPROTO_ICMP && ip[20] == 0 && is_ours4(run, ip + 12));
		FUZZ_HOLDS(hz_csum_finish(hz_csum_add(0, ip + 20, bytes - l3 - 20)) == 0);
	} else {
		FUZZ_HOLDS(type == HZ_ETHERTYPE_IP6);
		FUZZ_HOLDS(bytes == l3 + 40u + load16(ip + 4) && bytes >= l3 + 48);
		FUZZ_HOLDS(ip[6] == HZ_IPPROTO_ICMP6 && is_ours6(run, ip + 8));
		FUZZ_HOLDS(ip[40] == 129 || (ip[7] == 255 && (ip[40] == 135 || ip[40] == 136)));
		FUZZ_HOLDS(hz_csum_finish(hz_csum_add(pseudo6(ip, bytes - l3 - 40), ip + 40,
		                                      bytes - l3 - 40)) == 0);
	}
}

static void answer_judge(const struct run *run, const uint8_t *frame, size_t bytes)
{
	uint8_t answer[FAKE_PORT_CAPTURE_MAX];
	size_t count = fake_port_take(run->fake, answer, sizeof(answer));

	if (count == 0)
		return;
	FUZZ_HOLDS(run->fake->count == 0);
	FUZZ_HOLDS(count <= bytes + NA_OPTION);
	FUZZ_HOLDS(memcmp(answer, frame + 6, 6) == 0 || memcmp(answer, ALL_NODES_MAC, 6) == 0);
	sent_judge(run, answer, count);
}

/* --- the steps ---------------------------------------------------------------------------------------- */

static void packet_judge(const struct run *run, enum hz_net_verdict verdict,
                         const struct hz_packet *packet)
{
	const uint8_t *data = rte_pktmbuf_mtod(packet->mbuf, const uint8_t *);
	size_t bytes = rte_pktmbuf_data_len(packet->mbuf);

	if (verdict == HZ_NET_PATH) {
		FUZZ_HOLDS(hz_host_has(run->host, &packet->error.local));
		FUZZ_HOLDS(!hz_host_has(run->host, &packet->error.remote));
		FUZZ_HOLDS(packet->error.mtu == 0 || packet->error.mtu >= 68);
		return;
	}
	FUZZ_HOLDS(hz_host_has(run->host, &packet->dst) && !hz_host_has(run->host, &packet->src));
	FUZZ_HOLDS(packet->l4_bytes >= 20 && packet->l4 >= data + 34 &&
	           packet->l4 + packet->l4_bytes <= data + bytes);
}

static void step_frame(struct run *run, bool is_fixed)
{
	static const struct hz_net net = { { 1, 2 } };
	uint8_t frame[FRAME_MAX];
	size_t bytes = get16(&run->in) % (FRAME_MAX + 1);
	struct hz_packet packet;
	enum hz_net_verdict verdict;

	bytes = HZ_MIN(bytes, (size_t)(run->in.end - run->in.at));
	memcpy(frame, run->in.at, bytes);
	run->in.at += bytes;
	if (bytes == 0)
		return;
	if (is_fixed)
		sums_fix(frame, bytes);
	if (bytes >= 14)
		memcpy(run->seen[run->seen_count++], frame + 6, 6);
	verdict = hz_net_in(&net, &run->fake->port, fake_port_frame(run->fake, frame, bytes),
	                    &packet);
	if (verdict != HZ_NET_DONE) {
		packet_judge(run, verdict, &packet);
		rte_pktmbuf_free(packet.mbuf);
	}
	answer_judge(run, frame, bytes);
	FUZZ_HOLDS(rte_mempool_in_use_count(run->fake->port.pool) == 0);
}

static void step_lookup(struct run *run)
{
	struct hz_addr addr = { { [10] = 0xff, 0xff, 10, 7, 0 } };
	uint8_t which = get8(&run->in), question[FAKE_PORT_CAPTURE_MAX];
	struct hz_neigh_way way;
	bool is_seen = false;
	size_t bytes;
	int err;

	if ((which & 1) != 0)
		addr = (struct hz_addr){ { 0xfd, 7 } };
	addr.byte[15] = (uint8_t)(which >> 1);
	err = hz_neigh_lookup(&run->fake->port, &addr, &way);
	FUZZ_HOLDS(err == 0 || err == -EAGAIN || err == -EHOSTUNREACH || err == -EINVAL);
	for (uint32_t i = 0; i < run->seen_count && err == 0; i++)
		is_seen |= memcmp(run->seen[i], way.l2, 6) == 0;
	FUZZ_HOLDS(err != 0 || is_seen);
	bytes = fake_port_take(run->fake, question, sizeof(question));
	if (bytes != 0)
		sent_judge(run, question, bytes);
	FUZZ_HOLDS(run->fake->count == 0);
}

static void step(struct run *run)
{
	uint8_t what = get8(&run->in);

	switch (what & 7) {
	case 6:
		run->env.now_ns += get16(&run->in) * HZ_NS_PER_MS;
		break;
	case 7:
		step_lookup(run);
		break;
	default:
		step_frame(run, (what & 8) != 0);
		break;
	}
}

/* One for all inputs: opening EAL and its pool takes longer than thousands of them. */
static struct fake_port *the_port(void)
{
	static struct fake_port fake;

	if (fake.port.pool == NULL && fake_port_open(&fake, 64) != 0)
		fuzz_fault("EAL and a pool open");
	return &fake;
}

int fuzz_host_run(const uint8_t *data, size_t size)
{
	static const struct hz_host_conf conf = {
		.addr_count = 3,
		.addr = { { { { [10] = 0xff, 0xff, 10, 7, 0, 2 } }, 24 },
		          { { { 0xfd, 7, [15] = 2 } }, 64 },
		          { { { 0xfe, 0x80, [15] = 2 } }, 64 } },
	};
	struct run run = { .fake = the_port(), .in = { data, data + size } };

	FUZZ_HOLDS(fake_port_reset(run.fake) == 0);
	if (hz_host_open(&conf, &run.host) != 0)
		fuzz_fault("a host opens");
	run.env.now_ns = 1000 * HZ_NS_PER_S;
	run.host->env = &run.env;
	run.fake->port.host = run.host;
	memcpy(run.fake->port.mac, our_mac, sizeof(our_mac));
	for (unsigned i = 0; i < STEPS_MAX && run.in.at < run.in.end; i++)
		step(&run);
	FUZZ_HOLDS(fake_port_reset(run.fake) == 0);
	hz_host_close(run.host);
	return 0;
}

FUZZ_ENTRY(fuzz_host_run)
