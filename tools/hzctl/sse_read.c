#include "sse_read.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int hz_sse_read_open(struct hz_sse_read *out)
{
	struct hz_sse_read reader = { .part = HZ_SSE_READ_STATUS };

	reader.line = malloc(HZ_SSE_READ_LINE_MAX);
	reader.data = malloc(HZ_SSE_READ_LINE_MAX);
	if (reader.line == NULL || reader.data == NULL) {
		hz_sse_read_close(&reader);
		return -ENOMEM;
	}
	*out = reader;
	return 0;
}

void hz_sse_read_close(struct hz_sse_read *reader)
{
	free(reader->line);
	free(reader->data);
	*reader = (struct hz_sse_read){ .line = NULL };
}

/* "HTTP/1.1 200 OK" */
static int status_line(struct hz_sse_read *reader)
{
	const char *line = reader->line;
	int status = 0;

	if (reader->line_bytes < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return -EBADMSG;
	for (unsigned i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		status = 10 * status + (line[i] - '0');
	}
	reader->http_status = status;
	reader->part = HZ_SSE_READ_FIELDS;
	return status == 200 ? 0 : -EBADMSG;
}

/* We ask with HTTP/1.0, to which nobody may answer with a transfer coding (RFC 9112 6.1). */
static int field_line(struct hz_sse_read *reader)
{
	static const char coding[] = "transfer-encoding:";

	if (reader->line_bytes == 0) {
		reader->part = HZ_SSE_READ_EVENTS;
		return 0;
	}
	if (reader->line_bytes >= sizeof(coding) - 1 &&
	    strncasecmp(reader->line, coding, sizeof(coding) - 1) == 0)
		return -EBADMSG;
	return 0;
}

/* The value behind "NAME:", of which one blank does not count; NULL: another field. */
static const char *value_of(const struct hz_sse_read *reader, const char *name, size_t *len)
{
	size_t at = strlen(name);

	if (reader->line_bytes < at || memcmp(reader->line, name, at) != 0)
		return NULL;
	if (at < reader->line_bytes && reader->line[at] == ' ')
		at++;
	*len = reader->line_bytes - at;
	return reader->line + at;
}

static void event_line(struct hz_sse_read *reader, hz_sse_read_fn *fn, void *ctx)
{
	const char *value;
	size_t len = 0;

	if (reader->line_bytes == 0) {
		if (reader->has_data)
			fn(ctx, reader->name, reader->data, reader->data_bytes);
		reader->name[0] = '\0';
		reader->has_data = false;
	} else if ((value = value_of(reader, "event:", &len)) != NULL) {
		len = HZ_MIN(len, (size_t)HZ_SSE_READ_NAME_MAX - 1);
		memcpy(reader->name, value, len);
		reader->name[len] = '\0';
	} else if ((value = value_of(reader, "data:", &len)) != NULL) {
		/* a second line replaces the first: no event of ours has two */
		memcpy(reader->data, value, len);
		reader->data_bytes = len;
		reader->has_data = true;
	}
}

static int line_end(struct hz_sse_read *reader, hz_sse_read_fn *fn, void *ctx)
{
	bool was_overlong = reader->is_overlong;
	int status = 0;

	if (reader->line_bytes > 0 && reader->line[reader->line_bytes - 1] == '\r')
		reader->line_bytes--;
	reader->is_overlong = false;
	if (was_overlong) {
		reader->skipped++;
		status = reader->part == HZ_SSE_READ_EVENTS ? 0 : -EBADMSG;
	} else if (reader->part == HZ_SSE_READ_STATUS) {
		status = status_line(reader);
	} else if (reader->part == HZ_SSE_READ_FIELDS) {
		status = field_line(reader);
	} else {
		event_line(reader, fn, ctx);
	}
	reader->line_bytes = 0;
	return status;
}

int hz_sse_read_feed(struct hz_sse_read *reader, const char *bytes, size_t len, hz_sse_read_fn *fn,
                     void *ctx)
{
	const char *newline;
	size_t take;
	int status;

	while (len > 0) {
		newline = memchr(bytes, '\n', len);
		take = newline != NULL ? (size_t)(newline - bytes) : len;
		if (take > HZ_SSE_READ_LINE_MAX - reader->line_bytes)
			reader->is_overlong = true;
		if (!reader->is_overlong) {
			memcpy(reader->line + reader->line_bytes, bytes, take);
			reader->line_bytes += take;
		}
		if (newline == NULL)
			return 0;
		status = line_end(reader, fn, ctx);
		if (status != 0)
			return status;
		bytes += take + 1;
		len -= take + 1;
	}
	return 0;
}
