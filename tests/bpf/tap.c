#include "tap.h"
#include <stdarg.h>
#include <stdio.h>

static void name_print(const struct tap *tap, const char *kind, const char *name)
{
	printf("%s %s%s%s", kind, tap->prefix == NULL ? "" : tap->prefix,
	       tap->prefix == NULL ? "" : ".", name);
}

void tap_result(struct tap *tap, const char *name, const char *why)
{
	if (why != NULL) {
		tap_fail(tap, name, "%s", why);
		return;
	}
	name_print(tap, "ok", name);
	printf("\n");
	tap->passed++;
}

void tap_skip(const struct tap *tap, const char *name, const char *why)
{
	name_print(tap, "skip", name);
	printf(": %s\n", why);
}

void tap_fail(struct tap *tap, const char *name, const char *why_format, ...)
{
	va_list args;

	name_print(tap, "not ok", name);
	printf(": ");
	va_start(args, why_format);
	vprintf(why_format, args);
	va_end(args);
	printf("\n");
	tap->failed++;
}
