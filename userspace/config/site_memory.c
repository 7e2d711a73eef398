/* A list of blocks, each filled from its start. */
#include "config/site_memory.h"

#include "core/base.h"
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 32768u

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) uint8_t data[];
};

struct hz_site_memory {
	struct block *first; /* the one being filled; owned, as are all that follow */
};

static struct block *block_add(struct hz_site_memory *memory, size_t bytes)
{
	struct block *block;

	if (bytes > SIZE_MAX - sizeof(*block))
		return NULL;
	block = calloc(1, sizeof(*block) + bytes);
	if (block == NULL)
		return NULL;
	block->size = bytes;
	block->next = memory->first;
	memory->first = block;
	return block;
}

struct hz_site_memory *hz_site_memory_open(void)
{
	return calloc(1, sizeof(struct hz_site_memory));
}

void hz_site_memory_close(struct hz_site_memory *memory)
{
	struct block *next;

	if (memory == NULL)
		return;
	for (struct block *block = memory->first; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(memory);
}

void *hz_site_memory_get(struct hz_site_memory *memory, size_t bytes)
{
	const size_t align = alignof(max_align_t);
	struct block *block = memory->first;
	void *at;

	if (bytes > SIZE_MAX - align)
		return NULL;
	bytes = (bytes + align - 1) / align * align;
	if (block == NULL || bytes > block->size - block->used)
		block = block_add(memory, HZ_MAX(bytes, (size_t)BLOCK_BYTES));
	if (block == NULL)
		return NULL;
	at = block->data + block->used;
	block->used += bytes;
	return at;
}

int hz_site_memory_copy(struct hz_site_memory *memory, struct hz_span text, struct hz_span *out)
{
	uint8_t *copy = hz_site_memory_get(memory, text.len);

	if (copy == NULL)
		return -ENOMEM;
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	*out = (struct hz_span){ copy, text.len };
	return 0;
}
