/* Memory of whole pages straight from the kernel: zeroed, and none of it taken before it is touched. */
#ifndef HZ_PAGES_H
#define HZ_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* is_huge: in huge pages where the kernel has some; for what is large and used in no order. NULL: no memory. */
void *hz_pages_map(size_t bytes, bool is_huge);
void hz_pages_unmap(void *pages, size_t bytes); /* accepts NULL */

#endif
