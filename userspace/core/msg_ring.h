/* The last messages of one topic, numbered one by one: one writer at a time, any number of readers, no lock. Memory is
 * of fixed size, so the writer overwrites the oldest messages and never waits; a reader that is too far behind is
 * told, and one that is overtaken in the middle of a copy finds out before it uses what it copied.
 *
 *   oldest ............ next        sequence numbers of what is there
 *   slot[seq % keep]                where that message begins, in words since the start, and its length
 *   word[at % words]                its bytes, from a word on, around the end if need be
 *
 * The writer first moves `oldest` past what it will overwrite, then overwrites; a reader copies first and looks at
 * `oldest` afterwards. Every word of both is an atomic with acquire and release (free on x86), so whoever copied
 * one new word also sees the new `oldest`. */
#ifndef HZ_MSG_RING_H
#define HZ_MSG_RING_H

#include "core/base.h"
#include <hz/span.h>
#include <sys/types.h>

struct hz_msg_slot {
	uint64_t at;
	uint64_t bytes;
};

struct hz_msg_ring {
	uint64_t *word;           /* owned */
	struct hz_msg_slot *slot; /* owned */
	uint64_t words;
	uint64_t keep;
	uint64_t first;                /* number of the first message ever */
	uint64_t head;                 /* words written since the start; the writer's */
	uint64_t next HZ_LINE_ALIGNED; /* number of the message that comes next */
	uint64_t oldest;
};

/* keep: most messages held, at least 1; bytes: most bytes of them, each rounded up to eight;
 * first: the first one's number, not 0. 0, -EINVAL or -ENOMEM. */
int hz_msg_ring_open(struct hz_msg_ring *ring, uint32_t keep, uint64_t bytes, uint64_t first);
void hz_msg_ring_close(struct hz_msg_ring *ring); /* accepts a zeroed one */

/* Writer: adds the message that the count parts are, one behind the other. 0 with its number in *seq, or -EMSGSIZE
 * when it is longer than the ring or than HZ_LIMIT_message_bytes_max. */
int hz_msg_ring_add(struct hz_msg_ring *ring, const struct hz_span *part, uint32_t count,
                    uint64_t *seq);

/* Reader: copies as much of message seq as out takes, from offset on, a multiple of 8 and not beyond its end.
 * Returns how much, *bytes is the length of the whole; -EAGAIN: not written yet; -ESTALE: overwritten. */
ssize_t hz_msg_ring_read(const struct hz_msg_ring *ring, uint64_t seq, uint32_t offset,
                         struct hz_wspan out, uint32_t *bytes);

/* Number of the next message. Ordered with other sequentially consistent operations of caller and writer, so that
 * who announces itself before looking is either seen by the writer or sees the message. */
static inline uint64_t hz_msg_ring_next(const struct hz_msg_ring *ring)
{
	return __atomic_load_n(&ring->next, __ATOMIC_SEQ_CST);
}

/* Number of the oldest message that is there; next when there is none. */
static inline uint64_t hz_msg_ring_oldest(const struct hz_msg_ring *ring)
{
	return __atomic_load_n(&ring->oldest, __ATOMIC_ACQUIRE);
}

#endif
