/* Parsing CPU lists. */
#include "config/tune_cpus.h"

#include <errno.h>
#include <string.h>

struct cpu_list {
	int16_t cpu[64];
	uint32_t count;
};

/* Decimal digits at *at; -EINVAL for none or a leading zero, -ERANGE beyond the last CPU. */
static int cpu_read(struct hz_span text, size_t *at, int *out)
{
	size_t from = *at;
	int cpu = 0;

	for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
		if (cpu <= HZ_TUNE_CPU_MAX)
			cpu = cpu * 10 + (text.data[*at] - '0');
	}
	if (*at == from || (text.data[from] == '0' && *at - from > 1))
		return -EINVAL;
	if (cpu > HZ_TUNE_CPU_MAX)
		return -ERANGE;
	*out = cpu;
	return 0;
}

static int cpu_add(struct cpu_list *list, int cpu)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->cpu[i] == cpu)
			return -EEXIST;
	}
	if (list->count == HZ_ARRAY_LEN(list->cpu))
		return -ERANGE;
	list->cpu[list->count++] = (int16_t)cpu;
	return 0;
}

/* "3" or "1-3" at *at. */
static int range_read(struct hz_span text, size_t *at, struct cpu_list *list)
{
	int first = 0, last, err = cpu_read(text, at, &first);

	last = first;
	if (err == 0 && *at < text.len && text.data[*at] == '-') {
		(*at)++;
		err = cpu_read(text, at, &last);
	}
	if (err == 0 && last < first)
		err = -EINVAL;
	for (int cpu = first; err == 0 && cpu <= last; cpu++)
		err = cpu_add(list, cpu);
	return err;
}

int hz_tune_cpus_parse(struct hz_span text, int16_t cpu[64], uint32_t *count)
{
	struct cpu_list list = { .count = 0 };
	size_t at = 0;
	int err;

	while (text.len > 0) {
		err = range_read(text, &at, &list);
		if (err != 0)
			return err;
		if (at == text.len)
			break;
		if (text.data[at] != ',')
			return -EINVAL;
		at++;
	}
	memcpy(cpu, list.cpu, sizeof(list.cpu));
	*count = list.count;
	return 0;
}
