/* A YAML file as a small tree with positions. Only what a configuration needs: mappings with unique
 * text keys, sequences and scalars; no anchors, aliases, tags, merge keys or second document. */
#ifndef HZ_YAML_DOC_H
#define HZ_YAML_DOC_H

#include "config/site.h"
#include "config/site_memory.h"

#define HZ_YAML_DEPTH_MAX 16u
#define HZ_YAML_KEYS_MAX  256u /* of one mapping */
#define HZ_YAML_NODES_MAX 2000000u

enum hz_yaml_kind { HZ_YAML_SCALAR, HZ_YAML_LIST, HZ_YAML_MAP };

struct hz_yaml_node {
	enum hz_yaml_kind kind;
	bool is_plain;              /* a scalar without quotes */
	bool is_broken;             /* reported already: not to be read, nothing more to be said */
	uint32_t line, column;      /* from 1, in characters */
	uint32_t width;             /* characters on its first line */
	uint32_t count;             /* items, or keys */
	struct hz_span text;        /* of a scalar */
	struct hz_yaml_node *first; /* of a list: its items; of a map: its keys */
	struct hz_yaml_node *next;  /* the item, or key, that follows */
	struct hz_yaml_node *value; /* of a key */
};

/* Parses text into memory. 0, -EINVAL (not a tree, errors filled) or -ENOMEM. What is refused but
 * leaves a tree is in errors too, and *out is written nevertheless, so that reading goes on: the caller
 * looks at errors->count. An empty file is an error. */
int hz_yaml_doc_parse(struct hz_span text, struct hz_site_memory *memory, struct hz_yaml_node **out,
                      struct hz_site_errors *errors);

/* The key called name of a map, or NULL. */
const struct hz_yaml_node *hz_yaml_doc_key(const struct hz_yaml_node *map, const char *name);

#endif
