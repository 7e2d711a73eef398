/* Settings by path: the table of tune.def, and setting one value of it. */
#include "config/tune.h"

#include "config/nearest.h"
#include "config/tune_cpus.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct hz_tune_attr hz_tune_attrs[] = {
#define HZ_TUNE(field, path, kind, unit, min, max, value, when, words, help)                       \
	{ path,                                                                                    \
	  unit,                                                                                    \
	  words,                                                                                   \
	  help,                                                                                    \
	  offsetof(struct hz_tune, field),                                                         \
	  HZ_TUNE_##kind,                                                                          \
	  HZ_TUNE_WHEN_##when,                                                                     \
	  min,                                                                                     \
	  max,                                                                                     \
	  value },
#include "config/tune.def"
#undef HZ_TUNE
};
const size_t hz_tune_attr_count = HZ_ARRAY_LEN(hz_tune_attrs);

/* Where a sentence goes. */
struct why {
	char *text;
	size_t bytes;
};

static int fail(const struct why *why, int err, const char *format, ...) HZ_PRINTF(3, 4);

static int fail(const struct why *why, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, why->bytes, format, args);
	va_end(args);
	return err;
}

static uint32_t *field_of(struct hz_tune *tune, const struct hz_tune_attr *attr)
{
	return (uint32_t *)(void *)((char *)tune + attr->offset);
}

void hz_tune_defaults(struct hz_tune *tune)
{
	*tune = (struct hz_tune){ 0 };
	for (size_t i = 0; i < HZ_ARRAY_LEN(hz_tune_attrs); i++)
		*field_of(tune, &hz_tune_attrs[i]) = hz_tune_attrs[i].value;
}

static struct hz_span span_of(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static bool span_is(struct hz_span span, struct hz_span word)
{
	return span.len == word.len &&
	       (span.len == 0 || memcmp(span.data, word.data, span.len) == 0);
}

/* Word number index of a list separated by spaces; len 0: there is none. */
static struct hz_span word_at(const char *words, uint32_t index)
{
	struct hz_span word = { NULL, 0 };

	for (uint32_t i = 0; i <= index; i++) {
		words += strspn(words, " ");
		word = (struct hz_span){ (const uint8_t *)words, strcspn(words, " ") };
		words += word.len;
	}
	return word;
}

const struct hz_tune_attr *hz_tune_find(const char *path)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(hz_tune_attrs); i++)
		if (strcmp(hz_tune_attrs[i].path, path) == 0)
			return &hz_tune_attrs[i];
	return NULL;
}

static const struct hz_tune_attr *attr_find(const char *path, const struct why *why)
{
	const struct hz_tune_attr *attr = hz_tune_find(path);
	struct hz_nearest nearest = { 0 };

	if (attr != NULL)
		return attr;
	for (size_t i = 0; i < HZ_ARRAY_LEN(hz_tune_attrs); i++)
		hz_nearest_offer(&nearest, span_of(path), span_of(hz_tune_attrs[i].path));
	if (nearest.word.len > 0)
		fail(why, 0, "there is no setting '%.48s', did you mean '%.*s'?", path,
		     (int)nearest.word.len, (const char *)nearest.word.data);
	else
		fail(why, 0, "there is no setting '%.48s'", path);
	return NULL;
}

/* Decimal digits only, no leading zero: no sign, no 0x, no exponent. */
static int u32_set(const struct hz_tune_attr *attr, struct hz_span text, uint32_t *out,
                   const struct why *why)
{
	const char *space = attr->unit[0] != 0 ? " " : "";
	uint64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return fail(why, -EINVAL, "%s must be a whole number", attr->path);
		if (value <= UINT32_MAX) /* beyond, it can only be out of bounds */
			value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
		return fail(why, -EINVAL, "%s must be a whole number", attr->path);
	if (value < attr->min || value > attr->max)
		return fail(why, -ERANGE, "%s must be %u to %u%s%s", attr->path, attr->min,
		            attr->max, space, attr->unit);
	/* The driver's descriptor rings are indexed with a mask. */
	if (attr->offset == offsetof(struct hz_tune, boot_ring_slots) && (value & (value - 1)) != 0)
		return fail(why, -EINVAL, "%s must be a power of two", attr->path);
	*out = (uint32_t)value;
	return 0;
}

static int bool_set(const struct hz_tune_attr *attr, struct hz_span text, uint32_t *out,
                    const struct why *why)
{
	static const char yes[] = "1 y on", no[] = "0 n off";

	for (uint32_t i = 0; i < 3; i++) {
		bool is_yes = span_is(text, word_at(yes, i));

		if (is_yes || span_is(text, word_at(no, i))) {
			*out = is_yes;
			return 0;
		}
	}
	return fail(why, -EINVAL, "%s must be 0 or 1 (or n, y, off, on)", attr->path);
}

