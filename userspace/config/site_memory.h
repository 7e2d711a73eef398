/* Memory of one site or document: taken piece by piece, released at once. */
#ifndef HZ_SITE_MEMORY_H
#define HZ_SITE_MEMORY_H

#include <hz/span.h>

struct hz_site_memory;

/* NULL: out of memory. */
struct hz_site_memory *hz_site_memory_open(void);
void hz_site_memory_close(struct hz_site_memory *memory); /* accepts NULL */

/* Zeroed, aligned for any type; NULL when out of memory. */
void *hz_site_memory_get(struct hz_site_memory *memory, size_t bytes);

/* A copy of text; 0 or -ENOMEM. */
int hz_site_memory_copy(struct hz_site_memory *memory, struct hz_span text, struct hz_span *out);

#endif
