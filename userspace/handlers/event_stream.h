/* Handlers `events` and `lines`: a topic's messages as they come, in an answer that has no end of its own. */
#ifndef HZ_EVENT_STREAM_H
#define HZ_EVENT_STREAM_H

#include "handlers/event_text.h"
#include "handlers/handler.h"
#include "handlers/topic.h"

struct hz_event_stream_conf {
	enum hz_event_text_kind kind;
	struct hz_topic *
		topic; /* outlives the handler; NULL: built to see whether it can be, never asked */
	uint64_t heartbeat_ns; /* something is sent at least as often */
	uint64_t retry_ms;     /* HZ_EVENT_TEXT_SSE: when a client is to come again */
	uint32_t readers_max;  /* of the topic; beyond: 503 */
	bool closes_slow; /* a reader that fell behind: ended, instead of told how much it lost */
	uint64_t generation; /* of the configuration, for hz_topic_is_over */
};

/* Copies conf. 0, -EINVAL or -ENOMEM. Releases with hz_handler_free.
 *
 * A stream begins with the next message, or behind the one that Last-Event-ID names; what is not there any more of
 * those is a gap, told as `event: gap` or {"gap":N}. An id the topic has not come to yet is of a run before: the
 * stream begins with the oldest message. A message of which a reader has a part already is finished from a copy; one
 * longer than HZ_LIMIT_stream_piece_bytes may be overwritten meanwhile, and then the connection is reset. */
int hz_event_stream_build(const struct hz_event_stream_conf *conf, struct hz_handler *out);

#endif
