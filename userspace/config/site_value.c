/* Scalars: words, counts, sizes, times. */
#include "config/site_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t base; /* bytes, or ns */
};

/* A kind of value with units, smallest first. */
struct measure {
	const char *what;
	const char *example;
	const struct unit *unit;
	size_t count;
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KiB", 1ULL << 10 },
	{ "MiB", 1ULL << 20 },
	{ "GiB", 1ULL << 30 },
};

static const struct unit time_units[] = {
	{ "us", HZ_NS_PER_US },    { "ms", HZ_NS_PER_MS },      { "s", HZ_NS_PER_S },
	{ "m", 60 * HZ_NS_PER_S }, { "h", 3600 * HZ_NS_PER_S },
};

static const struct unit percent_units[] = { { "%", 1 } };

static const struct unit rate_units[] = { { "/h", 1 }, { "/m", 60 }, { "/s", 3600 } };

static const struct measure sizes = { "size", "64KiB", size_units, HZ_ARRAY_LEN(size_units) };
static const struct measure times = { "time", "50ms", time_units, HZ_ARRAY_LEN(time_units) };

static const struct measure percents = { "share", "10%", percent_units,
	                                 HZ_ARRAY_LEN(percent_units) };
static const struct measure rates = { "rate", "2000/s", rate_units, HZ_ARRAY_LEN(rate_units) };

static bool scalar_check(struct hz_site_reader *r, const struct hz_yaml_node *key)
{
	const struct hz_yaml_node *value = key->value;

	if (value->is_broken)
		return false;
	if (value->kind != HZ_YAML_SCALAR) {
		hz_site_read_fail(r, value, "'%.*s' must be a single value, not a %s",
		                  HZ_SITE_WORD(key->text),
		                  value->kind == HZ_YAML_LIST ? "list" : "mapping");
		return false;
	}
	if (value->is_plain && value->text.len == 0) {
		hz_site_read_fail(r, key, "'%.*s' needs a value", HZ_SITE_WORD(key->text));
		return false;
	}
	return true;
}

bool hz_site_read_word(struct hz_site_reader *r, const struct hz_yaml_node *key, size_t least,
                       size_t most, struct hz_span *out)
{
	const struct hz_span *text = &key->value->text;

	if (!scalar_check(r, key))
		return false;
	if (text->len < least || text->len > most) {
		hz_site_read_fail(r, key->value, "'%.*s' must have %zu to %zu bytes, not %zu",
		                  HZ_SITE_WORD(key->text), least, most, text->len);
		return false;
	}
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
			hz_site_read_fail(r, key->value, "'%.*s' holds a control character",
			                  HZ_SITE_WORD(key->text));
			return false;
		}
	}
	*out = *text;
	return true;
}

/* Leading decimal digits; how many there are. *out is UINT64_MAX when they are too many. */
static size_t digits_read(struct hz_span text, uint64_t *out)
{
	uint64_t value = 0;
	bool is_over = false;
	size_t n = 0;

	for (; n < text.len && text.data[n] >= '0' && text.data[n] <= '9'; n++) {
		uint64_t digit = (uint64_t)text.data[n] - '0';

		is_over |= value > (UINT64_MAX - digit) / 10;
		value = value * 10 + digit;
	}
	*out = is_over ? UINT64_MAX : value;
	return n;
}

bool hz_site_read_count(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                        uint64_t most, uint64_t *out)
{
	const struct hz_span text = key->value->text;
	uint64_t value;
	size_t digits;

	if (!scalar_check(r, key))
		return false;
	digits = digits_read(text, &value);
	if (digits == 0 || digits < text.len || (digits > 1 && text.data[0] == '0')) {
		hz_site_read_fail(r, key->value, "'%.*s' must be a whole number, not '%.*s'",
		                  HZ_SITE_WORD(key->text), HZ_SITE_WORD(text));
		return false;
	}
	if (value < least || value > most) {
		hz_site_read_fail(r, key->value, "'%.*s' must be %" PRIu64 " to %" PRIu64,
		                  HZ_SITE_WORD(key->text), least, most);
		return false;
	}
	*out = value;
	return true;
}

/* "64KiB": with the largest unit that divides it. */
static void measure_print(const struct measure *measure, uint64_t value, char out[32])
{
	const struct unit *unit = measure->unit;
	size_t i = measure->count - 1;

	while (i > 0 && (value == 0 || value % unit[i].base != 0))
		i--;
	snprintf(out, 32, "%" PRIu64 "%s", value / unit[i].base, unit[i].name);
}

static const struct unit *unit_find(const struct measure *measure, struct hz_span text)
{
	for (size_t i = 0; i < measure->count; i++) {
		const struct unit *unit = &measure->unit[i];

		if (strlen(unit->name) == text.len && memcmp(unit->name, text.data, text.len) == 0)
			return unit;
	}
	return NULL;
}

