#include "memif_peer.h"
#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include "port/mbuf_span.h"
#include "port/port_eal.h"
#include "port/port_memif.h"
#include "tcp_wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES      50u
#define WAIT_MS    100u
#define HEAD_BYTES 4096u

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 2 }; /* as tcp_wire_build has it */

const char *peer_open(struct peer *peer, const char *socket_path, unsigned serial)
{
	char device[32], given[256], args[HZ_PORT_MEMIF_ARGS_MAX];
	struct hz_err err = { 0 };
	struct hz_port_eal_conf conf = { .ifname = "peer",
		                         .device = device,
		                         .args = args,
		                         .index = (uint16_t)(100 + serial),
		                         .mbufs = 2048,
		                         .ring_slots = 512,
		                         .slot = &peer->slot };

	memset(peer, 0, sizeof(*peer));
	peer->slot.worker = &peer->worker;
	peer->next_port = (uint16_t)(20000 + serial * 100);
	snprintf(device, sizeof(device), "net_memif_peer%u", serial);
	snprintf(given, sizeof(given), "role=client,socket=%s", socket_path);
	memcpy(conf.mac, our_mac, sizeof(conf.mac));
	if (hz_port_memif_args(given, 0, conf.ring_slots, args, &err) != 0 ||
	    hz_port_eal_open(&conf, &peer->port, &err) != 0) {
		fprintf(stderr, "peer: %s\n", err.why);
		return "no memif port";
	}
	return NULL;
}

void peer_close(struct peer *peer)
{
	hz_port_close(&peer->port);
}

bool peer_send(struct peer *peer, const uint8_t *frame, size_t bytes)
{
	struct rte_mbuf *mbuf = hz_port_alloc(&peer->port, false);
	uint64_t before = peer->port.tx_packets;

	if (mbuf == NULL)
		return false;
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = mbuf->data_len;
	memcpy(hz_mbuf_bytes(mbuf).data, frame, bytes);
	hz_port_tx(&peer->port, mbuf);
	hz_port_flush(&peer->port);
	return peer->port.tx_packets == before + 1;
}

size_t peer_take(struct peer *peer, uint8_t frame[PEER_FRAME], unsigned ms)
{
	for (unsigned i = 0; i <= ms * 10; i++) {
		struct rte_mbuf *mbuf;
		size_t bytes;

		if (hz_port_rx(&peer->port, &mbuf, 1) == 0) {
			usleep(100);
			continue;
		}
		bytes = rte_pktmbuf_data_len(mbuf);
		if (mbuf->nb_segs != 1 || bytes > PEER_FRAME)
			bytes = 0;
		memcpy(frame, rte_pktmbuf_mtod(mbuf, const void *), bytes);
		rte_pktmbuf_free(mbuf);
		return bytes;
	}
	return 0;
}

static const char *arp_judge(struct peer *peer, const uint8_t *frame, size_t bytes)
{
	static const uint8_t want[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 };

	if (bytes != 42 || memcmp(frame + 12, want, sizeof(want)) != 0)
		return "not an ARP answer of 42 bytes";
	if (memcmp(frame, our_mac, 6) != 0 || memcmp(frame + 32, our_mac, 6) != 0 ||
	    memcmp(frame + 22, frame + 6, 6) != 0)
		return "MACs in the ARP answer";
	if (memcmp(frame + 28, "\x0a\x07\x00\x02", 4) != 0 ||
	    memcmp(frame + 38, "\x0a\x07\x00\x01", 4) != 0)
		return "addresses in the ARP answer";
	memcpy(peer->hzd_mac, frame + 6, 6);
	return NULL;
}

const char *peer_arp(struct peer *peer)
{
	static const uint8_t request[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
		                             2,    8,    6,    0,    1,    8,    0,  6, 4, 0, 1,
		                             2,    0,    0,    0,    0,    2,    10, 7, 0, 1, 0,
		                             0,    0,    0,    0,    0,    10,   7,  0, 2 };
	uint8_t frame[PEER_FRAME];

	for (unsigned i = 0; i < TRIES; i++) {
		size_t bytes;

		if (!peer_send(peer, request, sizeof(request))) {
			usleep(WAIT_MS * 1000); /* not connected yet */
			continue;
		}
		bytes = peer_take(peer, frame, WAIT_MS);
		if (bytes != 0)
			return arp_judge(peer, frame, bytes);
	}
	return "no ARP answer";
}

