/* A reader of /events that lasts: it is opened again after its end, at growing pauses, and tells a collector that is
 * silent from one that has nothing to tell, by the ticks which come each second. */
#ifndef HZ_FEED_LINK_H
#define HZ_FEED_LINK_H

#include "feed_client.h"

enum hz_feed_state {
	HZ_FEED_DOWN,  /* no connection; tried again when its pause is over */
	HZ_FEED_TRIES, /* no tick yet */
	HZ_FEED_LIVE,
	HZ_FEED_SILENT, /* connected, and no tick lately */
};

struct hz_feed_link { /* owned by the caller; close with hz_feed_link_close */
	struct hz_feed_client client;
	struct hz_endpoint endpoint;
	const char *instance;
	hz_feed_client_fn *fn;
	void *ctx;
	bool was_live;
	int http_status;   /* of the connection that ended last */
	uint64_t ticks;    /* of the client, that were seen */
	uint64_t heard_ns; /* when the last one came, or the connection was begun */
	uint64_t retry_ns, pause_ns;
};

/* What to pass as instance: that of -i, or the default one; but whatever it is of, when only its address was given. */
const char *hz_feed_link_instance(const char *instance, bool is_address_given);

/* Nothing is opened yet: the first turn does. As hz_feed_client_open. */
void hz_feed_link_init(const struct hz_endpoint *endpoint, const char *instance,
                       hz_feed_client_fn *fn, void *ctx, struct hz_feed_link *out);
void hz_feed_link_close(struct hz_feed_link *link); /* accepts a closed one */

/* To be called when poll says so (is_ready), and at least once a second; now_ns: CLOCK_MONOTONIC. 0, or -errno with err filled: the
 * connection ended, and the next one begins after a pause. */
int hz_feed_link_turn(struct hz_feed_link *link, bool is_ready, uint64_t now_ns,
                      struct hz_err *err);

/* May that pass, as when a collector is started anew? Not: somebody else's answer, or another instance. */
bool hz_feed_link_is_passing(const struct hz_feed_link *link, int status);

enum hz_feed_state hz_feed_link_state(const struct hz_feed_link *link, uint64_t now_ns);

#endif
