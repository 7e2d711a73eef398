#include "core/source_table.h"
#include "core/rng.h"
#include "core/siphash.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define CONNECTIONS_MAX (1u << 28)

static uint64_t source_key(const struct hz_source_table *table, const uint8_t addr[16])
{
	static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };
	__u64 word[2];
	uint64_t key;

	memcpy(word, addr, sizeof(word));
	if (memcmp(addr, v4_prefix, sizeof(v4_prefix)) != 0)
		word[1] = 0; /* IPv6: the /64 */
	key = hz_siphash(table->secret[0], table->secret[1], word, 2);
	return key != 0 ? key : 1;
}

/* The source's place, or the free place where it belongs. At most half full, so this ends. */
static uint32_t source_find(const struct hz_source_table *table, uint64_t key)
{
	uint32_t at = (uint32_t)key & table->mask;

	while (table->source[at].key != 0 && table->source[at].key != key)
		at = (at + 1) & table->mask;
	return at;
}

int hz_source_table_open(struct hz_source_table *table, uint32_t connections_max)
{
	struct hz_source_table opened = { 0 };
	uint32_t slots = 64;
	int err;

	if (connections_max == 0 || connections_max > CONNECTIONS_MAX)
		return -EINVAL;
	while (slots < connections_max * 2u)
		slots *= 2;
	err = hz_rng_secret(opened.secret, sizeof(opened.secret));
	if (err != 0)
		return err;
	opened.mask = slots - 1;
	opened.mapped_bytes = (size_t)slots * sizeof(*opened.source);
	opened.source = mmap(NULL, opened.mapped_bytes, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (opened.source == MAP_FAILED)
		return -ENOMEM;
	*table = opened;
	return 0;
}

void hz_source_table_close(struct hz_source_table *table)
{
	if (table->source != NULL)
		munmap(table->source, table->mapped_bytes);
	*table = (struct hz_source_table){ 0 };
}

int hz_source_table_add(struct hz_source_table *table, const uint8_t addr[16], uint32_t limit)
{
	uint64_t key = source_key(table, addr);
	struct hz_source *source = &table->source[source_find(table, key)];

	if (limit != 0 && source->key == key && source->count >= limit)
		return -EMFILE;
	if (source->key == 0) {
		if (table->in_use > table->mask / 2)
			return -EMFILE; /* more connections than were announced */
		table->in_use++;
		source->key = key;
		source->count = 0;
	}
	source->count++;
	return 0;
}

/* Closes the gap at `at` by moving back what probed past it (Knuth 6.4, algorithm R). */
static void source_free(struct hz_source_table *table, uint32_t at)
{
	uint32_t next = at;

	for (;;) {
		uint32_t home;

		table->source[at].key = 0;
		do {
			next = (next + 1) & table->mask;
			if (table->source[next].key == 0)
				return;
			home = (uint32_t)table->source[next].key & table->mask;
		} while (((next - home) & table->mask) < ((next - at) & table->mask));
		table->source[at] = table->source[next];
		at = next;
	}
}

void hz_source_table_remove(struct hz_source_table *table, const uint8_t addr[16])
{
	uint64_t key = source_key(table, addr);
	uint32_t at = source_find(table, key);

	assert(table->source[at].key == key && table->source[at].count > 0);
	if (table->source[at].key != key || --table->source[at].count > 0)
		return;
	table->in_use--;
	source_free(table, at);
}
