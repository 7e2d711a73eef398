#include "out.h"
#include <errno.h>
#include <string.h>

/* ensure_ascii stays off: names are UTF-8; control characters are escaped by JSON itself. */
static size_t dump_flags(const struct hz_out *out)
{
	return (out->is_pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(9);
}

static int stdout_flush(struct hz_err *err)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	return hz_err_set(err, -EIO, 1, "output", "", "stdout: %s", strerror(errno));
}

int hz_out_result(const struct hz_out *out, json_t *result, hz_out_text_fn *text,
                  struct hz_err *err)
{
	if (result == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	if (out->is_json) {
		(void)json_dumpf(result, stdout, dump_flags(out));
		fputc('\n', stdout);
	} else {
		text(stdout, result);
	}
	json_decref(result);
	return stdout_flush(err);
}

/* A `why` of several lines is one of ours with a report behind it, as of a configuration file: it keeps
 * its lines. */
static void report_print(const struct hz_err *err)
{
	fprintf(stderr, "hzctl: %s\n  why:  ", err->what);
	for (const char *at = err->why; *at != '\0'; at++)
		fputc(*at == '\n' || (unsigned char)*at >= 0x20 ? *at : '?', stderr);
	if (err->hint[0] != '\0')
		fprintf(stderr, "  try:  %s\n", err->hint);
}

void hz_out_error(const struct hz_out *out, const struct hz_err *err, json_t *details)
{
	json_t *object;

	if (!out->is_json) {
		if (strchr(err->why, '\n') != NULL)
			report_print(err);
		else
			hz_err_print(stderr, "hzctl", err);
		json_decref(details);
		return;
	}
	object = json_object();
	json_object_set_new_nocheck(object, "code", json_string_nocheck(err->code));
	/* Messages may quote a file: what is not UTF-8 is left out rather than breaking the stream. */
	json_object_set_new(object, "message", json_string(err->what) ?: json_string("failed"));
	json_object_set_new(object, "why", json_string(err->why) ?: json_string(""));
	json_object_set_new(object, "hint", json_string(err->hint) ?: json_string(""));
	if (details != NULL)
		json_object_set_new(object, "details", details);
	object = json_pack("{s:o}", "error", object);
	(void)json_dumpf(object, stdout, dump_flags(out));
	fputc('\n', stdout);
	json_decref(object);
}

const char *hz_out_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

uint64_t hz_out_u64(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}
