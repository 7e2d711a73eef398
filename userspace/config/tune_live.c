/* Settings of a running hzd: when they may change, and what they are. */
#include "config/tune.h"
#include <stdio.h>
#include <string.h>

const char *hz_tune_when_text(const struct hz_tune_attr *attr)
{
	switch (attr->when) {
	case HZ_TUNE_WHEN_RELOAD:
		return "at reload";
	case HZ_TUNE_WHEN_LIVE:
	case HZ_TUNE_WHEN_PATH:
	case HZ_TUNE_WHEN_XDP:
		return "live";
	case HZ_TUNE_WHEN_BOOT:
		break;
	}
	return "";
}

static const char *word_find(const char *words, uint32_t index, int *len)
{
	for (; index > 0 && *words != '\0'; index--) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	*len = (int)strcspn(words, " ");
	return words;
}

/* All of boot/cpus fits, HZ_TUNE_CPU_MAX has four digits. */
static void cpus_print(const struct hz_tune *tune, char out[HZ_TUNE_TEXT_MAX])
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < tune->cpu_count && used < HZ_TUNE_TEXT_MAX; i++)
		used += (size_t)snprintf(out + used, HZ_TUNE_TEXT_MAX - used, "%s%d",
		                         i > 0 ? "," : "", tune->cpu[i]);
}

static void devices_print(const struct hz_tune *tune, char out[HZ_TUNE_TEXT_MAX])
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < tune->boot_device && used < HZ_TUNE_TEXT_MAX; i++)
		used += (size_t)snprintf(out + used, HZ_TUNE_TEXT_MAX - used, "%s%s",
		                         i > 0 ? " " : "", tune->device[i]);
}

void hz_tune_print(const struct hz_tune *tune, const struct hz_tune_attr *attr,
                   char out[HZ_TUNE_TEXT_MAX])
{
	uint32_t value;
	int len = 0;
	const char *word;

	memcpy(&value, (const char *)tune + attr->offset, sizeof(value));
	switch (attr->kind) {
	case HZ_TUNE_ENUM:
		word = word_find(attr->words, value, &len);
		snprintf(out, HZ_TUNE_TEXT_MAX, "%.*s", len, word);
		return;
	case HZ_TUNE_PORTS:
		snprintf(out, HZ_TUNE_TEXT_MAX, "%u-%u", value >> 16, value & UINT16_MAX);
		return;
	case HZ_TUNE_CPUS:
		cpus_print(tune, out);
		return;
	case HZ_TUNE_DEVICES:
		devices_print(tune, out);
		return;
	case HZ_TUNE_U32:
	case HZ_TUNE_BOOL:
		break;
	}
	snprintf(out, HZ_TUNE_TEXT_MAX, "%u", value);
}