static int enum_set(const struct hz_tune_attr *attr, struct hz_span text, uint32_t *out,
                    const struct why *why)
{
	for (uint32_t i = 0; i <= attr->max; i++) {
		if (text.len > 0 && span_is(text, word_at(attr->words, i))) {
			*out = i;
			return 0;
		}
	}
	return fail(why, -EINVAL, "%s must be one of: %s", attr->path, attr->words);
}

/* A port at *at, and past it: digits without a leading zero. UINT32_MAX: none there. */
static uint32_t port_read(struct hz_span text, size_t *at)
{
	size_t from = *at;
	uint32_t port = 0;

	for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
		if (port <= UINT16_MAX) /* beyond, it can only be out of bounds */
			port = port * 10 + (uint32_t)(text.data[*at] - '0');
	}
	return *at == from || text.data[from] == '0' ? UINT32_MAX : port;
}

static int ports_set(const struct hz_tune_attr *attr, struct hz_span text, uint32_t *out,
                     const struct why *why)
{
	size_t at = 0;
	uint32_t first = port_read(text, &at), last = UINT32_MAX;

	if (at < text.len && text.data[at] == '-') {
		at++;
		last = port_read(text, &at);
	}
	if (first == UINT32_MAX || last == UINT32_MAX || at != text.len || first > last)
		return fail(why, -EINVAL, "%s must be FIRST-LAST, like 32768-60999", attr->path);
	if (first < attr->min || last > attr->max)
		return fail(why, -ERANGE, "%s must be within %u-%u", attr->path, attr->min,
		            attr->max);
	*out = first << 16 | last;
	return 0;
}

static int cpus_set(const struct hz_tune_attr *attr, struct hz_span text, struct hz_tune *tune,
                    const struct why *why)
{
	int err = hz_tune_cpus_parse(text, tune->cpu, &tune->cpu_count);

	if (err == -EEXIST)
		return fail(why, -EINVAL, "%s names a CPU twice", attr->path);
	if (err == -ERANGE)
		return fail(why, -ERANGE, "%s takes up to %zu CPUs of 0 to %d", attr->path,
		            HZ_ARRAY_LEN(tune->cpu), HZ_TUNE_CPU_MAX);
	if (err != 0)
		return fail(why, -EINVAL, "%s must be a list like 1-3,6", attr->path);
	*field_of(tune, attr) = tune->cpu_count;
	return 0;
}

static int device_add(const struct hz_tune_attr *attr, const char *value, size_t bytes,
                      struct hz_tune *tune, const struct why *why)
{
	char text[HZ_DEVICE_TEXT_MAX], cause[160] = "";
	struct hz_device device;

	if (tune->boot_device == HZ_TUNE_DEVICES_MAX)
		return fail(why, -ERANGE, "%s: at most %u", attr->path, HZ_TUNE_DEVICES_MAX);
	if (bytes >= sizeof(text))
		return fail(why, -ERANGE, "%s has at most %zu characters", attr->path,
		            sizeof(text) - 1);
	memcpy(text, value, bytes);
	text[bytes] = '\0';
	if (hz_device_text_parse(text, &device, cause, sizeof(cause)) != 0)
		return fail(why, -EINVAL, "%s: %s", attr->path, cause);
	memcpy(tune->device[tune->boot_device++], text, bytes + 1);
	return 0;
}

int hz_tune_set(struct hz_tune *tune, const char *path, const char *value, char *why_text,
                size_t why_bytes)
{
	const struct why why = { why_text, why_bytes };
	const struct hz_tune_attr *attr = attr_find(path, &why);
	struct hz_span text = span_of(value);

	if (attr == NULL)
		return -ENOENT;
	/* As sysfs does: `echo` ends a value with a newline. */
	if (text.len > 0 && (value[text.len - 1] == '\n' || value[text.len - 1] == ' '))
		text.len--;
	switch (attr->kind) {
	case HZ_TUNE_U32:
		return u32_set(attr, text, field_of(tune, attr), &why);
	case HZ_TUNE_BOOL:
		return bool_set(attr, text, field_of(tune, attr), &why);
	case HZ_TUNE_ENUM:
		return enum_set(attr, text, field_of(tune, attr), &why);
	case HZ_TUNE_PORTS:
		return ports_set(attr, text, field_of(tune, attr), &why);
	case HZ_TUNE_CPUS:
		return cpus_set(attr, text, tune, &why);
	case HZ_TUNE_DEVICES:
		return device_add(attr, value, text.len, tune, &why);
	}
	return fail(&why, -EINVAL, "%s cannot be set", attr->path);
}
