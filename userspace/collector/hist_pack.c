#include "collector/hist_pack.h"
#include <errno.h>
#include <string.h>

#define COARSE 4u

static size_t number_put(uint8_t *out, uint64_t value)
{
	size_t at = 0;

	while (value >= 0x80) {
		out[at++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[at++] = (uint8_t)value;
	return at;
}

/* false: cut short, or more than 64 bits. */
static bool number_get(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	uint64_t sum = 0;

	for (uint32_t shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;

		if (shift == 63 && byte > 1)
			return false;
		sum |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*value = sum;
			return true;
		}
	}
	return false;
}

static size_t buckets_pack(const struct hz_hist *hist, uint8_t *out)
{
	uint32_t next = 0;
	size_t at = 0;

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		if (hist->bucket[i] == 0)
			continue;
		at += number_put(out + at, i - next);
		at += number_put(out + at, hist->bucket[i]);
		next = i + 1;
	}
	return at;
}

size_t hz_hist_pack(const struct hz_hist stage[HZ_STAGE_COUNT], uint8_t *out)
{
	uint8_t buckets[HZ_HIST_BUCKETS * (2 + HZ_HIST_PACK_NUMBER_MAX)];
	size_t at = 0, bytes;

	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		bytes = buckets_pack(&stage[i], buckets);
		if (bytes == 0)
			continue;
		at += number_put(out + at, i);
		at += number_put(out + at, stage[i].sum_ns);
		at += number_put(out + at, stage[i].max_ns);
		at += number_put(out + at, bytes);
		memcpy(out + at, buckets, bytes);
		at += bytes;
	}
	return at;
}

/* to NULL: only looks whether all is well. */
static bool buckets_unpack(const uint8_t *at, const uint8_t *end, struct hz_hist *to)
{
	uint64_t bucket = 0, gap, count;

	while (at < end) {
		if (!number_get(&at, end, &gap) || !number_get(&at, end, &count))
			return false;
		if (gap >= HZ_HIST_BUCKETS - bucket)
			return false;
		bucket += gap;
		if (to != NULL)
			to->bucket[bucket] += count;
		bucket++;
	}
	return true;
}

/* to NULL: looks whether all is well; else only the wanted stage is looked into. */
static bool stages_unpack(const uint8_t *in, size_t bytes, uint32_t wanted, struct hz_hist *to)
{
	const uint8_t *at = in, *end = in + bytes;
	uint64_t stage, sum_ns, max_ns, room;

	while (at < end) {
		if (!number_get(&at, end, &stage) || !number_get(&at, end, &sum_ns) ||
		    !number_get(&at, end, &max_ns) || !number_get(&at, end, &room))
			return false;
		if (stage >= HZ_STAGE_COUNT || room > (uint64_t)(end - at))
			return false;
		if ((to == NULL || stage == wanted) && !buckets_unpack(at, at + room, to))
			return false;
		if (to != NULL && stage == wanted) {
			to->sum_ns += sum_ns;
			to->max_ns = HZ_MAX(to->max_ns, max_ns);
		}
		at += room;
	}
	return true;
}

bool hz_hist_pack_is_well(const uint8_t *in, size_t bytes)
{
	return bytes == 0 || stages_unpack(in, bytes, 0, NULL);
}

int hz_hist_unpack(const uint8_t *in, size_t bytes, uint32_t stage, struct hz_hist *to)
{
	if (bytes == 0)
		return 0;
	if (!stages_unpack(in, bytes, stage, NULL))
		return -EBADMSG;
	(void)stages_unpack(in, bytes, stage, to);
	return 0;
}

int hz_hist_sum(const uint8_t *in, size_t bytes, uint32_t stage, struct hz_hist *to)
{
	return bytes == 0 || stages_unpack(in, bytes, stage, to) ? 0 : -EBADMSG;
}

void hz_hist_coarsen(struct hz_hist *hist)
{
	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i += COARSE) {
		uint64_t sum = 0;

		for (uint32_t j = i; j < i + COARSE; j++) {
			sum += hist->bucket[j];
			hist->bucket[j] = 0;
		}
		hist->bucket[i + COARSE / 2] = sum; /* the one nearest to the middle of the four */
	}
}
