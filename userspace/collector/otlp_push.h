/* Pushes to an OTLP/HTTP endpoint: metrics each 10 s, spans as they are there. One request at a time; what waits is
 * bounded, what does not fit or is refused is counted, and who does not answer is asked less often. */
#ifndef HZ_OTLP_PUSH_H
#define HZ_OTLP_PUSH_H

#include "collector/feed.h"

#define HZ_OTLP_EVERY_S   10
#define HZ_OTLP_BACKOFF_S 60 /* at most between two tries */

struct hz_otlp_counts {
	uint64_t pushed, failed; /* requests */
	uint64_t spans, spans_dropped;
};

struct hz_otlp; /* owned by the caller of open */

/* url: http:// or https://, without the /v1/... . fields: "name=value,..." of the request, NULL: none;
 * neither is ever printed. 0, or -errno with err filled. */
int hz_otlp_push_open(const char *url, const char *fields, struct hz_otlp **out,
                      struct hz_err *err);
/* Accepts NULL; waits for nobody, name servers included. What was not pushed is gone: hz_otlp_push_last before it. */
void hz_otlp_push_close(struct hz_otlp *otlp);

/* A record HZ_EVENT_SLOW. */
void hz_otlp_push_slow(struct hz_otlp *otlp, const struct hz_event_slow *slow,
                       uint64_t unix_minus_ns);
/* Once per second: begins a push when it is time. */
void hz_otlp_push_tick(struct hz_otlp *otlp, const struct hz_feed *feed);
/* Goes on with a push. Returns when it wants to be turned again, in ms; -1: nothing is under way. */
int hz_otlp_push_turn(struct hz_otlp *otlp);
/* For the end: the newest metrics and all spans that wait, for so long at most, and not while pushes fail. What is not
 * taken is logged. */
void hz_otlp_push_last(struct hz_otlp *otlp, const struct hz_feed *feed, uint32_t wait_ms);
struct hz_otlp_counts hz_otlp_push_counts(const struct hz_otlp *otlp);

#endif
