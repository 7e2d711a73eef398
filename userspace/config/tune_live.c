/* Settings of a running hzd: which may change, and what they are. */
#include "config/tune.h"
#include <stdio.h>
#include <string.h>

bool hz_tune_is_live(const char *path)
{
	static const char *const live[] = { "shed/mode", "shed/verdict", "shed/fixed_permille",
		                            "shed/max_permille", "shed/start_percent" };

	for (size_t i = 0; i < HZ_ARRAY_LEN(live); i++)
		if (strcmp(live[i], path) == 0)
			return true;
	return false;
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

void hz_tune_print(const struct hz_tune *tune, const struct hz_tune_attr *attr,
                   char out[HZ_TUNE_TEXT_MAX])
{
	uint32_t value;
	int len = 0;
	const char *word;

	memcpy(&value, (const char *)tune + attr->offset, sizeof(value));
	if (attr->kind == HZ_TUNE_ENUM) {
		word = word_find(attr->words, value, &len);
		snprintf(out, HZ_TUNE_TEXT_MAX, "%.*s", len, word);
	} else if (attr->kind == HZ_TUNE_PORTS) {
		snprintf(out, HZ_TUNE_TEXT_MAX, "%u-%u", value >> 16, value & UINT16_MAX);
	} else {
		snprintf(out, HZ_TUNE_TEXT_MAX, "%u", value);
	}
}
