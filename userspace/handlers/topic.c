#include "handlers/topic_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(HZ_LIMIT_topics_max <= 64, "a bit per topic");

/* What one worker has to do with topics. The lists are here and not in the topic, so that a bit which was set for a
 * topic that has gone since leads nowhere. */
struct topics_worker {
	uint64_t pending HZ_LINE_ALIGNED;      /* bit per topic: something happened; atomic */
	uint32_t readers[HZ_LIMIT_topics_max]; /* written by the worker, read by publishers */
	struct hz_list ready HZ_LINE_ALIGNED;  /* to be resumed; the worker's, as all below */
	struct hz_list waiting[HZ_LIMIT_topics_max];
};

struct hz_topics {
	struct hz_topics_conf conf;
	struct hz_topic *topic[HZ_LIMIT_topics_max]; /* housekeeping's */
	uint64_t bytes;                              /* of all rings */
	uint64_t first_least;                        /* no topic that is made begins below */
	uint64_t generation_min;                     /* atomic */
	struct topics_worker worker[HZ_WORKERS_MAX];
};

int hz_topics_open(const struct hz_topics_conf *conf, struct hz_topics **out)
{
	struct hz_topics *topics;

	if (conf->worker_count == 0 || conf->worker_count > HZ_WORKERS_MAX)
		return -EINVAL;
	topics = aligned_alloc(_Alignof(struct hz_topics), sizeof(*topics));
	if (topics == NULL)
		return -ENOMEM;
	memset(topics, 0, sizeof(*topics));
	topics->conf = *conf;
	topics->first_least = 1;
	for (uint32_t w = 0; w < conf->worker_count; w++) {
		hz_list_init(&topics->worker[w].ready);
		for (uint32_t t = 0; t < HZ_LIMIT_topics_max; t++)
			hz_list_init(&topics->worker[w].waiting[t]);
	}
	*out = topics;
	return 0;
}

void hz_topics_close(struct hz_topics *topics)
{
	if (topics == NULL)
		return;
	for (uint32_t i = 0; i < HZ_LIMIT_topics_max; i++)
		assert(topics->topic[i] == NULL);
	free(topics);
}

/* --- housekeeping ------------------------------------------------------------------------------------ */

/* Numbers go on from one life of a topic to the next, so that one of another life is never taken for one of this. They
 * begin at the time at which it is made, which leaves a million per second to the life before; for 2^53, beyond which
 * JavaScript's numbers have gaps, that is enough until 2242. */
#define FIRST_SHIFT 20

static uint64_t first_seq(const struct hz_topics *topics, const struct hz_topic_conf *conf)
{
	return HZ_MAX(conf->unix_s << FIRST_SHIFT, topics->first_least);
}

static int topic_make(struct hz_topics *topics, const struct hz_topic_conf *conf, uint32_t index)
{
	struct hz_topic *topic;
	int err;

	if (conf->bytes > HZ_LIMIT_topics_bytes_max - topics->bytes)
		return -ENOSPC;
	topic = aligned_alloc(_Alignof(struct hz_topic), sizeof(*topic));
	if (topic == NULL)
		return -ENOMEM;
	*topic = (struct hz_topic){
		.topics = topics, .index = index, .bytes = conf->bytes, .is_open = true
	};
	err = hz_msg_ring_open(&topic->ring, conf->keep, conf->bytes, first_seq(topics, conf));
	if (err != 0) {
		free(topic);
		return err;
	}
	memcpy(topic->name, conf->name, strnlen(conf->name, sizeof(topic->name) - 1));
	topics->topic[index] = topic;
	topics->bytes += conf->bytes;
	return 0;
}

