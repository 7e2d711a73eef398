#include "core/pages.h"

#include <sys/mman.h>

void *hz_pages_map(size_t bytes, bool is_huge)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	if (is_huge)
		(void)madvise(pages, bytes, MADV_HUGEPAGE); /* a wish */
	return pages;
}

void hz_pages_unmap(void *pages, size_t bytes)
{
	if (pages != NULL)
		munmap(pages, bytes);
}