const char *peer_ping(struct peer *peer, size_t bytes)
{
	uint8_t frame[PEER_FRAME] = { 0 }, answer[PEER_FRAME], *ip = frame + 14, *icmp = frame + 34;
	size_t total = 28 + bytes, got;
	uint16_t sum;

	memcpy(frame, peer->hzd_mac, 6);
	memcpy(frame + 6, our_mac, 6);
	memcpy(frame + 12, "\x08\x00\x45\x00", 4);
	ip[2] = (uint8_t)(total >> 8);
	ip[3] = (uint8_t)total;
	memcpy(ip + 8, "\x40\x01\0\0\x0a\x07\x00\x01\x0a\x07\x00\x02", 12);
	sum = hz_csum_finish(hz_csum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
	icmp[0] = 8;
	for (size_t i = 0; i < bytes; i++)
		icmp[8 + i] = (uint8_t)(i * 7 + bytes);
	sum = hz_csum_finish(hz_csum_add(0, icmp, 8 + bytes));
	memcpy(icmp + 2, &sum, 2);
	if (!peer_send(peer, frame, 14 + total < 60 ? 60 : 14 + total))
		return "ping not sent";
	got = peer_take(peer, answer, 1000);
	if (got != 14 + total)
		return "ping answer has another length";
	if (hz_csum_finish(hz_csum_add(0, answer + 14, 20)) != 0 ||
	    hz_csum_finish(hz_csum_add(0, answer + 34, 8 + bytes)) != 0 || answer[34] != 0 ||
	    memcmp(answer + 38, icmp + 4, 4 + bytes) != 0)
		return "ping answer has other bytes";
	return NULL;
}

struct exchange {
	struct peer *peer;
	struct tcp_wire_flow flow;
	char head[HEAD_BYTES];
	uint32_t received;
	bool is_closed;
	uint16_t mtu;  /* of the path; 0: nothing is too large */
	uint32_t told; /* errors sent */
};

static bool segment_send(struct exchange *x, uint8_t flags, const void *payload, size_t bytes)
{
	uint8_t frame[PEER_FRAME];
	size_t length = tcp_wire_build(frame, &x->flow, flags, payload, bytes);

	memcpy(frame, x->peer->hzd_mac, 6);
	memcpy(frame + 6, our_mac, 6);
	return peer_send(x->peer, frame, length);
}

/* Fragmentation needed, about the packet in frame, as a router on the way would send it, RFC 1191 4. */
static bool too_big_send(struct exchange *x, const uint8_t *frame)
{
	uint8_t error[14 + 20 + 8 + 28] = { 0 }, *ip = error + 14, *icmp = error + 34;
	uint16_t sum;

	memcpy(error, x->peer->hzd_mac, 6);
	memcpy(error + 6, our_mac, 6);
	memcpy(error + 12, "\x08\x00\x45\x00\x00\x38", 6);
	memcpy(ip + 8, "\x40\x01\0\0\x0a\x07\x00\x01\x0a\x07\x00\x02", 12);
	sum = hz_csum_finish(hz_csum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
	icmp[0] = 3;
	icmp[1] = 4;
	icmp[6] = (uint8_t)(x->mtu >> 8);
	icmp[7] = (uint8_t)x->mtu;
	memcpy(icmp + 8, frame + 14, 28);
	sum = hz_csum_finish(hz_csum_add(0, icmp, 36));
	memcpy(icmp + 2, &sum, 2);
	x->told++;
	return peer_send(x->peer, error, sizeof(error));
}

/* The next segment of the flow. NULL, or why not. */
static const char *segment_take(struct exchange *x, struct tcp_wire_seg *seg)
{
	static uint8_t frame[PEER_FRAME];
	size_t bytes = peer_take(x->peer, frame, 2000);

	if (x->mtu != 0 && bytes > 14u + x->mtu) { /* never arrives */
		if (!too_big_send(x, frame))
			return "ICMP error not sent";
		return segment_take(x, seg);
	}
	if (bytes == 0)
		return "no segment";
	if (!tcp_wire_read(frame, bytes, seg))
		return "a frame that is no good TCP segment";
	if (bytes != 14u + (uint32_t)(frame[16] << 8 | frame[17]))
		return "bytes behind the segment";
	if (memcmp(frame, our_mac, 6) != 0 || memcmp(frame + 6, x->peer->hzd_mac, 6) != 0)
		return "MACs of a segment";
	if (seg->client_port != x->flow.client_port)
		return "a segment of another flow";
	return NULL;
}

static const char *handshake(struct exchange *x)
{
	struct tcp_wire_seg seg;
	const char *why;

	if (!segment_send(x, TCP_WIRE_SYN, NULL, 0))
		return "SYN not sent";
	why = segment_take(x, &seg);
	if (why != NULL)
		return why;
	if (seg.flags != (TCP_WIRE_SYN | TCP_WIRE_ACK) || seg.ack != x->flow.seq + 1)
		return "not a SYN-ACK";
	x->flow.seq++;
	x->flow.ack = seg.seq + 1;
	return NULL;
}

/* Takes what comes in order until hzd closes; acknowledges everything. */
static const char *response_take(struct exchange *x)
{
	while (!x->is_closed) {
		struct tcp_wire_seg seg;
		const char *why = segment_take(x, &seg);

		if (why != NULL)
			return why;
		if (seg.flags & TCP_WIRE_RST)
			return "reset";
		if (seg.seq != x->flow.ack)
			continue; /* sent again: ours was late */
		for (size_t i = 0; i < seg.payload_bytes; i++, x->received++) {
			if (x->received < HEAD_BYTES - 1)
				x->head[x->received] = (char)seg.payload[i];
		}
		x->is_closed = (seg.flags & TCP_WIRE_FIN) != 0;
		x->flow.ack += (uint32_t)seg.payload_bytes + x->is_closed;
		if ((seg.payload_bytes != 0 || x->is_closed) &&
		    !segment_send(x, TCP_WIRE_ACK, NULL, 0))
			return "ACK not sent";
	}
	return segment_send(x, TCP_WIRE_FIN | TCP_WIRE_ACK, NULL, 0) ? NULL : "FIN not sent";
}

static const char *exchange_run(struct exchange *x, struct peer *peer, const char *path,
                                uint16_t mtu)
{
	char request[256];
	int bytes = snprintf(request, sizeof(request),
	                     "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	uint8_t rest[PEER_FRAME];
	const char *why;

	memset(x, 0, sizeof(*x));
	x->peer = peer;
	x->mtu = mtu;
	x->flow = (struct tcp_wire_flow){ .client_ip = PEER_IP,
		                          .server_ip = HZD_IP,
		                          .client_port = peer->next_port++,
		                          .server_port = 80,
		                          .seq = 1000 };
	why = handshake(x);
	if (why == NULL && !segment_send(x, TCP_WIRE_ACK | TCP_WIRE_PSH, request, (size_t)bytes))
		why = "request not sent";
	x->flow.seq += (uint32_t)bytes;
	if (why == NULL)
		why = response_take(x);
	while (why == NULL && peer_take(peer, rest, 20) != 0)
		; /* the ACK of our FIN */
	return why;
}

const char *peer_get(struct peer *peer, const char *path, const char *body)
{
	struct exchange x;
	const char *why = exchange_run(&x, peer, path, 0), *end;

	if (why != NULL)
		return why;
	if (strncmp(x.head, "HTTP/1.1 200 ", 13) != 0)
		return "status is not 200";
	end = strstr(x.head, "\r\n\r\n");
	return end != NULL && strcmp(end + 4, body) == 0 ? NULL : "another body";
}

const char *peer_get_bytes(struct peer *peer, uint32_t bytes)
{
	return peer_get_bytes_through(peer, bytes, 0);
}

const char *peer_get_bytes_through(struct peer *peer, uint32_t bytes, uint16_t mtu)
{
	char path[64];
	struct exchange x;
	const char *why, *end;

	snprintf(path, sizeof(path), "/bytes/%u", bytes);
	why = exchange_run(&x, peer, path, mtu);
	if (why != NULL)
		return why;
	end = strstr(x.head, "\r\n\r\n");
	/* Ten segments were under way when the first was told of. */
	if (mtu != 0 && (x.told == 0 || x.told > 10))
		return "segments larger than the path";
	if (strncmp(x.head, "HTTP/1.1 200 ", 13) != 0 || end == NULL)
		return "no head of a 200";
	return x.received - (uint32_t)(end + 4 - x.head) == bytes ? NULL
	                                                          : "body has another length";
}
