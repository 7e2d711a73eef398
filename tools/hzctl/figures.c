#include "figures.h"
#include "core/base.h"
#include <string.h>

void hz_figures_count(uint64_t count, char out[HZ_FIGURES_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ' ';
		*to++ = digits[i];
	}
	*to = '\0';
}

void hz_figures_short(uint64_t count, char out[HZ_FIGURES_MAX])
{
	static const char units[] = "kMGTPE";
	uint64_t unit = 1000;
	size_t i = 0;

	if (count < 10000) {
		snprintf(out, HZ_FIGURES_MAX, "%llu", (unsigned long long)count);
		return;
	}
	while (count / unit >= 1000) {
		unit *= 1000;
		i++;
	}
	if (count / unit >= 100)
		snprintf(out, HZ_FIGURES_MAX, "%llu%c", (unsigned long long)(count / unit),
		         units[i]);
	else
		snprintf(out, HZ_FIGURES_MAX, "%llu.%llu%c", (unsigned long long)(count / unit),
		         (unsigned long long)(count / (unit / 10) % 10), units[i]);
}

void hz_figures_many(FILE *to, uint64_t count, const char *one)
{
	char text[HZ_FIGURES_MAX];

	hz_figures_count(count, text);
	fprintf(to, "%s %s%s", text, one, count == 1 ? "" : "s");
}

void hz_figures_ns(uint64_t ns, char out[HZ_FIGURES_MAX])
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { HZ_NS_PER_US, "us" }, { HZ_NS_PER_MS, "ms" }, { HZ_NS_PER_S, "s" } };
	uint64_t unit, tenths, whole;

	if (ns < HZ_NS_PER_US) {
		snprintf(out, HZ_FIGURES_MAX, "%llu ns", (unsigned long long)ns);
		return;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(units); i++) {
		unit = units[i].ns;
		tenths = ns / (unit / 10) + (ns % (unit / 10) >= unit / 20);
		whole = ns / unit + (ns % unit >= unit / 2);
		if (whole >= 1000 && i + 1 < HZ_ARRAY_LEN(units))
			continue; /* 999.6 us is 1.0 ms */
		if (tenths < 1000)
			snprintf(out, HZ_FIGURES_MAX, "%llu.%llu %s",
			         (unsigned long long)tenths / 10, (unsigned long long)tenths % 10,
			         units[i].name);
		else
			snprintf(out, HZ_FIGURES_MAX, "%llu %s", (unsigned long long)whole,
			         units[i].name);
		return;
	}
}

void hz_figures_json_ns(const json_t *value, char out[HZ_FIGURES_MAX])
{
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		hz_figures_ns((uint64_t)json_integer_value(value), out);
	else
		snprintf(out, HZ_FIGURES_MAX, "-");
}

void hz_figures_age(uint64_t seconds, char out[HZ_FIGURES_MAX])
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(out, HZ_FIGURES_MAX, "%llu s", s);
	else if (s < 3600)
		snprintf(out, HZ_FIGURES_MAX, "%llu min", s / 60);
	else if (s < 86400)
		snprintf(out, HZ_FIGURES_MAX, "%lluh %02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, HZ_FIGURES_MAX, "%llud %02lluh", s / 86400, s / 3600 % 24);
}

void hz_figures_bar(FILE *to, uint64_t part, uint64_t most)
{
	unsigned columns = 0;

	if (most > 0)
		columns = (unsigned)((unsigned __int128)part * HZ_FIGURES_BAR / most);
	if (part > 0)
		columns = HZ_MAX(columns, 1u);
	for (unsigned i = 0; i < columns; i++)
		fputc('#', to);
}
