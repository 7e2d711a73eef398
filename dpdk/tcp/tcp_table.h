/* Flow table: keyed 32-bit hash to a reference, open addressing with linear probing, at most half
 * full. The whole hash is kept as the tag, so that a probe touches a connection only on a match; it is
 * SipHash with a secret key, so that a peer cannot aim at a bucket. */
#ifndef HZ_TCP_TABLE_H
#define HZ_TCP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define HZ_TCP_REF_NONE      0u
#define HZ_TCP_REF_TIME_WAIT 0x80000000u /* the rest is the record's index + 1; else a PCB's */

struct hz_tcp_table_slot {
	uint32_t hash;
	uint32_t ref; /* HZ_TCP_REF_NONE: empty */
};

struct hz_tcp_table {
	struct hz_tcp_table_slot *slot; /* owned */
	uint32_t mask;
	uint32_t count;
};

/* Room for entries_max entries. 0, -EINVAL or -ENOMEM. */
int hz_tcp_table_open(struct hz_tcp_table *table, uint32_t entries_max);
void hz_tcp_table_close(struct hz_tcp_table *table); /* accepts a zeroed table */

/* The caller never adds more than entries_max, nor a reference twice. */
void hz_tcp_table_add(struct hz_tcp_table *table, uint32_t hash, uint32_t ref);
/* False: it was not there. */
bool hz_tcp_table_remove(struct hz_tcp_table *table, uint32_t hash, uint32_t ref);

/* Goes through the references with this hash: *at is set to hash before the first call, and kept. Ends
 * with HZ_TCP_REF_NONE. */
static inline uint32_t hz_tcp_table_next(const struct hz_tcp_table *table, uint32_t hash,
                                         uint32_t *at)
{
	/* At most half full: an empty slot ends every probe. */
	for (;;) {
		const struct hz_tcp_table_slot *slot = &table->slot[*at & table->mask];

		if (slot->ref == HZ_TCP_REF_NONE)
			return HZ_TCP_REF_NONE;
		(*at)++;
		if (slot->hash == hash)
			return slot->ref;
	}
}

#endif
