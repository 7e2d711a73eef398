#include "server/log_pen.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A write for many lines; and twice what the longest takes, which is one of nine texts that are all escaped. */
#define TEXT_BYTES 262144u
_Static_assert(TEXT_BYTES >= 2 * 6 * (HZ_LOG_TEXTS + 1) * HZ_LIMIT_log_text_bytes_max,
               "every line has room");

int hz_log_pen_open(struct hz_log_pen *pen)
{
	uint8_t *text = malloc(TEXT_BYTES);

	if (text == NULL)
		return -ENOMEM;
	*pen = (struct hz_log_pen){ .text = text };
	return 0;
}

void hz_log_pen_close(struct hz_log_pen *pen)
{
	free(pen->text);
	*pen = (struct hz_log_pen){ 0 };
}

static struct hz_span record_skip(struct hz_span records)
{
	uint32_t bytes = hz_log_record_at(records)->bytes;

	return (struct hz_span){ records.data + bytes, records.len - bytes };
}

size_t hz_log_pen_make(struct hz_log_pen *pen, struct hz_span records, uint32_t worker,
                       int64_t wall_offset_ns)
{
	size_t there = records.len;

	for (; records.len > 0; records = record_skip(records)) {
		const struct hz_log_record *record = hz_log_record_at(records);
		struct hz_log_entry entry;
		uint8_t *out = pen->text + pen->end;

		hz_log_record_read(record, worker, wall_offset_ns, &pen->stamp, &entry);
		if (hz_log_line_bound(&entry) > TEXT_BYTES - pen->end)
			break;
		out = hz_log_line_write((enum hz_log_format)record->format, &pen->stamp, &entry,
		                        out);
		pen->end = (size_t)(out - pen->text);
	}
	return there - records.len;
}

ssize_t hz_log_pen_write(struct hz_log_pen *pen, int fd)
{
	ssize_t written = write(fd, pen->text + pen->at, pen->end - pen->at);

	if (written < 0)
		return -errno;
	pen->at += (size_t)written;
	if (pen->at == pen->end)
		pen->at = pen->end = 0;
	return written;
}

bool hz_log_pen_is_torn(const struct hz_log_pen *pen)
{
	return pen->at > 0 && pen->text[pen->at - 1] != '\n';
}

void hz_log_pen_skip(struct hz_log_pen *pen)
{
	const uint8_t *end = memchr(pen->text + pen->at, '\n', pen->end - pen->at);

	if (end != NULL) /* lines are made whole: always */
		pen->at = (size_t)(end + 1 - pen->text);
	if (pen->at == pen->end)
		pen->at = pen->end = 0;
}

uint64_t hz_log_pen_lines(const struct hz_log_pen *pen)
{
	uint64_t lines = 0;

	for (size_t i = pen->at; i < pen->end; i++)
		lines += pen->text[i] == '\n';
	return lines;
}

uint64_t hz_log_pen_records(struct hz_span records)
{
	uint64_t count = 0;

	for (; records.len > 0; records = record_skip(records))
		count++;
	return count;
}
