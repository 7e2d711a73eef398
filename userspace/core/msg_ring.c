#include "core/msg_ring.h"
#include "core/limits.h"
#include "core/pages.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES sizeof(uint64_t)

static uint64_t words_of(uint64_t bytes)
{
	return (bytes + WORD_BYTES - 1) / WORD_BYTES;
}

int hz_msg_ring_open(struct hz_msg_ring *ring, uint32_t keep, uint64_t bytes, uint64_t first)
{
	struct hz_msg_ring tmp = { .words = words_of(bytes),
		                   .keep = keep,
		                   .first = first,
		                   .next = first,
		                   .oldest = first };

	if (keep == 0 || bytes == 0 || first == 0)
		return -EINVAL;
	tmp.word = hz_pages_map(tmp.words * WORD_BYTES, false);
	tmp.slot = calloc(keep, sizeof(*tmp.slot));
	if (tmp.word == NULL || tmp.slot == NULL) {
		hz_msg_ring_close(&tmp);
		return -ENOMEM;
	}
	*ring = tmp;
	return 0;
}

void hz_msg_ring_close(struct hz_msg_ring *ring)
{
	hz_pages_unmap(ring->word, ring->words * WORD_BYTES);
	free(ring->slot);
	*ring = (struct hz_msg_ring){ 0 };
}

static void put(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static uint64_t get(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

/* Gives up as many of the oldest as the next message needs the place of. */
static void room_make(struct hz_msg_ring *ring, uint64_t words)
{
	uint64_t oldest = ring->oldest;

	while (oldest < ring->next &&
	       (ring->next - oldest == ring->keep ||
	        ring->head + words - ring->slot[oldest % ring->keep].at > ring->words))
		oldest++;
	put(&ring->oldest, oldest);
}

/* Parts in, words out. */
static void words_write(struct hz_msg_ring *ring, const struct hz_span *part, uint32_t count)
{
	uint64_t index = ring->head % ring->words, word = 0;
	size_t fill = 0;

	for (uint32_t i = 0; i < count; i++) {
		for (size_t at = 0; at < part[i].len;) {
			size_t take = HZ_MIN(WORD_BYTES - fill, part[i].len - at);

			memcpy((uint8_t *)&word + fill, part[i].data + at, take);
			fill += take;
			at += take;
			if (fill < WORD_BYTES)
				break;
			put(&ring->word[index], word);
			index = index + 1 == ring->words ? 0 : index + 1;
			fill = 0;
		}
	}
	if (fill > 0)
		put(&ring->word[index], word);
}

int hz_msg_ring_add(struct hz_msg_ring *ring, const struct hz_span *part, uint32_t count,
                    uint64_t *seq)
{
	uint64_t bytes = 0, next = ring->next;
	struct hz_msg_slot *slot = &ring->slot[next % ring->keep];

	for (uint32_t i = 0; i < count; i++)
		bytes += part[i].len;
	if (bytes > HZ_LIMIT_message_bytes_max || words_of(bytes) > ring->words)
		return -EMSGSIZE;
	room_make(ring, words_of(bytes));
	words_write(ring, part, count);
	put(&slot->at, ring->head);
	put(&slot->bytes, bytes);
	ring->head += words_of(bytes);
	__atomic_store_n(&ring->next, next + 1, __ATOMIC_SEQ_CST);
	*seq = next;
	return 0;
}

static void words_read(const struct hz_msg_ring *ring, uint64_t at, struct hz_wspan out)
{
	uint64_t index = at % ring->words;

	while (out.len > 0) {
		uint64_t word = get(&ring->word[index]);
		size_t take = HZ_MIN(WORD_BYTES, out.len);

		memcpy(out.data, &word, take);
		out.data += take;
		out.len -= take;
		index = index + 1 == ring->words ? 0 : index + 1;
	}
}

ssize_t hz_msg_ring_read(const struct hz_msg_ring *ring, uint64_t seq, uint32_t offset,
                         struct hz_wspan out, uint32_t *bytes)
{
	const struct hz_msg_slot *slot = &ring->slot[seq % ring->keep];
	uint64_t at, length;

	assert(seq > 0 && offset % WORD_BYTES == 0);
	if (seq >= hz_msg_ring_next(ring))
		return -EAGAIN;
	at = get(&slot->at);
	length = get(&slot->bytes);
	if (hz_msg_ring_oldest(ring) > seq)
		return -ESTALE; /* perhaps of another message */
	assert(offset <= length);
	out.len = (size_t)HZ_MIN(out.len, length - offset);
	words_read(ring, at + offset / WORD_BYTES, out);
	if (hz_msg_ring_oldest(ring) > seq)
		return -ESTALE;
	*bytes = (uint32_t)length;
	return (ssize_t)out.len;
}
