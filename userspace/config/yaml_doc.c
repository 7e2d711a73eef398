/* libyaml's events into a tree. libyaml accepts duplicate keys and everything YAML has; what is
 * refused here is refused with its position, and composing goes on where the structure allows it. */
#include "config/yaml_doc.h"

#include "config/site_errors.h"
#include <errno.h>
#include <string.h>
#include <yaml.h>

struct level {
	struct hz_yaml_node *node; /* list or map being filled */
	struct hz_yaml_node *last; /* its last item or key */
	struct hz_yaml_node *key;  /* the key that waits for its value */
};

struct composer {
	yaml_parser_t parser;
	struct hz_site_memory *memory;
	struct hz_site_errors *errors;
	struct hz_yaml_node *root;
	struct level level[HZ_YAML_DEPTH_MAX];
	uint32_t depth;
	uint32_t node_count;
	uint32_t document_count;
	struct hz_span text;
};

static uint32_t mark_line(const yaml_mark_t *mark)
{
	return (uint32_t)mark->line + 1;
}

static uint32_t mark_column(const yaml_mark_t *mark)
{
	return (uint32_t)mark->column + 1;
}

static uint32_t event_width(const yaml_event_t *event)
{
	const yaml_mark_t *from = &event->start_mark, *to = &event->end_mark;

	if (to->line != from->line || to->column <= from->column)
		return 1;
	return (uint32_t)(to->column - from->column);
}

/* All return -EINVAL. */
static int refuse(struct composer *c, const yaml_event_t *event, const char *why)
{
	hz_site_errors_add(c->errors, mark_line(&event->start_mark),
	                   mark_column(&event->start_mark), event_width(event), "%s", why);
	return -EINVAL;
}

/* libyaml's reader knows the byte, not the line, of what is not UTF-8. */
static int refuse_encoding(struct composer *c)
{
	uint32_t line = 1, column = 1;

	for (size_t i = 0; i < c->parser.problem_offset && i < c->text.len;
	     i += hz_site_char_bytes(c->text.data[i])) {
		column++;
		if (c->text.data[i] == '\n') {
			line++;
			column = 1;
		}
	}
	hz_site_errors_add(c->errors, line, column, 1, "%s",
	                   c->parser.problem != NULL ? c->parser.problem : "not UTF-8 text");
	return -EINVAL;
}

static int refuse_syntax(struct composer *c)
{
	const yaml_parser_t *parser = &c->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return refuse_encoding(c);
	hz_site_errors_add(c->errors, mark_line(&parser->problem_mark),
	                   mark_column(&parser->problem_mark), 1, "%s%s%s",
	                   parser->problem != NULL ? parser->problem : "not YAML",
	                   parser->context != NULL ? ", " : "",
	                   parser->context != NULL ? parser->context : "");
	return -EINVAL;
}

