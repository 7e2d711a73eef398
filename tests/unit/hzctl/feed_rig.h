/* A stand-in for hz-collector's socket, and an ear for what a client hands over. */
#ifndef FEED_RIG_H
#define FEED_RIG_H

#include "core/endpoint.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

struct heard {
	unsigned count;
	uint64_t skipped;
	char text[512]; /* "name=data;" */
};

/* hz_sse_read_fn and hz_feed_client_fn; ctx: a struct heard. */
void feed_rig_hear(void *ctx, const char *name, const char *data, size_t len);
void feed_rig_record(void *ctx, const char *name, const json_t *object);

/* A listening socket on a free port of loopback. */
int feed_rig_listen(struct hz_endpoint *endpoint);

#endif
