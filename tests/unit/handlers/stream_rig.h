/* One worker's http over fake streams, with a topic and the handlers around it:
 *   /events, /lines     the topic, slow readers told what they lost
 *   /close              events, slow readers closed
 *   /publish            POST
 */
#ifndef STREAM_RIG_H
#define STREAM_RIG_H

#include "fake_stream.h"
#include "handlers/event_stream.h"
#include "handlers/publish.h"
#include "http/h1_worker.h"
#include "hz_test.h"

enum { RIG_EVENTS, RIG_LINES, RIG_CLOSE, RIG_PUBLISH, RIG_HANDLERS };

#define RIG_STREAMS   100
#define RIG_WINDOW    (1u << 20)
#define RIG_KEEP      8
#define RIG_READERS   90
#define RIG_HEARTBEAT (15 * HZ_NS_PER_S)

struct stream_rig {
	struct hz_env env;
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_worker worker;
	struct hz_slot slot;
	struct hz_http_limits limits;
	struct hz_http_worker *http;
	struct hz_topics *topics;
	struct hz_topic *topic;
	struct hz_handler handler[RIG_HANDLERS];
	unsigned rings;
	uint64_t generation;
	struct fake_stream fs[RIG_STREAMS];
	size_t seen[RIG_STREAMS]; /* of fs.out */
};

struct stream_rig *stream_rig_open(uint64_t generation); /* aborts when it cannot */
struct stream_rig *stream_rig_open_at(uint64_t generation,
                                      uint64_t unix_s); /* numbers by the time */
void stream_rig_close(struct stream_rig *rig);          /* checks that nothing is left */

/* Connection i asks; window: how much output may wait for its client. */
void stream_rig_ask(struct stream_rig *rig, unsigned i, const char *request, size_t window);
/* Publishes text; what waits is resumed as far as turns allow. */
uint64_t stream_rig_publish(struct stream_rig *rig, const char *text);
/* The worker's turns until nobody is to be resumed; how many there were. */
unsigned stream_rig_turn(struct stream_rig *rig);
/* What connection i was sent since the last call, without heads and chunk frames; its client takes all of it. In a
 * buffer of the caller's. */
const char *stream_rig_news(struct stream_rig *rig, unsigned i, char *out, size_t room);

#endif
