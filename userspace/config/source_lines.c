#include "config/source_lines.h"
#include "config/site_errors.h"
#include "config/site_read.h"
#include "core/span_ops.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 256u
#define RULES_MAX  (2u * HZ_PREFIXES_MAX)

int hz_source_set_add(struct hz_source_set *set, const struct hz_mw_prefix *prefix,
                      enum hz_source_list list, const struct hz_source_place *at)
{
	if (set->count == RULES_MAX)
		return -E2BIG;
	if (set->count == set->room) {
		uint32_t room = set->room == 0 ? ROOM_FIRST : set->room * 2;
		struct hz_source_entry *entry = realloc(set->entry, room * sizeof(*entry));

		if (entry == NULL)
			return -ENOMEM;
		set->entry = entry;
		set->room = room;
	}
	set->entry[set->count++] = (struct hz_source_entry){
		.rule = { .addr = prefix->addr, .bits = prefix->bits, .list = (uint8_t)list },
		.at = *at,
	};
	return 0;
}

/* IPv4, which is mapped, is shorter than it looks: bits of the two families are never compared, as the
 * addresses of one begin otherwise than those of the other. */
static int entry_compare(const void *left, const void *right)
{
	const struct hz_source_entry *first = left, *second = right;
	const struct hz_source_rule *a = &first->rule, *b = &second->rule;
	int order = memcmp(a->addr.byte, b->addr.byte, sizeof(a->addr.byte));

	if (order == 0)
		order = (int)a->bits - (int)b->bits;
	return order != 0 ? order : (int)a->list - (int)b->list;
}

static bool is_same_prefix(const struct hz_source_rule *a, const struct hz_source_rule *b)
{
	return a->bits == b->bits && memcmp(a->addr.byte, b->addr.byte, sizeof(a->addr.byte)) == 0;
}

const struct hz_source_entry *hz_source_set_settle(struct hz_source_set *set)
{
	uint32_t kept = 0;

	if (set->count == 0)
		return NULL;
	qsort(set->entry, set->count, sizeof(set->entry[0]), entry_compare);
	for (uint32_t i = 1; i < set->count; i++) {
		struct hz_source_entry *last = &set->entry[kept];

		if (!is_same_prefix(&last->rule, &set->entry[i].rule)) {
			set->entry[++kept] = set->entry[i];
		} else if (last->rule.list != set->entry[i].rule.list) {
			set->entry[kept + 1] = set->entry[i];
			return last;
		}
	}
	set->count = kept + 1;
	return NULL;
}

void hz_source_set_free(struct hz_source_set *set)
{
	free(set->entry);
	*set = (struct hz_source_set){ 0 };
}

/* --- lines ------------------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The word of a line, without its comment and the blanks around; len 0: there is none. */
static struct hz_span word_of(struct hz_span line)
{
	size_t from = 0, end = hz_span_find(line, '#');

	while (from < end && is_blank(line.data[from]))
		from++;
	while (end > from && is_blank(line.data[end - 1]))
		end--;
	return (struct hz_span){ line.data + from, end - from };
}

/* Of a word of line number `number`. */
static struct hz_source_place place_of(uint32_t file, uint32_t number, struct hz_span line,
                                       struct hz_span word)
{
	struct hz_span before = { line.data, (size_t)(word.data - line.data) };

	return (struct hz_source_place){ .file = file,
		                         .line = number,
		                         .column = hz_site_chars_count(before) + 1,
		                         .width = HZ_MAX(hz_site_chars_count(word), 1u) };
}

static void line_fail(struct hz_site_errors *errors, const char *name,
                      const struct hz_source_place *at, struct hz_span line, struct hz_span word)
{
	struct hz_site_error *error = hz_site_errors_add(
		errors, at->line, at->column, at->width,
		"'%.*s' is no prefix, as 10.0.0.0/8 or 2001:db8::/32, with no bit set beyond it",
		HZ_SITE_WORD(word));
	size_t bytes = HZ_MIN(line.len, sizeof(error->quote) - 1);

	if (error == NULL)
		return;
	snprintf(error->file, sizeof(error->file), "%s", name);
	memcpy(error->quote, line.data, bytes);
	error->quote[bytes] = '\0';
}

int hz_source_lines_parse(struct hz_span text, const char *name, uint32_t file,
                          enum hz_source_list list, struct hz_source_set *set,
                          struct hz_site_errors *errors)
{
	uint32_t number = 0;
	bool is_good = true;
	int status = 0;

	if (hz_span_starts_with(text, HZ_SPAN_LITERAL("\xef\xbb\xbf")))
		text = hz_span_skip(text, 3);
	while (text.len > 0 && status == 0) {
		size_t end = hz_span_find(text, '\n');
		struct hz_span line = { text.data, end }, word = word_of(line);
		struct hz_mw_prefix prefix = { .bits = 0 };
		struct hz_source_place at;

		number++;
		text = hz_span_skip(text, HZ_MIN(end + 1, text.len));
		if (word.len == 0)
			continue;
		at = place_of(file, number, line, word);
		if (hz_site_prefix_parse(word, &prefix)) {
			status = hz_source_set_add(set, &prefix, list, &at);
			continue;
		}
		is_good = false;
		line_fail(errors, name, &at, line, word);
		if (errors->count == HZ_SITE_ERRORS_MAX) /* no place for another one */
			break;
	}
	if (status != 0)
		return status;
	return is_good ? 0 : -EINVAL;
}
