/* How many connections each client address has: the limit that keeps one client from taking every
 * connection. IPv6 counts per /64, as one host may use all of it. One thread per table. */
#ifndef HZ_SOURCE_TABLE_H
#define HZ_SOURCE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct hz_source {
	uint64_t key; /* keyed hash of the address; 0: free */
	uint32_t count;
};

struct hz_source_table {
	struct hz_source
		*source; /* owned; open addressing, at most half full; pages untouched until used */
	size_t mapped_bytes;
	uint32_t mask;
	uint32_t in_use;
	uint64_t secret[2]; /* an attacker cannot choose colliding addresses */
};

/* For at most connections_max connections. 0, -EINVAL, -ENOMEM or an error of getrandom(2). */
int hz_source_table_open(struct hz_source_table *table, uint32_t connections_max);
void hz_source_table_close(struct hz_source_table *table); /* accepts a zeroed one */

/* Counts one more connection of addr (v4-mapped or IPv6). 0, or -EMFILE: the source has limit already,
 * nothing was counted. limit 0: no limit. */
int hz_source_table_add(struct hz_source_table *table, const uint8_t addr[16], uint32_t limit);
/* One fewer; addr must have been added. */
void hz_source_table_remove(struct hz_source_table *table, const uint8_t addr[16]);

#endif
