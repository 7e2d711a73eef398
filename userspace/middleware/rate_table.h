/* Buckets of many clients: a table of fixed size that all workers share, so that a limit holds for the server and not
 * for each worker. Without locks; a key is a keyed hash that nobody outside can steer.
 *
 * A flood of keys makes it stricter, never laxer. A key has three places. Where all are taken by keys that are not at
 * rest, the one nearest to it is forgotten, and its set remembers how far that one was: a key that is not in the table
 * begins there and not with a full bucket. So who was forgotten gains nothing by it, and a newcomer in a flooded set
 * may have to wait for its first token. Two workers that use one set in the same instant may each lose count of one
 * request. */
#ifndef HZ_RATE_TABLE_H
#define HZ_RATE_TABLE_H

#include "middleware/gcra.h"
#include <hz/span.h>

struct hz_rate_table; /* owned by the server; any thread */

/* sets: a power of two; 64 bytes each, of which no page is touched before it is used. 0, -EINVAL, -ENOMEM or an error of
 * getrandom(2). */
int hz_rate_table_open(uint32_t sets, struct hz_rate_table **out);
void hz_rate_table_close(struct hz_rate_table *table); /* accepts NULL */

/* What names a bucket: a client's address (an IPv6 client is its /64), or any bytes. scope keeps limits apart. */
uint64_t hz_rate_table_addr_key(const struct hz_rate_table *table, uint64_t scope,
                                const uint8_t addr[16]);
uint64_t hz_rate_table_text_key(const struct hz_rate_table *table, uint64_t scope,
                                struct hz_span text);

/* One token of key's bucket. */
struct hz_gcra_taken hz_rate_table_take(struct hz_rate_table *table, uint64_t key,
                                        const struct hz_gcra *gcra, uint64_t now_ns);

#endif
