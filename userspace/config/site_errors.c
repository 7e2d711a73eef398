/* Errors of a site: collecting, sorting, printing with the source line and a caret. */
#include "config/site_errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX  140u /* characters of a source line that are printed */
#define BEFORE_MAX 100u /* of them before the caret */

/* The place that err begins with is told by all's own. */
int hz_site_problem(struct hz_site_errors *all, const struct hz_conf_place *at, int status,
                    const struct hz_err *err)
{
	const char *text = err->why, *colon;
	struct hz_site_error *error;

	if (status == 0 || status == -ENOMEM || all == NULL)
		return status;
	colon = strstr(text, ": ");
	if (strncmp(text, "line ", 5) == 0 && colon != NULL)
		text = colon + 2;
	error = hz_site_errors_add(all, at->line, at->column, at->width, "%s", text);
	if (error != NULL && strlen(err->hint) < sizeof(error->hint)) /* half a command is none */
		memcpy(error->hint, err->hint, strlen(err->hint) + 1);
	return 0;
}

/* Length of the character at `at`; 1, and a '?' on the screen, when it is not whole. */
static size_t char_bytes(struct hz_span text, size_t at)
{
	size_t bytes = hz_site_char_bytes(text.data[at]);

	if (bytes > text.len - at)
		return 1;
	for (size_t i = 1; i < bytes; i++) {
		if ((text.data[at + i] & 0xc0) != 0x80)
			return 1;
	}
	/* U+0080..U+009F are control characters too. */
	return bytes == 2 && text.data[at] == 0xc2 && text.data[at + 1] < 0xa0 ? 1 : bytes;
}

/* Messages quote the file: its control bytes must not reach a terminal, nor characters that were cut
 * where a quotation or the message ends. */
static void text_clean(char *text)
{
	struct hz_span all = { (const uint8_t *)text, strlen(text) };

	for (size_t at = 0, bytes; at < all.len; at += bytes) {
		bytes = char_bytes(all, at);
		if (bytes == 1 && (all.data[at] < 0x20 || all.data[at] >= 0x7f))
			text[at] = '?';
	}
}

struct hz_site_error *hz_site_errors_add(struct hz_site_errors *errors, uint32_t line,
                                         uint32_t column, uint32_t width, const char *format, ...)
{
	struct hz_site_error *error;
	va_list args;

	if (errors->count >= HZ_SITE_ERRORS_MAX)
		return NULL;
	error = &errors->error[errors->count++];
	*error = (struct hz_site_error){ .line = line, .column = column, .width = width };
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	text_clean(error->text);
	return error;
}

void hz_site_errors_hint(struct hz_site_error *error, const struct hz_nearest *nearest)
{
	if (error == NULL || nearest->word.len == 0)
		return;
	snprintf(error->hint, sizeof(error->hint), "did you mean '%.*s'?",
	         HZ_SITE_WORD(nearest->word));
	text_clean(error->hint);
}

static int error_compare(const void *left, const void *right)
{
	const struct hz_site_error *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

void hz_site_errors_sort(struct hz_site_errors *errors)
{
	qsort(errors->error, errors->count, sizeof(errors->error[0]), error_compare);
}

/* The bytes of line number `line`, without its end; empty when there are fewer lines. */
static struct hz_span line_find(struct hz_span text, uint32_t line)
{
	const uint8_t *at = text.data, *end = text.data + text.len;

	if (text.len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	for (uint32_t n = 1; at != NULL && at < end; n++) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop != NULL ? stop : end) - at);

		if (n == line) {
			while (len > 0 && at[len - 1] == '\r')
				len--;
			return (struct hz_span){ at, len };
		}
		at = stop != NULL ? stop + 1 : end;
	}
	return (struct hz_span){ NULL, 0 };
}

uint32_t hz_site_chars_count(struct hz_span text)
{
	uint32_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += (text.data[i] & 0xc0) != 0x80;
	return count;
}

/* One character of the source, made printable: a tab takes one column, as in the caret's line. */
static void char_print(FILE *to, const uint8_t *at, size_t bytes)
{
	if (bytes == 1 && (*at < 0x20 || *at >= 0x7f))
		fputc(*at == '\t' ? ' ' : '?', to);
	else
		fwrite(at, 1, bytes, to);
}

/* The characters of line from number `skip` on; how many were printed. */
static uint32_t line_print(FILE *to, struct hz_span line, uint32_t skip)
{
	uint32_t index = 0;

	for (size_t at = 0; at < line.len && index < skip + SHOWN_MAX; index++) {
		size_t bytes = char_bytes(line, at);

		if (index >= skip)
			char_print(to, line.data + at, bytes);
		at += bytes;
	}
	fputc('\n', to);
	return index > skip ? index - skip : 0;
}

static struct hz_span quote_of(const struct hz_site_error *error)
{
	return (struct hz_span){ (const uint8_t *)error->quote, strlen(error->quote) };
}

static void error_print(FILE *to, const char *name, struct hz_span text,
                        const struct hz_site_error *error)
{
	struct hz_span line = error->file[0] != 0 ? quote_of(error) : line_find(text, error->line);
	uint32_t before = error->column > 0 ? error->column - 1 : 0;
	/* Of a long line the part around the error is shown. */
	uint32_t skip = before > BEFORE_MAX ? before - BEFORE_MAX : 0;
	uint32_t shown, width;

	fprintf(to, "%s:%u:%u: %s: %s\n", error->file[0] != 0 ? error->file : name, error->line,
	        error->column, error->is_warning ? "warning" : "error", error->text);
	if (line.len == 0 && error->hint[0] == 0)
		return;
	fprintf(to, "%5u | ", error->line);
	shown = line_print(to, line, skip);
	fprintf(to, "      | %*s^", (int)(before - skip), "");
	width = HZ_MIN(error->width, shown > before - skip ? shown - (before - skip) : 1);
	for (uint32_t i = 1; i < width; i++)
		fputc('~', to);
	fprintf(to, "%s%s\n", error->hint[0] != 0 ? " " : "", error->hint);
}

void hz_site_errors_print(void *file_stream, const char *name, struct hz_span text,
                          const struct hz_site_errors *errors)
{
	for (uint32_t i = 0; i < errors->count && i < HZ_SITE_ERRORS_MAX; i++)
		error_print(file_stream, name, text, &errors->error[i]);
}
