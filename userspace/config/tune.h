/* Settings of this machine, as opposed to the site: one table, one value per path. `hzd -o PATH=VALUE`
 * sets them; errors are sysfs's: -EINVAL syntax, -ERANGE bounds, -ENOENT unknown path. */
#ifndef HZ_TUNE_H
#define HZ_TUNE_H

#include "config/device_text.h"
#include "core/base.h"
#include <stdbool.h>

enum hz_tune_kind {
	HZ_TUNE_U32,
	HZ_TUNE_BOOL,
	HZ_TUNE_ENUM,
	HZ_TUNE_PORTS, /* FIRST-LAST, both within the bounds; the field holds FIRST << 16 | LAST */
	HZ_TUNE_CPUS,
	HZ_TUNE_DEVICES,
};

/* When a value of a running hzd counts, and where anybody looks at it at all. */
enum hz_tune_when {
	HZ_TUNE_WHEN_BOOT,   /* only at start */
	HZ_TUNE_WHEN_RELOAD, /* with the next reload */
	HZ_TUNE_WHEN_LIVE,   /* at once */
	HZ_TUNE_WHEN_PATH,   /* at once; boot/io=socket has nothing that looks at it */
	HZ_TUNE_WHEN_XDP,    /* at once; without XDP there is nothing that looks at it */
};

/* Every setting: field of struct hz_tune, path, kind, unit, min, max, default, when, words of an enum, help.
 * config/tune.def: HZ_TUNE(field, path, kind, unit, min, max, default, when, words, help) */
#define HZ_TUNE_DEVICES_MAX 8u

struct hz_tune {
#define HZ_TUNE(field, path, kind, unit, min, max, value, when, words, help) uint32_t field;
#include "config/tune.def"
#undef HZ_TUNE
	int16_t cpu[64]; /* boot/cpus: list, cpu_count of them */
	uint32_t cpu_count;
	/* boot/device: the field counts them; each value adds one, checked by hz_device_text_parse. */
	char device[HZ_TUNE_DEVICES_MAX][HZ_DEVICE_TEXT_MAX];
};

struct hz_tune_attr {
	const char *path;
	const char *unit;
	const char *words; /* "auto on off" for enums; the value is the index */
	const char *help;
	size_t offset;
	enum hz_tune_kind kind;
	enum hz_tune_when when;
	uint32_t min, max, value;
};
extern const struct hz_tune_attr hz_tune_attrs[];
extern const size_t hz_tune_attr_count;

void hz_tune_defaults(struct hz_tune *tune);
/* why: at least 160 bytes, a sentence for the user, with the nearest path when unknown. */
int hz_tune_set(struct hz_tune *tune, const char *path, const char *value, char *why,
                size_t why_bytes);

const struct hz_tune_attr *hz_tune_find(const char *path); /* NULL: there is none */

/* What an operator reads of it: "live", "at reload"; "" when it changes at start only. */
const char *hz_tune_when_text(const struct hz_tune_attr *attr);

/* The value of a setting as hz_tune_set takes it; of boot/device all values, with blanks between them. */
#define HZ_TUNE_TEXT_MAX (HZ_TUNE_DEVICES_MAX * HZ_DEVICE_TEXT_MAX)
void hz_tune_print(const struct hz_tune *tune, const struct hz_tune_attr *attr,
                   char out[HZ_TUNE_TEXT_MAX]);

#endif
