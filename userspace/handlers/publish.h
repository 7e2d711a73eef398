/* Handler `publish`: a request's body becomes a message of a topic. */
#ifndef HZ_PUBLISH_H
#define HZ_PUBLISH_H

#include "handlers/handler.h"
#include "handlers/topic.h"

/* topic: as in handlers/event_stream.h. 204 when the message is there; 400 without a body, 413 when it is too long,
 * 503 when the topic is closed. Releases with hz_handler_free. */
void hz_publish_handler_build(struct hz_topic *topic, struct hz_handler *out);

#endif
