#include "bench_client.h"
#include "port/mbuf_span.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char request_head[] = "GET / HTTP/1.1\r\nHost: h\r\n";
static const char status[] = "HTTP/1.1 200 OK\r\n";
static const char tail[] = "\r\n\r\nHello, World!";

int bench_client_open(struct bench_client *client, struct hz_port *port, uint32_t connections)
{
	struct bench_conn *conn = calloc(connections, sizeof(*conn));

	if (conn == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < connections; i++)
		conn[i].flow = (struct tcp_wire_flow){
			.client_ip = BENCH_CLIENT_IP + i / BENCH_PORTS,
			.server_ip = 0x0a070002,
			.client_port = (uint16_t)(BENCH_PORT_FIRST + i % BENCH_PORTS),
			.server_port = 80,
			.seq = i * 65537u
		};
	*client = (struct bench_client){ .port = port, .count = connections, .conn = conn };
	client->request_bytes =
		(size_t)snprintf(client->request, sizeof(client->request), "%s\r\n", request_head);
	return 0;
}

int bench_client_field(struct bench_client *client, const char *line)
{
	size_t head = client->request_bytes - 2, bytes = strlen(line);

	if (bytes + 4 >= sizeof(client->request) - head)
		return -ENOSPC;
	memcpy(client->request + head, line, bytes);
	memcpy(client->request + head + bytes, "\r\n\r\n", 4);
	client->request_bytes = head + bytes + 4;
	return 0;
}

void bench_client_close(struct bench_client *client)
{
	free(client->conn);
	client->conn = NULL;
}

static void send_segment(struct bench_client *client, struct bench_conn *conn, uint8_t flags,
                         const char *payload, size_t bytes)
{
	struct rte_mbuf *mbuf = hz_port_alloc(client->port, false);

	if (mbuf == NULL) {
		client->errors++;
		return;
	}
	mbuf->data_len = (uint16_t)tcp_wire_build(hz_mbuf_bytes(mbuf).data, &conn->flow, flags,
	                                          payload, bytes);
	mbuf->pkt_len = mbuf->data_len;
	hz_port_tx(client->port, mbuf);
	conn->flow.seq += (uint32_t)bytes + ((flags & (TCP_WIRE_SYN | TCP_WIRE_FIN)) != 0);
}

void bench_client_syn(struct bench_client *client, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		send_segment(client, &client->conn[i], TCP_WIRE_SYN, NULL, 0);
	hz_port_flush(client->port);
}

static struct bench_conn *conn_at(struct bench_client *client, uint32_t i)
{
	if (client->stride != 0)
		i = (uint32_t)((uint64_t)i * client->stride % client->count);
	return &client->conn[i];
}

void bench_client_ask(struct bench_client *client, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct bench_conn *conn = conn_at(client, i);

		send_segment(client, conn, TCP_WIRE_ACK | TCP_WIRE_PSH, client->request,
		             client->request_bytes);
		conn->is_waiting = true;
	}
	hz_port_flush(client->port);
}

void bench_client_ack(struct bench_client *client, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		send_segment(client, conn_at(client, i), TCP_WIRE_ACK, NULL, 0);
	hz_port_flush(client->port);
}

void bench_client_fin(struct bench_client *client, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct bench_conn *conn = conn_at(client, i);

		send_segment(client, conn, TCP_WIRE_ACK | TCP_WIRE_FIN, NULL, 0);
		conn->is_closing = true;
	}
	hz_port_flush(client->port);
}

static bool is_answer(const struct tcp_wire_seg *seg)
{
	const size_t head = sizeof(status) - 1, end = sizeof(tail) - 1;

	return seg->payload_bytes > head + end && memcmp(seg->payload, status, head) == 0 &&
	       memcmp(seg->payload + seg->payload_bytes - end, tail, end) == 0;
}

static void take_syn_ack(struct bench_client *client, struct bench_conn *conn,
                         const struct tcp_wire_seg *seg)
{
	client->syn_acks++;
	if (conn->is_open)
		return;
	conn->is_open = true;
	client->opened++;
	conn->flow.ack = seg->seq + 1;
	if (!client->is_silent)
		send_segment(client, conn, TCP_WIRE_ACK, NULL, 0);
}

static void take_fin(struct bench_client *client, struct bench_conn *conn,
                     const struct tcp_wire_seg *seg)
{
	if (!conn->is_closing || seg->seq != conn->flow.ack || seg->ack != conn->flow.seq) {
		client->errors++;
		return;
	}
	conn->flow.ack++;
	client->closed++;
	if (!client->is_silent)
		send_segment(client, conn, TCP_WIRE_ACK, NULL, 0);
}

static void take_segment(struct bench_client *client, const struct tcp_wire_seg *seg)
{
	uint32_t index = (seg->client_ip - BENCH_CLIENT_IP) * BENCH_PORTS + seg->client_port -
	                 BENCH_PORT_FIRST;
	struct bench_conn *conn;

	if (index >= client->count || (seg->flags & TCP_WIRE_RST) != 0) {
		client->errors++;
		return;
	}
	conn = &client->conn[index];
	if ((seg->flags & TCP_WIRE_SYN) != 0) {
		take_syn_ack(client, conn, seg);
		return;
	}
	if ((seg->flags & TCP_WIRE_FIN) != 0) {
		take_fin(client, conn, seg);
		return;
	}
	if (seg->payload_bytes == 0)
		return; /* an ACK; it would be a waste, and shows in the number of packets */
	if ((int32_t)(seg->seq - conn->flow.ack) < 0) {
		client->repeats++;
		if (!client->is_silent)
			send_segment(client, conn, TCP_WIRE_ACK, NULL, 0);
		return;
	}
	if (!conn->is_waiting || seg->seq != conn->flow.ack || seg->ack != conn->flow.seq ||
	    !is_answer(seg)) {
		client->errors++;
		return;
	}
	conn->is_waiting = false;
	conn->flow.ack += (uint32_t)seg->payload_bytes;
	client->answers++;
}

uint32_t bench_client_take(struct bench_client *client)
{
	struct rte_mbuf *frame[HZ_LIMIT_burst_max];
	uint32_t taken = 0;
	uint16_t count;

	do {
		count = hz_port_rx(client->port, frame, HZ_LIMIT_burst_max);
		for (uint16_t i = 0; i < count; i++) {
			struct hz_wspan bytes = hz_mbuf_bytes(frame[i]);
			struct tcp_wire_seg seg;

			if (tcp_wire_read(bytes.data, bytes.len, &seg))
				take_segment(client, &seg);
			else
				client->errors++;
			rte_pktmbuf_free(frame[i]);
		}
		taken += count;
	} while (count != 0);
	hz_port_flush(client->port);
	return taken;
}
