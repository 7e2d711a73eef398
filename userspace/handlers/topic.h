/* Topics: named rings of recent messages (core/msg_ring.h), and who waits for the next one.
 *
 * Any thread publishes. Readers are requests on workers; each that has read everything is in a list of its worker and
 * topic, and costs nothing. A publisher sets the topic's bit at each worker that has readers of it, and rings the
 * worker unless a bit was set already; the worker resumes its readers in its own turns, some per turn. Topics are
 * made, found and freed by housekeeping alone. They outlive configurations: one of the same name is the same topic. */
#ifndef HZ_TOPIC_H
#define HZ_TOPIC_H

#include "core/limits.h"
#include "core/list.h"
#include "core/msg_ring.h"
#include "http/http_wait.h"

struct hz_topic;  /* counted references: of configurations */
struct hz_topics; /* owned by the server */

#define HZ_TOPIC_NAME_MAX 32

/* A request that reads a topic. Embedded in what the request has in its arena; zeroed before join. */
struct hz_topic_reader {
	struct hz_list node; /* private */
	struct hz_topic *topic;
	struct hz_http_req *req;
};

struct hz_topics_conf {
	uint32_t worker_count;
	void (*ring)(void *ctx,
	             uint32_t worker); /* its thread, which may sleep, is to take its turn soon */
	void *ring_ctx;
};

/* --- housekeeping ---------------------------------------------------------------------------------- */

/* 0, -EINVAL or -ENOMEM. close when no worker turns any more and nobody holds a topic; accepts NULL. */
int hz_topics_open(const struct hz_topics_conf *conf, struct hz_topics **out);
void hz_topics_close(struct hz_topics *topics);

struct hz_topic_conf {
	const char *name; /* shorter than HZ_TOPIC_NAME_MAX */
	uint32_t keep;    /* messages, */
	uint64_t bytes;   /* and bytes of them */
	uint64_t unix_s;  /* now: the numbers of a topic that is made begin there */
};

/* The topic of that name, made when there is none. 0 with a reference; -EBUSY: it has other sizes; -ENOSPC: as many
 * as may be, or no more memory may be theirs; -ENOMEM. */
int hz_topics_get(struct hz_topics *topics, const struct hz_topic_conf *conf,
                  struct hz_topic **out);
void hz_topic_put(struct hz_topic *topic); /* accepts NULL */

/* What is served now: all other topics are closed. Streams of configurations before generation_min end. */
void hz_topics_switch(struct hz_topics *topics, struct hz_topic *const *topic, uint32_t count,
                      uint64_t generation_min);

/* Every reader looks around: something else happened than a message. */
void hz_topics_stir(struct hz_topics *topics);

/* One that is open, by name or in order from 0; NULL: none. */
struct hz_topic *hz_topics_find(struct hz_topics *topics, const char *name);
struct hz_topic *hz_topics_at(struct hz_topics *topics, uint32_t index);

struct hz_topic_info {
	const char *name;
	uint64_t first;  /* number of the first message ever, */
	uint64_t next;   /* of the one that comes next, */
	uint64_t oldest; /* and of the first that is kept */
	uint32_t keep;
	uint64_t bytes;
	uint32_t readers;
	uint64_t skipped; /* messages that readers lost because they were too slow */
	uint64_t closed;  /* readers that were sent away for that */
	uint64_t refused; /* requests beyond a route's limit */
};
void hz_topic_info(const struct hz_topic *topic, struct hz_topic_info *out);

/* --- any thread ------------------------------------------------------------------------------------- */

/* Adds the message that the parts are. 0 with its number in *seq; -EAGAIN: somebody else publishes right now;
 * -EMSGSIZE; -ESHUTDOWN: closed. */
int hz_topic_publish(struct hz_topic *topic, const struct hz_span *part, uint32_t count,
                     uint64_t *seq);

/* --- workers ------------------------------------------------------------------------------------------ */

/* Of worker's thread, each turn: resumes readers that have something to read; how many. */
unsigned hz_topics_turn(struct hz_topics *topics, uint32_t worker);

/* When that is wanted at the latest: 0, now, while some are left of a turn before; UINT64_MAX: whenever it comes. */
uint64_t hz_topics_turn_due_ns(const struct hz_topics *topics, uint32_t worker);

/* req begins to read. False: the topic has limit readers. What is published from now on it will hear of. */
bool hz_topic_join(struct hz_topic *topic, struct hz_topic_reader *reader, struct hz_http_req *req,
                   uint32_t limit);
void hz_topic_leave(struct hz_topic_reader *reader);

/* It has read everything: it is resumed when there is more. rouse: it waits no longer. */
void hz_topic_wait(struct hz_topic_reader *reader);
void hz_topic_rouse(struct hz_topic_reader *reader);

const struct hz_msg_ring *hz_topic_ring(const struct hz_topic *topic);

/* Whether streams of a configuration are to end: the topic is closed, or too many reloads have been since. */
bool hz_topic_is_over(const struct hz_topic *topic, uint64_t generation);

/* For the record: a reader lost count messages, or was closed. */
void hz_topic_skipped(struct hz_topic *topic, uint64_t count);
void hz_topic_closed(struct hz_topic *topic);

#endif
