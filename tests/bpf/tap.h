/* Result lines for test programs that are tables: `ok NAME`, `not ok NAME: WHY`, `skip NAME: WHY`. */
#ifndef HZ_TAP_H
#define HZ_TAP_H

#include "core/base.h"

struct tap {
	const char *prefix; /* "clang-14": in front of each name; NULL: none */
	unsigned passed;
	unsigned failed;
};

/* why NULL: passed. */
void tap_result(struct tap *tap, const char *name, const char *why);
void tap_skip(const struct tap *tap, const char *name, const char *why);
/* A failure with a composed reason, and the same as an expression for `if (!...)`. */
void tap_fail(struct tap *tap, const char *name, const char *why_format, ...) HZ_PRINTF(3, 4);

#endif