static void unit_unknown(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         const struct measure *measure, size_t digits)
{
	const struct hz_span text = key->value->text;
	struct hz_span typed = { text.data + digits, text.len - digits };
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error = hz_site_read_fail_part(
		r, key->value, digits, typed.len, "'%.*s' has the unknown unit '%.*s'",
		HZ_SITE_WORD(key->text), HZ_SITE_WORD(typed));

	/* Backwards: "KB" is as near to B as to KiB, and not meant as B. */
	for (size_t i = measure->count; i-- > 0;) {
		const char *name = measure->unit[i].name;

		hz_nearest_offer(&nearest, typed,
		                 (struct hz_span){ (const uint8_t *)name, strlen(name) });
	}
	hz_site_errors_hint(error, &nearest);
}

static bool measure_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         const struct measure *measure, uint64_t least, uint64_t most,
                         uint64_t *out)
{
	const struct hz_span text = key->value->text;
	const struct unit *unit;
	uint64_t value;
	size_t digits;

	if (!scalar_check(r, key))
		return false;
	digits = digits_read(text, &value);
	if (digits == 0 || (digits > 1 && text.data[0] == '0')) {
		hz_site_read_fail(r, key->value, "'%.*s' must be a %s like %s, not '%.*s'",
		                  HZ_SITE_WORD(key->text), measure->what, measure->example,
		                  HZ_SITE_WORD(text));
		return false;
	}
	if (digits == text.len) {
		hz_site_read_fail(r, key->value, "'%.*s' needs a unit, for example %s",
		                  HZ_SITE_WORD(key->text), measure->example);
		return false;
	}
	unit = unit_find(measure, (struct hz_span){ text.data + digits, text.len - digits });
	if (unit == NULL) {
		unit_unknown(r, key, measure, digits);
		return false;
	}
	if (value > UINT64_MAX / unit->base || value * unit->base < least ||
	    value * unit->base > most) {
		char low[32], high[32];

		measure_print(measure, least, low);
		measure_print(measure, most, high);
		hz_site_read_fail(r, key->value, "'%.*s' must be %s to %s", HZ_SITE_WORD(key->text),
		                  low, high);
		return false;
	}
	*out = value * unit->base;
	return true;
}

bool hz_site_read_size(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                       uint64_t most, uint64_t *out)
{
	return measure_read(r, key, &sizes, least, most, out);
}

bool hz_site_read_time(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least_ns,
                       uint64_t most_ns, uint64_t *out_ns)
{
	return measure_read(r, key, &times, least_ns, most_ns, out_ns);
}

bool hz_site_read_percent(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                          uint64_t most, uint64_t *out)
{
	return measure_read(r, key, &percents, least, most, out);
}

bool hz_site_read_rate(struct hz_site_reader *r, const struct hz_yaml_node *key,
                       uint64_t most_per_hour, uint64_t *out_per_hour)
{
	return measure_read(r, key, &rates, 1, most_per_hour, out_per_hour);
}

bool hz_site_read_bool(struct hz_site_reader *r, const struct hz_yaml_node *key, bool *out)
{
	const struct hz_span text = key->value->text;

	if (!scalar_check(r, key))
		return false;
	if (text.len == 4 && memcmp(text.data, "true", 4) == 0) {
		*out = true;
		return true;
	}
	if (text.len == 5 && memcmp(text.data, "false", 5) == 0) {
		*out = false;
		return true;
	}
	hz_site_read_fail(r, key->value, "'%.*s' must be true or false, not '%.*s'",
	                  HZ_SITE_WORD(key->text), HZ_SITE_WORD(text));
	return false;
}

/* Names become file names and metric labels. */
/* What stands in logs, counters and messages without being quoted. */
static bool is_of_name(uint8_t c, size_t at)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || (c == '.' && at > 0);
}

bool hz_site_name_is_good(const char *name)
{
	size_t len = 0;

	while (name[len] != '\0' && len < HZ_SITE_NAME_MAX && is_of_name((uint8_t)name[len], len))
		len++;
	return len > 0 && len < HZ_SITE_NAME_MAX && name[len] == '\0';
}

bool hz_site_read_name(struct hz_site_reader *r, const struct hz_yaml_node *node,
                       struct hz_span text, char out[HZ_SITE_NAME_MAX])
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_of_name(text.data[i], i)) {
			hz_site_read_fail(r, node,
			                  "a name is made of letters, digits, '_', '-' and '.', "
			                  "not '%.*s'",
			                  HZ_SITE_WORD(text));
			return false;
		}
	}
	memset(out, 0, HZ_SITE_NAME_MAX);
	memcpy(out, text.data, text.len);
	return true;
}
