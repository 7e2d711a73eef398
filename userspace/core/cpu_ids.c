#include "core/cpu_ids.h"
#include "core/base.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSSIBLE "/sys/devices/system/cpu/possible"
#define LIST_MAX 4096 /* a page, as every file of sysfs */

/* The list rises: its last number is the largest. */
uint32_t hz_cpu_ids_in(const char *list, uint32_t most)
{
	size_t end = strcspn(list, "\n"), begin = end;
	unsigned long last;

	while (begin > 0 && isdigit((unsigned char)list[begin - 1]))
		begin--;
	if (begin == end)
		return most;
	last = strtoul(list + begin, NULL, 10);
	return last < most ? (uint32_t)last + 1 : most;
}

uint32_t hz_cpu_ids(uint32_t most)
{
	char list[LIST_MAX];
	FILE *file = fopen(POSSIBLE, "re");
	bool is_read;

	if (file == NULL)
		return most;
	is_read = fgets(list, sizeof(list), file) != NULL;
	fclose(file);
	return is_read ? hz_cpu_ids_in(list, most) : most;
}
