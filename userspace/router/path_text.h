/* A path as the tree reads it: words without looking where it ends, slashes without searching. */
#ifndef HZ_PATH_TEXT_H
#define HZ_PATH_TEXT_H

#include "core/arena.h"
#include "core/base.h"
#include <hz/span.h>
#include <stdbool.h>
#include <string.h>

#define HZ_PATH_TEXT_WORD  8u
#define HZ_PATH_TEXT_BLOCK 16u
#define HZ_PATH_TEXT_NEAR  256u /* bytes whose slashes lie in the struct, not in the arena */

/* The part that a lookup keeps in registers. */
struct hz_path_view {
	const uint8_t *data;     /* the path, or a copy of one that has less than a block */
	const uint64_t *slashes; /* bit i: byte i is '/'; bit len is set as well */
	uint32_t len;
	uint32_t last; /* where a word that ends with data begins */
};

/* Borrows the path. Not to be copied: it points into itself. */
struct hz_path_text {
	struct hz_path_view view;
	const uint8_t *path; /* as given: what values point into */
	uint64_t near[HZ_PATH_TEXT_NEAR / 64 + 1];
	uint8_t shorter[HZ_PATH_TEXT_BLOCK];
};

/* What is in a path. */
enum hz_path_special {
	HZ_PATH_HAS_CONTROL = 1,
	HZ_PATH_HAS_PERCENT = 2,
	HZ_PATH_HAS_DOT = 4,   /* at the start of a segment */
	HZ_PATH_HAS_EMPTY = 8, /* segment other than the last: "//" */
};

/* One pass over the path, which must stay where it is. *special: hz_path_special. 0; -ENOMEM: a long path
 * and a full arena; -EINVAL: longer than 2^31 - 1. */
int hz_path_text_set(struct hz_path_text *text, struct hz_span path, struct hz_arena *arena,
                     uint32_t *special);

/* Slashes one after another. */
struct hz_path_slashes {
	const uint64_t *next;
	uint64_t bits;
	uint32_t base; /* of the lowest bit */
};

/* Those at or behind `at`, which is not behind len; len is the last. */
static inline struct hz_path_slashes hz_path_slashes_from(struct hz_path_view view, uint32_t at)
{
	return (struct hz_path_slashes){ &view.slashes[at / 64 + 1],
		                         view.slashes[at / 64] & ~0ull << at % 64, at & ~63u };
}

static inline uint32_t hz_path_slashes_next(struct hz_path_slashes *slashes)
{
	uint32_t at;

	while (HZ_UNLIKELY(slashes->bits == 0)) {
		slashes->bits = *slashes->next++;
		slashes->base += 64;
	}
	at = slashes->base + (uint32_t)__builtin_ctzll(slashes->bits);
	slashes->bits &= slashes->bits - 1;
	return at;
}

/* The next slash at or behind `at`, or len. */
static inline uint32_t hz_path_view_slash(struct hz_path_view view, uint32_t at)
{
	uint32_t i = at / 64;
	uint64_t bits = view.slashes[i] >> at % 64;

	if (HZ_LIKELY(bits != 0))
		return at + (uint32_t)__builtin_ctzll(bits);
	do
		bits = view.slashes[++i];
	while (bits == 0);
	return i * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* Whether a segment ends at `at`. */
static inline bool hz_path_view_is_end(struct hz_path_view view, uint32_t at)
{
	return (view.slashes[at / 64] >> at % 64 & 1) != 0;
}

/* Eight bytes from `at`, which is below len; anything for those behind the end. */
static inline uint64_t hz_path_view_word(struct hz_path_view view, uint32_t at)
{
	uint32_t from = HZ_LIKELY(at <= view.last) ? at : view.last;
	uint64_t word;

	memcpy(&word, view.data + from, sizeof(word));
	return word >> 8 * (at - from);
}

#endif