static bool is_same_text(struct hz_span a, struct hz_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* A new key of the innermost map. Duplicates and merges are reported, and kept for their values. */
static int key_add(struct composer *c, const yaml_event_t *event, struct hz_yaml_node *key)
{
	struct level *level = &c->level[c->depth - 1];

	if (key->kind != HZ_YAML_SCALAR)
		return refuse(c, event, "a key must be text");
	if (level->node->count >= HZ_YAML_KEYS_MAX)
		return refuse(c, event, "more than 256 keys in one mapping");
	if (key->is_plain && is_same_text(key->text, HZ_SPAN_LITERAL("<<")))
		key->is_broken = refuse(c, event, "merge keys are not supported") != 0;
	for (const struct hz_yaml_node *k = level->node->first; k != NULL; k = k->next) {
		if (is_same_text(k->text, key->text)) {
			hz_site_errors_add(c->errors, key->line, key->column, key->width,
			                   "key '%.*s' again, first at line %u",
			                   HZ_SITE_WORD(key->text), k->line);
			key->is_broken = true;
			break;
		}
	}
	level->key = key;
	return 0;
}

/* Puts node where it belongs. Errors end composing: what follows would not be in its place. */
static int node_attach(struct composer *c, const yaml_event_t *event, struct hz_yaml_node *node)
{
	struct level *level;
	int err = 0;

	if (c->depth == 0) {
		c->root = node;
		return 0;
	}
	level = &c->level[c->depth - 1];
	if (level->key != NULL) {
		level->key->value = node;
		level->key = NULL;
		return 0;
	}
	if (level->node->kind == HZ_YAML_MAP)
		err = key_add(c, event, node);
	if (err != 0)
		return err;
	if (level->last == NULL)
		level->node->first = node;
	else
		level->last->next = node;
	level->last = node;
	level->node->count++;
	return 0;
}

/* The node of an event, attached; a list or map becomes the innermost one. */
static int node_add(struct composer *c, const yaml_event_t *event, enum hz_yaml_kind kind,
                    struct hz_span text)
{
	struct hz_yaml_node *node;
	int err;

	if (c->node_count++ >= HZ_YAML_NODES_MAX)
		return refuse(c, event, "the file has too many values");
	if (kind != HZ_YAML_SCALAR && c->depth == HZ_YAML_DEPTH_MAX)
		return refuse(c, event, "nested too deep");
	node = hz_site_memory_get(c->memory, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->kind = kind;
	node->line = mark_line(&event->start_mark);
	node->column = mark_column(&event->start_mark);
	node->width = event_width(event);
	node->is_plain = event->type == YAML_SCALAR_EVENT &&
	                 event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->is_broken = event->type == YAML_ALIAS_EVENT;
	err = hz_site_memory_copy(c->memory, text, &node->text);
	if (err == 0)
		err = node_attach(c, event, node);
	if (err == 0 && kind != HZ_YAML_SCALAR)
		c->level[c->depth++] = (struct level){ .node = node };
	return err;
}

/* Anchors and tags are reported; the value itself is read on. */
static void properties_check(struct composer *c, const yaml_event_t *event,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		refuse(c, event, "anchors are not supported");
	if (tag != NULL)
		refuse(c, event, "tags are not supported");
}

static int document_start(struct composer *c, const yaml_event_t *event)
{
	if (c->document_count++ > 0)
		return refuse(c, event, "a second document: one file holds one site");
	if (event->data.document_start.version_directive != NULL ||
	    event->data.document_start.tag_directives.start !=
	            event->data.document_start.tag_directives.end)
		refuse(c, event, "directives are not supported");
	return 0;
}

static int event_take(struct composer *c, const yaml_event_t *event)
{
	const struct hz_span none = { NULL, 0 };

	/* A switch over libyaml's enum that names what can occur. */
	if (event->type == YAML_DOCUMENT_START_EVENT)
		return document_start(c, event);
	if (event->type == YAML_ALIAS_EVENT) {
		refuse(c, event, "aliases are not supported");
		return node_add(c, event, HZ_YAML_SCALAR, none);
	}
	if (event->type == YAML_SCALAR_EVENT) {
		properties_check(c, event, event->data.scalar.anchor, event->data.scalar.tag);
		return node_add(
			c, event, HZ_YAML_SCALAR,
			(struct hz_span){ event->data.scalar.value, event->data.scalar.length });
	}
	if (event->type == YAML_SEQUENCE_START_EVENT) {
		properties_check(c, event, event->data.sequence_start.anchor,
		                 event->data.sequence_start.tag);
		return node_add(c, event, HZ_YAML_LIST, none);
	}
	if (event->type == YAML_MAPPING_START_EVENT) {
		properties_check(c, event, event->data.mapping_start.anchor,
		                 event->data.mapping_start.tag);
		return node_add(c, event, HZ_YAML_MAP, none);
	}
	if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
		c->depth--;
	return 0;
}

static int compose(struct composer *c)
{
	bool is_end = false;
	int err = 0;

	while (err == 0 && !is_end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&c->parser, &event))
			return refuse_syntax(c);
		err = event_take(c, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return err;
}

int hz_yaml_doc_parse(struct hz_span text, struct hz_site_memory *memory, struct hz_yaml_node **out,
                      struct hz_site_errors *errors)
{
	struct composer c = { .memory = memory, .errors = errors, .text = text };
	int err;

	if (text.len > HZ_LIMIT_site_bytes_max) {
		hz_site_errors_add(errors, 1, 1, 1, "the file is larger than 16 MiB");
		return -EINVAL;
	}
	/* A byte order mark is no character of the text. */
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		c.text = (struct hz_span){ text.data + 3, text.len - 3 };
	if (!yaml_parser_initialize(&c.parser))
		return -ENOMEM;
	/* Else a byte order mark could select UTF-16, in which positions mean something else. */
	yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&c.parser, c.text.len > 0 ? c.text.data : (const uint8_t *)"",
	                             c.text.len);
	err = compose(&c);
	yaml_parser_delete(&c.parser);
	if (err != 0)
		return err;
	if (c.root == NULL) {
		hz_site_errors_add(errors, 1, 1, 1, "the file is empty");
		return -EINVAL;
	}
	*out = c.root;
	return 0;
}

const struct hz_yaml_node *hz_yaml_doc_key(const struct hz_yaml_node *map, const char *name)
{
	struct hz_span text = { (const uint8_t *)name, strlen(name) };

	for (const struct hz_yaml_node *key = map->first; key != NULL; key = key->next) {
		if (is_same_text(key->text, text))
			return key;
	}
	return NULL;
}
