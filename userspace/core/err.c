#include "core/err.h"
#include "core/span_ops.h"
#include <stdarg.h>

int hz_err_set(struct hz_err *err, int value, int exit_code, const char *code, const char *hint,
               const char *why_format, ...)
{
	va_list args;

	err->exit_code = exit_code;
	snprintf(err->code, sizeof(err->code), "%s", code);
	snprintf(err->hint, sizeof(err->hint), "%s", hint == NULL ? "" : hint);
	va_start(args, why_format);
	vsnprintf(err->why, sizeof(err->why), why_format, args);
	va_end(args);
	return value;
}

void hz_err_what(struct hz_err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->what, sizeof(err->what), format, args);
	va_end(args);
}

static void line_print(FILE *to, const char *label, const char *text)
{
	char line[sizeof(((struct hz_err *)0)->why)];
	int len = snprintf(line, sizeof(line), "%s", text);

	if (len <= 0)
		return;
	hz_span_make_printable(
		(struct hz_wspan){ (uint8_t *)line, HZ_MIN((size_t)len, sizeof(line) - 1) });
	fprintf(to, "%s%s\n", label, line);
}

void hz_err_print(FILE *to, const char *program, const struct hz_err *err)
{
	fprintf(to, "%s", program);
	line_print(to, ": ", err->what[0] == '\0' ? "failed" : err->what);
	line_print(to, "  why:  ", err->why);
	line_print(to, "  try:  ", err->hint);
}