int hz_topics_get(struct hz_topics *topics, const struct hz_topic_conf *conf, struct hz_topic **out)
{
	uint32_t place = HZ_LIMIT_topics_max;
	int err = 0;

	for (uint32_t i = HZ_LIMIT_topics_max; i-- > 0;) {
		const struct hz_topic *topic = topics->topic[i];

		if (topic != NULL && strcmp(topic->name, conf->name) == 0) {
			place = i;
			break;
		}
		if (topic == NULL)
			place = i;
	}
	if (place == HZ_LIMIT_topics_max)
		return -ENOSPC;
	if (topics->topic[place] == NULL)
		err = topic_make(topics, conf, place);
	else if (topics->topic[place]->bytes != conf->bytes ||
	         topics->topic[place]->ring.keep != conf->keep)
		err = -EBUSY;
	if (err != 0)
		return err;
	topics->topic[place]->references++;
	*out = topics->topic[place];
	return 0;
}

void hz_topic_put(struct hz_topic *topic)
{
	struct hz_topics *topics;
	uint64_t next;

	if (topic == NULL || --topic->references > 0)
		return;
	assert(__atomic_load_n(&topic->readers, __ATOMIC_ACQUIRE) == 0);
	topics = topic->topics;
	topics->topic[topic->index] = NULL;
	topics->bytes -= topic->bytes;
	/* One more, so that who had all of it hears of the end, too. */
	next = hz_msg_ring_next(&topic->ring);
	topics->first_least = HZ_MAX(topics->first_least, next + 1);
	hz_msg_ring_close(&topic->ring);
	free(topic);
}

