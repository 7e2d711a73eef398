/* How long one request takes on one connection over shared memory, as a client that polls sees it: from its
 * transmit call to the poll that brings the answer. The request is built and the answer checked outside of it.
 *   bench_memif SOCKET [REQUESTS]      hzd listens on 10.7.0.2:80; see memif.sh, which starts it */
#include "memif_peer.h"
#include "port/mbuf_span.h"
#include "tcp_wire.h"
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUESTS_MAX 10000000u
#define WARM         10000u

static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
static const char status[] = "HTTP/1.1 200 OK\r\n";

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool eal_start(void)
{
	static char args[][32] = { "bench_memif",
		                   "--no-huge",
		                   "--no-shconf",
		                   "-m",
		                   "64",
		                   "--no-pci",
		                   "--no-telemetry",
		                   "--log-level=1",
		                   "--iova-mode=va",
		                   "--lcores=0@(0-1)" };
	char *argv[sizeof(args) / sizeof(args[0]) + 1] = { NULL };

	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		argv[i] = args[i];
	return rte_eal_init((int)(sizeof(args) / sizeof(args[0])), argv) >= 0;
}

static struct rte_mbuf *segment(struct peer *peer, struct tcp_wire_flow *flow, uint8_t flags,
                                const char *payload, size_t bytes)
{
	struct rte_mbuf *mbuf = hz_port_alloc(&peer->port, false);

	if (mbuf == NULL)
		abort(); /* each is answered before the next one */
	mbuf->data_len =
		(uint16_t)tcp_wire_build(hz_mbuf_bytes(mbuf).data, flow, flags, payload, bytes);
	mbuf->pkt_len = mbuf->data_len;
	memcpy(hz_mbuf_bytes(mbuf).data, peer->hzd_mac, sizeof(peer->hzd_mac));
	flow->seq += (uint32_t)bytes + ((flags & TCP_WIRE_SYN) != 0);
	return mbuf;
}

/* Sends mbuf and polls until a segment of the server comes; how long it took. */
static uint64_t exchange(struct peer *peer, struct rte_mbuf *mbuf, struct rte_mbuf **answer)
{
	uint64_t start_ns = now_ns();

	hz_port_tx(&peer->port, mbuf);
	hz_port_flush(&peer->port);
	while (hz_port_rx(&peer->port, answer, 1) == 0)
		;
	return now_ns() - start_ns;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool answer_take(struct tcp_wire_flow *flow, struct rte_mbuf *mbuf, bool is_syn_ack)
{
	struct hz_wspan bytes = hz_mbuf_bytes(mbuf);
	struct tcp_wire_seg seg;
	bool is_good = tcp_wire_read(bytes.data, bytes.len, &seg);

	if (is_good && !is_syn_ack)
		is_good = seg.payload_bytes > sizeof(status) && seg.seq == flow->ack &&
		          memcmp(seg.payload, status, sizeof(status) - 1) == 0;
	if (is_good)
		flow->ack = seg.seq + (is_syn_ack ? 1 : (uint32_t)seg.payload_bytes);
	rte_pktmbuf_free(mbuf);
	return is_good;
}

static const char *measure(struct peer *peer, uint32_t *ns, uint32_t count)
{
	struct tcp_wire_flow flow = { .client_ip = PEER_IP,
		                      .server_ip = HZD_IP,
		                      .client_port = 30000,
		                      .server_port = 80,
		                      .seq = 1 };
	struct rte_mbuf *answer;

	exchange(peer, segment(peer, &flow, TCP_WIRE_SYN, NULL, 0), &answer);
	if (!answer_take(&flow, answer, true))
		return "the SYN was not answered";
	for (uint32_t i = 0; i < WARM + count; i++) {
		uint64_t took = exchange(peer,
		                         segment(peer, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, request,
		                                 sizeof(request) - 1),
		                         &answer);

		if (!answer_take(&flow, answer, false))
			return "a wrong answer";
		if (i >= WARM)
			ns[i - WARM] = (uint32_t)HZ_MIN(took, (uint64_t)UINT32_MAX);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 300000;
	static struct peer peer;
	const char *why = NULL;
	uint32_t *ns;

	if (argc < 2 || count == 0 || count > REQUESTS_MAX) {
		fprintf(stderr, "usage: bench_memif SOCKET [REQUESTS]\n");
		return 2;
	}
	ns = calloc(count, sizeof(*ns));
	if (ns == NULL || !eal_start())
		why = "no memory, or no EAL";
	if (why == NULL)
		why = peer_open(&peer, argv[1], 0);
	if (why == NULL)
		why = peer_arp(&peer);
	if (why == NULL)
		why = measure(&peer, ns, count);
	if (why != NULL) {
		fprintf(stderr, "bench_memif: %s\n", why);
		return 1;
	}
	qsort(ns, count, sizeof(*ns), compare);
	printf("1 connection, %u requests: p1 %u ns, p50 %u ns, p90 %u ns, p99 %u ns\n", count,
	       ns[count / 100], ns[count / 2], ns[count / 10 * 9], ns[count / 100 * 99]);
	peer_close(&peer);
	free(ns);
	return 0;
}
