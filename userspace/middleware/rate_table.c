#include "middleware/rate_table.h"
#include "core/pages.h"
#include "core/rng.h"
#include "core/siphash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 3u

/* A cache line. Everything in it is read and written relaxed: what two workers may confuse is told in the header. */
struct set {
	uint64_t key[WAYS];     /* 0: free */
	uint64_t full_ns[WAYS]; /* words of gcra.h */
	uint64_t forgotten_ns;  /* the greatest word of a key that was forgotten */
	uint64_t unused;
};
_Static_assert(sizeof(struct set) == 64, "a set is a cache line");

struct hz_rate_table {
	uint64_t secret[2];
	uint32_t mask;
	struct set *set; /* owned */
};

static size_t table_bytes(const struct hz_rate_table *table)
{
	return ((size_t)table->mask + 1) * sizeof(struct set);
}

int hz_rate_table_open(uint32_t sets, struct hz_rate_table **out)
{
	struct hz_rate_table *table;
	int err;

	if (sets == 0 || (sets & (sets - 1)) != 0)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	table->mask = sets - 1;
	err = hz_rng_secret(table->secret, sizeof(table->secret));
	if (err == 0) {
		table->set = hz_pages_map(table_bytes(table), false);
		err = table->set == NULL ? -ENOMEM : 0;
	}
	if (err != 0) {
		free(table);
		return err;
	}
	*out = table;
	return 0;
}

void hz_rate_table_close(struct hz_rate_table *table)
{
	if (table == NULL)
		return;
	hz_pages_unmap(table->set, table_bytes(table));
	free(table);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

#define BLOCK_WORDS 8u /* of siphash.h; the first is the block before */
#define BLOCK_BYTES ((BLOCK_WORDS - 1) * sizeof(__u64))

static uint64_t key_of(const struct hz_rate_table *table, const __u64 *word, __u32 count)
{
	uint64_t key = hz_siphash_13(table->secret[0], table->secret[1], word, count);

	return key != 0 ? key : 1;
}

/* One word names a client: one host may use all of a /64, and an IPv4 address is in the other half. Scope and family go
 * into the key of the hash, which saves a round for each. */
uint64_t hz_rate_table_addr_key(const struct hz_rate_table *table, uint64_t scope,
                                const uint8_t addr[16])
{
	__u64 word;
	bool is_v4;
	uint64_t key;

	memcpy(&word, addr, sizeof(word));
	is_v4 = word == 0; /* mapped; no client comes from ::/64 but the host itself */
	if (is_v4)
		memcpy(&word, addr + 8, sizeof(word));
	key = hz_siphash_13(table->secret[0] ^ scope, table->secret[1] + is_v4, &word, 1);
	return key != 0 ? key : 1;
}

/* The length is mixed into the scope, so that no text is the beginning of another. */
uint64_t hz_rate_table_text_key(const struct hz_rate_table *table, uint64_t scope,
                                struct hz_span text)
{
	uint64_t key = scope ^ text.len;
	size_t at = 0;

	do {
		__u64 word[BLOCK_WORDS] = { key };
		size_t bytes = HZ_MIN(text.len - at, BLOCK_BYTES);

		if (bytes > 0)
			memcpy(&word[1], text.data + at, bytes);
		key = key_of(table, word, BLOCK_WORDS);
		at += bytes;
	} while (at < text.len);
	return key;
}

/* --- buckets ------------------------------------------------------------------------------------------------ */

#define ENTRIES_MAX 8u

/* The place for a key that has none: free, at rest, or nearest to it. */
static uint32_t way_free(const struct set *set)
{
	uint32_t way = 0;

	for (uint32_t i = 1; i < WAYS; i++) {
		if (__atomic_load_n(&set->full_ns[i], __ATOMIC_RELAXED) <
		    __atomic_load_n(&set->full_ns[way], __ATOMIC_RELAXED))
			way = i;
	}
	return way;
}

static bool word_swap(uint64_t *word, uint64_t was, uint64_t is)
{
	return __atomic_compare_exchange_n(word, &was, is, false, __ATOMIC_RELAXED,
	                                   __ATOMIC_RELAXED);
}

/* How far the keys were that this set has forgotten, the one with this word among them. */
static uint64_t forget(struct set *set, uint64_t full_ns)
{
	uint64_t forgotten_ns = __atomic_load_n(&set->forgotten_ns, __ATOMIC_RELAXED);

	while (full_ns > forgotten_ns) {
		if (word_swap(&set->forgotten_ns, forgotten_ns, full_ns))
			return full_ns;
		forgotten_ns = __atomic_load_n(&set->forgotten_ns, __ATOMIC_RELAXED);
	}
	return forgotten_ns;
}

/* Gives the key a place, unless another worker used the place meanwhile, perhaps for the same key. */
static void key_enter(struct set *set, uint64_t key, uint64_t limit_ns)
{
	uint32_t way = way_free(set);
	uint64_t was_key = __atomic_load_n(&set->key[way], __ATOMIC_RELAXED);
	uint64_t was_ns = __atomic_load_n(&set->full_ns[way], __ATOMIC_RELAXED);
	uint64_t forgotten_ns = forget(set, was_ns);

	/* Under its own limit it can have been no further than at an empty bucket. */
	if (word_swap(&set->full_ns[way], was_ns, HZ_MIN(forgotten_ns, limit_ns)))
		word_swap(&set->key[way], was_key, key);
}

static uint64_t *key_find(struct set *set, uint64_t key)
{
	for (uint32_t i = 0; i < WAYS; i++) {
		if (__atomic_load_n(&set->key[i], __ATOMIC_RELAXED) == key)
			return &set->full_ns[i];
	}
	return NULL;
}

struct hz_gcra_taken hz_rate_table_take(struct hz_rate_table *table, uint64_t key,
                                        const struct hz_gcra *gcra, uint64_t now_ns)
{
	struct set *set = &table->set[key & table->mask];
	uint64_t *full_ns = key_find(set, key);

	for (unsigned i = 0; full_ns == NULL && i < ENTRIES_MAX; i++) {
		key_enter(set, key, now_ns + gcra->depth_ns);
		full_ns = key_find(set, key);
	}
	if (full_ns == NULL) /* each time a flood took the place at once */
		return (struct hz_gcra_taken){ .wait_ns = gcra->interval_ns };
	return hz_gcra_take(full_ns, gcra, now_ns);
}