void hz_topics_switch(struct hz_topics *topics, struct hz_topic *const *topic, uint32_t count,
                      uint64_t generation_min)
{
	for (uint32_t i = 0; i < HZ_LIMIT_topics_max; i++) {
		bool is_open = false;

		for (uint32_t k = 0; k < count; k++)
			is_open |= topics->topic[i] == topic[k];
		if (topics->topic[i] != NULL)
			__atomic_store_n(&topics->topic[i]->is_open, is_open, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&topics->generation_min, generation_min, __ATOMIC_RELEASE);
	hz_topics_stir(topics);
}

struct hz_topic *hz_topics_at(struct hz_topics *topics, uint32_t index)
{
	for (uint32_t i = 0; i < HZ_LIMIT_topics_max; i++) {
		struct hz_topic *topic = topics->topic[i];

		if (topic != NULL && topic->is_open && index-- == 0)
			return topic;
	}
	return NULL;
}

struct hz_topic *hz_topics_find(struct hz_topics *topics, const char *name)
{
	struct hz_topic *topic;

	for (uint32_t i = 0; (topic = hz_topics_at(topics, i)) != NULL; i++) {
		if (strcmp(topic->name, name) == 0)
			return topic;
	}
	return NULL;
}

void hz_topic_info(const struct hz_topic *topic, struct hz_topic_info *out)
{
	*out = (struct hz_topic_info){
		.name = topic->name,
		.first = topic->ring.first,
		.next = hz_msg_ring_next(&topic->ring),
		.oldest = hz_msg_ring_oldest(&topic->ring),
		.keep = (uint32_t)topic->ring.keep,
		.bytes = topic->bytes,
		.readers = __atomic_load_n(&topic->readers, __ATOMIC_RELAXED),
		.skipped = __atomic_load_n(&topic->skipped, __ATOMIC_RELAXED),
		.closed = __atomic_load_n(&topic->closed, __ATOMIC_RELAXED),
		.refused = __atomic_load_n(&topic->refused, __ATOMIC_RELAXED),
	};
}

/* --- publishing ------------------------------------------------------------------------------------ */

/* Who set the first bit rings; the worker takes all bits at once. */
static void worker_tell(struct hz_topics *topics, uint32_t w, uint64_t bits)
{
	if (__atomic_fetch_or(&topics->worker[w].pending, bits, __ATOMIC_ACQ_REL) == 0)
		topics->conf.ring(topics->conf.ring_ctx, w);
}

void hz_topics_stir(struct hz_topics *topics)
{
	for (uint32_t w = 0; w < topics->conf.worker_count; w++)
		worker_tell(topics, w, UINT64_MAX);
}

/* Pairs with hz_topic_join: the message's number was stored before readers are counted here. */
static void readers_tell(const struct hz_topic *topic)
{
	struct hz_topics *topics = topic->topics;

	for (uint32_t w = 0; w < topics->conf.worker_count; w++) {
		const uint32_t *readers = &topics->worker[w].readers[topic->index];

		if (__atomic_load_n(readers, __ATOMIC_SEQ_CST) != 0)
			worker_tell(topics, w, 1ull << topic->index);
	}
}

int hz_topic_publish(struct hz_topic *topic, const struct hz_span *part, uint32_t count,
                     uint64_t *seq)
{
	int err = -ESHUTDOWN;

	if (__atomic_exchange_n(&topic->is_taken, true, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	if (__atomic_load_n(&topic->is_open, __ATOMIC_ACQUIRE))
		err = hz_msg_ring_add(&topic->ring, part, count, seq);
	__atomic_store_n(&topic->is_taken, false, __ATOMIC_RELEASE);
	if (err == 0)
		readers_tell(topic);
	return err;
}

/* --- workers ----------------------------------------------------------------------------------------- */

static void pending_take(struct topics_worker *worker)
{
	uint64_t bits = __atomic_exchange_n(&worker->pending, 0, __ATOMIC_ACQUIRE);

	while (bits != 0) {
		hz_list_move_all(&worker->waiting[__builtin_ctzll(bits)], &worker->ready);
		bits &= bits - 1;
	}
}

unsigned hz_topics_turn(struct hz_topics *topics, uint32_t worker)
{
	struct topics_worker *own = &topics->worker[worker];
	unsigned count = 0;

	if (HZ_UNLIKELY(__atomic_load_n(&own->pending, __ATOMIC_RELAXED) != 0))
		pending_take(own);
	while (count < HZ_LIMIT_stream_wakes_per_turn) {
		struct hz_list *node = hz_list_pop_front(&own->ready);

		if (node == NULL)
			break;
		hz_http_resume(HZ_LIST_ENTRY(node, struct hz_topic_reader, node)->req);
		count++;
	}
	return count;
}

uint64_t hz_topics_turn_due_ns(const struct hz_topics *topics, uint32_t worker)
{
	return hz_list_is_empty(&topics->worker[worker].ready) ? UINT64_MAX : 0;
}

static struct topics_worker *worker_of(const struct hz_topic_reader *reader)
{
	return &reader->topic->topics->worker[reader->req->env->worker_index];
}

bool hz_topic_join(struct hz_topic *topic, struct hz_topic_reader *reader, struct hz_http_req *req,
                   uint32_t limit)
{
	if (__atomic_fetch_add(&topic->readers, 1, __ATOMIC_RELAXED) >= limit) {
		__atomic_fetch_sub(&topic->readers, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&topic->refused, 1, __ATOMIC_RELAXED);
		return false;
	}
	reader->topic = topic;
	reader->req = req;
	__atomic_fetch_add(&worker_of(reader)->readers[topic->index], 1, __ATOMIC_SEQ_CST);
	return true;
}

void hz_topic_leave(struct hz_topic_reader *reader)
{
	hz_list_remove(&reader->node);
	__atomic_fetch_sub(&worker_of(reader)->readers[reader->topic->index], 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&reader->topic->readers, 1, __ATOMIC_RELEASE);
}

void hz_topic_wait(struct hz_topic_reader *reader)
{
	hz_list_push_back(&worker_of(reader)->waiting[reader->topic->index], &reader->node);
}

void hz_topic_rouse(struct hz_topic_reader *reader)
{
	hz_list_remove(&reader->node);
}

const struct hz_msg_ring *hz_topic_ring(const struct hz_topic *topic)
{
	return &topic->ring;
}

bool hz_topic_is_over(const struct hz_topic *topic, uint64_t generation)
{
	return !__atomic_load_n(&topic->is_open, __ATOMIC_ACQUIRE) ||
	       generation < __atomic_load_n(&topic->topics->generation_min, __ATOMIC_ACQUIRE);
}

void hz_topic_skipped(struct hz_topic *topic, uint64_t count)
{
	__atomic_fetch_add(&topic->skipped, count, __ATOMIC_RELAXED);
}

void hz_topic_closed(struct hz_topic *topic)
{
	__atomic_fetch_add(&topic->closed, 1, __ATOMIC_RELAXED);
}
