#include "middleware/jwt_cache.h"
#include "core/base.h"
#include "core/rng.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WAYS 4u
#define SETS (HZ_LIMIT_jwt_cache_tokens / WAYS)

struct entry {
	uint64_t fingerprint[2];
	uint64_t expires_s;
	uint32_t token_bytes;
	uint32_t subject_bytes;
	uint8_t token[HZ_LIMIT_jwt_cached_bytes_max]; /* with what is before it: read each time */
	uint8_t subject[HZ_JWT_SUBJECT_BYTES_MAX];
};
_Static_assert((SETS & (SETS - 1)) == 0, "sets are found by a mask");
_Static_assert(sizeof(struct entry) % 8 == 0, "words of the next one are aligned");

struct hz_jwt_cache {
	uint64_t key[2];
	uint64_t tag[SETS][WAYS]; /* 0: empty */
	struct entry entry[SETS][WAYS];
};

int hz_jwt_cache_open(struct hz_jwt_cache **out)
{
	struct hz_jwt_cache *cache = calloc(1, sizeof(*cache));
	int err;

	if (cache == NULL)
		return -ENOMEM;
	err = hz_rng_secret(cache->key, sizeof(cache->key));
	if (err != 0) {
		free(cache);
		return err;
	}
	*out = cache;
	return 0;
}

void hz_jwt_cache_close(struct hz_jwt_cache *cache)
{
	free(cache);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Of the signature's last 16 characters, which are random for whoever does not have the key to make them; both halves of
 * a product mix them with words that nobody outside knows. It only says where to look: what is found is compared. */
uint64_t hz_jwt_cache_tag(const struct hz_jwt_cache *cache, const struct hz_jwt_policy *policy,
                          struct hz_span token)
{
	const uint8_t *end = token.data + token.len;
	unsigned __int128 product = (unsigned __int128)(load64(end - 16) ^ cache->key[0]) *
	                            (load64(end - 8) ^ cache->key[1] ^ policy->fingerprint[0]);

	return ((uint64_t)product ^ (uint64_t)(product >> 64)) | 1;
}

#ifdef __SSE2__
static __m128i block_differs(const uint8_t *a, const uint8_t *b)
{
	return _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)a),
	                     _mm_loadu_si128((const __m128i *)(const void *)b));
}
#endif

/* Takes as long for a first byte that differs as for the last: what is cached cannot be guessed byte by byte. bytes:
 * 16 at least; the last block overlaps. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t bytes)
{
#ifdef __SSE2__
	__m128i differs = block_differs(a + bytes - 16, b + bytes - 16);

#pragma GCC unroll 4 /* of 157 instructions for a token of 189 bytes 40 less */
	for (size_t at = 0; at < bytes - 16; at += 16)
		differs = _mm_or_si128(differs, block_differs(a + at, b + at));
	return _mm_movemask_epi8(_mm_cmpeq_epi8(differs, _mm_setzero_si128())) == 0xffff;
#else
	uint64_t differs = load64(a + bytes - 8) ^ load64(b + bytes - 8);

	for (size_t at = 0; at + 8 <= bytes; at += 8)
		differs |= load64(a + at) ^ load64(b + at);
	return differs == 0;
#endif
}
_Static_assert(HZ_JWT_TOKEN_BYTES_MIN >= 16, "a block, and the tag's words");

static bool is_of(const struct entry *entry, const struct hz_jwt_policy *policy,
                  struct hz_span token)
{
	return entry->token_bytes == token.len && entry->fingerprint[0] == policy->fingerprint[0] &&
	       entry->fingerprint[1] == policy->fingerprint[1] &&
	       is_same(entry->token, token.data, token.len);
}

bool hz_jwt_cache_find(const struct hz_jwt_cache *cache, uint64_t tag,
                       const struct hz_jwt_policy *policy, struct hz_span token, uint64_t now_s,
                       struct hz_span *subject)
{
	size_t set = tag / 2 & (SETS - 1);

	for (unsigned way = 0; way < WAYS; way++) {
		const struct entry *entry = &cache->entry[set][way];

		if (cache->tag[set][way] != tag || !is_of(entry, policy, token))
			continue;
		*subject = (struct hz_span){ entry->subject, entry->subject_bytes };
		return now_s < entry->expires_s;
	}
	return false;
}

/* The same token again, or an empty place, or the one that expires first. */
static unsigned way_choose(const struct hz_jwt_cache *cache, size_t set, uint64_t tag)
{
	unsigned best = 0;

	for (unsigned way = 0; way < WAYS; way++) {
		if (cache->tag[set][way] == tag || cache->tag[set][way] == 0)
			return way;
		if (cache->entry[set][way].expires_s < cache->entry[set][best].expires_s)
			best = way;
	}
	return best;
}

void hz_jwt_cache_put(struct hz_jwt_cache *cache, uint64_t tag, const struct hz_jwt_policy *policy,
                      struct hz_span token, const struct hz_jwt_claims *claims)
{
	size_t set = tag / 2 & (SETS - 1);
	unsigned way = way_choose(cache, set, tag);
	struct entry *entry = &cache->entry[set][way];

	if (token.len > sizeof(entry->token))
		return;
	memcpy(entry->fingerprint, policy->fingerprint, sizeof(entry->fingerprint));
	entry->expires_s = claims->expires_s;
	entry->token_bytes = (uint32_t)token.len;
	entry->subject_bytes = claims->subject_bytes;
	memcpy(entry->subject, claims->subject, claims->subject_bytes);
	memcpy(entry->token, token.data, token.len);
	cache->tag[set][way] = tag;
}
