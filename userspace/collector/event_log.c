#include "collector/event_log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[HZ_EVENT_LOG_KINDS] = {
	[HZ_EVENT_SLOW] = "slow",
	[HZ_EVENT_SHED] = "shed",
	[HZ_EVENT_DROP] = "drop",
	[HZ_EVENT_STATE] = "state",
};

const char *hz_event_log_kind(uint32_t kind)
{
	return kind < HZ_EVENT_LOG_KINDS ? kind_names[kind] : NULL;
}

uint32_t hz_event_log_find(const char *name)
{
	for (uint32_t i = 0; i < HZ_EVENT_LOG_KINDS; i++)
		if (kind_names[i] != NULL && strcmp(kind_names[i], name) == 0)
			return i;
	return 0;
}

void hz_event_log_put(struct hz_event_log *log, uint32_t kind, const char *line, size_t bytes)
{
	struct hz_event_entry *entry;
	char *copy;

	if (hz_event_log_kind(kind) == NULL)
		return;
	copy = bytes < HZ_EVENT_LOG_BYTES ? strndup(line, bytes) : NULL;
	if (copy == NULL) {
		log->refused++;
		return;
	}
	entry = &log->entry[kind][log->came[kind]++ % HZ_EVENT_LOG_ROOM];
	free(entry->line);
	entry->line = copy;
	entry->number = ++log->count;
}

/* Writing several kinds in the order they came: the next one of each, and the earliest of those. */
struct walk {
	uint64_t at[HZ_EVENT_LOG_KINDS]; /* of came */
};

static const struct hz_event_entry *walk_next(const struct hz_event_log *log, uint32_t wanted,
                                              struct walk *walk)
{
	const struct hz_event_entry *first = NULL, *entry;
	uint32_t first_kind = 0;

	for (uint32_t kind = 0; kind < HZ_EVENT_LOG_KINDS; kind++) {
		if ((wanted != 0 && kind != wanted) || walk->at[kind] == log->came[kind])
			continue;
		entry = &log->entry[kind][walk->at[kind] % HZ_EVENT_LOG_ROOM];
		if (first == NULL || entry->number < first->number) {
			first = entry;
			first_kind = kind;
		}
	}
	if (first != NULL)
		walk->at[first_kind]++;
	return first;
}

void hz_event_log_write(const struct hz_event_log *log, uint32_t kind, uint32_t last,
                        struct hz_doc *out)
{
	const struct hz_event_entry *entry;
	struct walk walk;
	uint64_t there = 0;
	bool is_first = true;

	for (uint32_t i = 0; i < HZ_EVENT_LOG_KINDS; i++) {
		uint64_t kept = HZ_MIN(log->came[i], (uint64_t)HZ_EVENT_LOG_ROOM);

		walk.at[i] = log->came[i] - kept;
		if (kind == 0 || kind == i)
			there += kept;
	}
	hz_doc_text_add(out, "[", 1);
	while ((entry = walk_next(log, kind, &walk)) != NULL) {
		if (there-- > last)
			continue;
		if (!is_first)
			hz_doc_text_add(out, ",", 1);
		hz_doc_text_add(out, entry->line, strlen(entry->line));
		is_first = false;
	}
	hz_doc_text_add(out, "]", 1);
}

static void text_set(char *to, size_t room, const char *text)
{
	size_t len = strnlen(text, room - 1);

	memset(to, 0, room);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		bool is_plain = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';

		to[i] = is_plain ? text[i] : '?';
	}
}

void hz_event_log_mark_set(struct hz_mark *mark, int64_t unix_s, const char *kind, const char *text)
{
	mark->unix_s = unix_s;
	text_set(mark->kind, sizeof(mark->kind), kind);
	text_set(mark->text, sizeof(mark->text), text);
}

void hz_event_log_mark(struct hz_event_log *log, int64_t unix_s, const char *kind,
                       const char *format, ...)
{
	char text[sizeof(log->mark[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hz_event_log_mark_set(&log->mark[log->mark_count++ % HZ_EVENT_LOG_MARKS], unix_s, kind,
	                      text);
}

void hz_event_log_mark_write(const struct hz_mark *mark, uint64_t more, bool is_first,
                             struct hz_doc *out)
{
	hz_doc_text_print(out, "%s{\"t\":%lld,\"kind\":\"%s\",\"text\":\"%s\"", is_first ? "" : ",",
	                  (long long)mark->unix_s, mark->kind, mark->text);
	if (more > 0)
		hz_doc_text_print(out, ",\"more\":%llu", (unsigned long long)more);
	hz_doc_text_add(out, "}", 1);
}

uint64_t hz_event_log_marks_first(const struct hz_event_log *log)
{
	return log->mark_count - HZ_MIN(log->mark_count, (uint64_t)HZ_EVENT_LOG_MARKS);
}

void hz_event_log_marks_write(const struct hz_event_log *log, int64_t from_s, struct hz_doc *out)
{
	bool is_first = true;

	hz_doc_text_add(out, "[", 1);
	for (uint64_t i = hz_event_log_marks_first(log); i < log->mark_count; i++) {
		const struct hz_mark *mark = &log->mark[i % HZ_EVENT_LOG_MARKS];

		if (mark->unix_s < from_s)
			continue;
		hz_event_log_mark_write(mark, 0, is_first, out);
		is_first = false;
	}
	hz_doc_text_add(out, "]", 1);
}

void hz_event_log_marks_since(const struct hz_event_log *log, uint64_t number, struct hz_doc *out)
{
	const uint64_t from = HZ_MAX(number, hz_event_log_marks_first(log));

	hz_doc_text_add(out, "[", 1);
	for (uint64_t i = from; i < log->mark_count; i++)
		hz_event_log_mark_write(&log->mark[i % HZ_EVENT_LOG_MARKS], 0, i == from, out);
	hz_doc_text_add(out, "]", 1);
}

void hz_event_log_close(struct hz_event_log *log)
{
	for (uint32_t i = 0; i < HZ_EVENT_LOG_KINDS; i++)
		for (uint32_t j = 0; j < HZ_EVENT_LOG_ROOM; j++) {
			free(log->entry[i][j].line);
			log->entry[i][j].line = NULL;
		}
}
