/* One client connection with the program, as the client sees it. */
#ifndef HZ_PROG_CLIENT_H
#define HZ_PROG_CLIENT_H

#include "bpf_rig.h"

struct client {
	struct rig *rig;
	struct wire_spec spec;
	uint32_t snd_nxt, rcv_nxt;
	struct wire_tcp reply;
	struct run run;
};

struct client client_new(struct rig *rig, uint16_t port, int version, int tags,
                         uint16_t source_port);
/* Sends a segment and takes the answer in; false: not an answer we could use. */
bool client_send(struct client *client, uint8_t flags, const char *payload);

#define CLIENT_GET "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

/* A probe from SYN to the last FIN, answered with 200 and closed by the program. NULL, or the step that went wrong. */
const char *client_probe(struct rig *rig, uint16_t port, int version, int tags);

#endif
