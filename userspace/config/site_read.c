/* Walking the tree and saying what is wrong with it. */
#include "config/site_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct hz_site_error *fail(struct hz_site_reader *r, const struct hz_yaml_node *at,
                                  uint32_t column, uint32_t width, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

static struct hz_site_error *fail(struct hz_site_reader *r, const struct hz_yaml_node *at,
                                  uint32_t column, uint32_t width, const char *format, va_list args)
{
	char text[sizeof(r->errors->error[0].text)];

	if (at->is_broken)
		return NULL;
	r->fail_count++;
	vsnprintf(text, sizeof(text), format, args);
	return hz_site_errors_add(r->errors, at->line, column, width, "%s", text);
}

struct hz_site_error *hz_site_read_fail(struct hz_site_reader *r, const struct hz_yaml_node *at,
                                        const char *format, ...)
{
	struct hz_site_error *error;
	va_list args;

	va_start(args, format);
	error = fail(r, at, at->column, at->width, format, args);
	va_end(args);
	return error;
}

/* A part has a place in the file when the scalar stands there as it reads: on one line, and in quotes
 * without an escape. */
struct hz_site_error *hz_site_read_fail_part(struct hz_site_reader *r,
                                             const struct hz_yaml_node *at, size_t offset,
                                             size_t bytes, const char *format, ...)
{
	struct hz_span before = { at->text.data, HZ_MIN(offset, at->text.len) };
	struct hz_span part = { at->text.data + before.len,
		                HZ_MIN(bytes, at->text.len - before.len) };
	uint32_t quotes = at->is_plain ? 0 : 2;
	uint32_t column = at->column, width = at->width;
	struct hz_site_error *error;
	va_list args;

	if (at->width == hz_site_chars_count(at->text) + quotes) {
		column += quotes / 2 + hz_site_chars_count(before);
		width = HZ_MAX(hz_site_chars_count(part), 1u);
	}
	va_start(args, format);
	error = fail(r, at, column, width, format, args);
	va_end(args);
	return error;
}

static const struct hz_site_key *key_find(const struct hz_site_key *keys, size_t count,
                                          struct hz_span name)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(keys[i].name) == name.len &&
		    (name.len == 0 || memcmp(keys[i].name, name.data, name.len) == 0))
			return &keys[i];
	}
	return NULL;
}

static void key_unknown(struct hz_site_reader *r, const struct hz_yaml_node *key, const char *where,
                        const struct hz_site_key *keys, size_t count)
{
	struct hz_nearest nearest = { 0 };
	struct hz_site_error *error = hz_site_read_fail(r, key, "unknown key '%.*s' in %s",
	                                                HZ_SITE_WORD(key->text), where);

	for (size_t i = 0; i < count; i++)
		hz_nearest_offer(
			&nearest, key->text,
			(struct hz_span){ (const uint8_t *)keys[i].name, strlen(keys[i].name) });
	hz_site_errors_hint(error, &nearest);
}

bool hz_site_read_map(struct hz_site_reader *r, const struct hz_yaml_node *node, const char *where,
                      const struct hz_site_key *keys, size_t count, void *into)
{
	uint32_t fails_before = r->fail_count;
	bool has_unknown = false;

	if (node->kind != HZ_YAML_MAP) {
		hz_site_read_fail(r, node, "%s must be a mapping of keys to values", where);
		return false;
	}
	for (const struct hz_yaml_node *key = node->first; key != NULL; key = key->next) {
		const struct hz_site_key *known = key_find(keys, count, key->text);

		if (key->is_broken)
			continue;
		if (known == NULL)
			key_unknown(r, key, where, keys, count);
		else
			known->read(r, key, into);
		has_unknown |= known == NULL;
	}
	/* A misspelt key is one error: that its right form is missing follows. */
	for (size_t i = 0; i < count && !has_unknown; i++) {
		if (keys[i].is_required && hz_yaml_doc_key(node, keys[i].name) == NULL)
			hz_site_read_fail(r, node, "%s needs '%s'", where, keys[i].name);
	}
	return r->err == 0 && r->fail_count == fails_before;
}

const struct hz_yaml_node *hz_site_read_list(struct hz_site_reader *r,
                                             const struct hz_yaml_node *key, uint32_t most)
{
	if (key->value->kind != HZ_YAML_LIST) {
		hz_site_read_fail(r, key->value, "'%.*s' must be a list", HZ_SITE_WORD(key->text));
		return NULL;
	}
	if (key->value->count > most) {
		hz_site_read_fail(r, key, "'%.*s' has %u entries, at most %u are allowed",
		                  HZ_SITE_WORD(key->text), key->value->count, most);
		return NULL;
	}
	return key->value;
}

bool hz_site_read_copy(struct hz_site_reader *r, struct hz_span text, struct hz_span *out)
{
	int err = hz_site_memory_copy(r->site->memory, text, out);

	if (err != 0)
		r->err = err;
	return err == 0;
}

void *hz_site_read_get(struct hz_site_reader *r, size_t bytes)
{
	void *memory = hz_site_memory_get(r->site->memory, bytes);

	if (memory == NULL)
		r->err = -ENOMEM;
	return memory;
}
