/* The collector's HTTP server: GET and HEAD of its documents, /events and the page, on a kernel socket. Runs in the caller's
 * loop; connections, their memory and their time are bounded. */
#ifndef HZ_WEB_H
#define HZ_WEB_H

#include "collector/feed.h"
#include "collector/listen_at.h"
#include "collector/metrics_doc.h"

struct hz_web; /* owned by the caller of open */

/* listen->fd stays the caller's, as do feed and metrics. 0 or -errno with err filled. */
int hz_web_open(const struct hz_listen *listen, struct hz_feed *feed, struct hz_metrics *metrics,
                struct hz_web **out, struct hz_err *err);
void hz_web_close(struct hz_web *web); /* accepts NULL */

int hz_web_poll_fd(const struct hz_web *web); /* readable: turn */
int hz_web_timeout_ms(struct hz_web *web);    /* turn at the latest then */
void hz_web_turn(struct hz_web *web);

/* Behind hz_feed_tick: what is new goes to the readers of /events. */
void hz_web_tick(struct hz_web *web);
void hz_web_event(struct hz_web *web, uint32_t kind, const char *line, size_t bytes);

uint64_t hz_web_lost(const struct hz_web *web); /* events, by readers that did not keep up */

#endif
