#include "prog_client.h"
#include <linux/bpf.h>
#include <string.h>

bool client_send(struct client *client, uint8_t flags, const char *payload)
{
	struct wire_spec spec = client->spec;
	struct wire frame;

	spec.flags = flags;
	spec.seq = client->snd_nxt;
	spec.ack = client->rcv_nxt;
	spec.payload = payload;
	wire_build(&frame, &spec);
	client->snd_nxt += (uint32_t)(payload == NULL ? 0 : strlen(payload)) +
	                   ((flags & (WIRE_SYN | WIRE_FIN)) != 0);
	if (!rig_run(client->rig, frame.byte, frame.len, &client->run))
		return false;
	if (client->run.action != XDP_TX)
		return false;
	if (wire_take_apart(client->run.out.byte, client->run.out.len, &client->reply) != NULL ||
	    wire_is_answer_to(&client->reply, &spec) != NULL)
		return false;
	if (client->reply.flags & WIRE_RST)
		return true;
	if (client->reply.ack != client->snd_nxt)
		return false;
	if (flags & WIRE_SYN)
		client->rcv_nxt = client->reply.seq;
	if (client->reply.seq != client->rcv_nxt)
		return false;
	client->rcv_nxt += (uint32_t)client->reply.payload_bytes +
	                   ((client->reply.flags & (WIRE_SYN | WIRE_FIN)) != 0);
	return true;
}

struct client client_new(struct rig *rig, uint16_t port, int version, int tags,
                         uint16_t source_port)
{
	return (struct client){ .rig = rig,
		                .spec = { .version = version,
		                          .tags = tags,
		                          .port = port,
		                          .source_port = source_port },
		                .snd_nxt = 0xfffffff0u + source_port };
}

const char *client_probe(struct rig *rig, uint16_t port, int version, int tags)
{
	struct client client = client_new(rig, port, version, tags, 50000);

	if (!client_send(&client, WIRE_SYN, NULL) || client.reply.flags != (WIRE_SYN | WIRE_ACK))
		return "SYN";
	if (client_send(&client, WIRE_ACK, NULL) || client.run.reason != HZ_REASON_health_idle)
		return "ACK of the handshake";
	if (!client_send(&client, WIRE_ACK | WIRE_PSH, CLIENT_GET) ||
	    client.run.reason != HZ_REASON_health_200 || !(client.reply.flags & WIRE_FIN))
		return "GET";
	if (client_send(&client, WIRE_ACK, NULL) || client.run.reason != HZ_REASON_health_idle)
		return "ACK of the answer";
	if (!client_send(&client, WIRE_ACK | WIRE_FIN, NULL) || client.reply.flags != WIRE_ACK)
		return "FIN";
	return NULL;
}
