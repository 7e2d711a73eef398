/* A reader of hz-collector's /events over TCP: what happens, as it happens. Never blocks but in connect to itself. */
#ifndef HZ_FEED_CLIENT_H
#define HZ_FEED_CLIENT_H

#include "core/common.h"
#include "core/err.h"
#include "sse_read.h"
#include <jansson.h>

#define HZ_FEED_CLIENT_DEFAULT "127.0.0.1:9477"

/* An event: its name, and its object, which stays the client's. */
typedef void hz_feed_client_fn(void *ctx, const char *name, const json_t *object);

struct hz_feed_client {    /* owned by the caller; close with hz_feed_client_close */
	int fd;            /* -1: closed */
	bool is_asked;     /* connected, and the request is out */
	bool is_confirmed; /* a tick said that it is of our instance */
	const char *instance;
	struct hz_endpoint endpoint;
	struct hz_sse_read reader;
	json_t *held;       /* records from before that; owned */
	uint64_t ticks;     /* that came: one each second */
	uint64_t malformed; /* events whose data is no object */
	uint64_t missed;    /* records beyond what is held */
	hz_feed_client_fn *fn;
	void *ctx;
	char other[64]; /* the instance it is of, when that is not ours */
};

/* Starts to connect. instance: its name, "" the default one; records are handed over once a tick said so. NULL: whatever the
 * collector is of. 0 or -errno; then it is closed. */
int hz_feed_client_open(const struct hz_endpoint *endpoint, const char *instance,
                        hz_feed_client_fn *fn, void *ctx, struct hz_feed_client *out);
void hz_feed_client_close(struct hz_feed_client *client); /* accepts a closed one */

/* What poll(2) shall wait for. */
short hz_feed_client_events(const struct hz_feed_client *client);

/* When poll says so: goes on as far as it can without waiting, and calls fn for each event. 0, or -errno after which it is
 * to be closed: -ECONNREFUSED nobody there, -ECONNRESET the end, -EBADMSG not a collector's answer, -EXDEV it is of
 * another instance. */
int hz_feed_client_turn(struct hz_feed_client *client);

/* Such an error as what, why and try. */
int hz_feed_client_fail(const struct hz_feed_client *client, int status, struct hz_err *err);

#endif
