/* Reading a site's tree: what every section needs. Private to config. */
#ifndef HZ_SITE_READ_H
#define HZ_SITE_READ_H

#include "config/site.h"
#include "config/site_errors.h"
#include "config/yaml_doc.h"

/* One run. Errors of content are collected and reading goes on; only a lack of memory ends it: err
 * becomes -ENOMEM and sticks. */
struct hz_site_reader {
	struct hz_site *site;
	struct hz_site_errors *errors;
	uint32_t fail_count;  /* of errors, those included that errors has no room for */
	const char *scope;    /* the name of the route that is being read; else NULL */
	uint32_t files_count; /* routes with `files` so far */
	int err;
};

/* One known key of a mapping. read gets the key, whose value is key->value, and the caller's into. */
struct hz_site_key {
	const char *name;
	void (*read)(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
	bool is_required;
};

/* An error at a node; NULL when it is not recorded. */
struct hz_site_error *hz_site_read_fail(struct hz_site_reader *r, const struct hz_yaml_node *at,
                                        const char *format, ...) HZ_PRINTF(3, 4);

/* The same at a part of a scalar: `bytes` bytes from offset on, as far as they can be located. */
struct hz_site_error *hz_site_read_fail_part(struct hz_site_reader *r,
                                             const struct hz_yaml_node *at, size_t offset,
                                             size_t bytes, const char *format, ...) HZ_PRINTF(5, 6);

/* Reads every key of node, a mapping, by keys, an array of count; where ends the sentence "unknown key
 * 'x' in ...". false: something was wrong in it, here or below. */
bool hz_site_read_map(struct hz_site_reader *r, const struct hz_yaml_node *node, const char *where,
                      const struct hz_site_key *keys, size_t count, void *into);

/* key->value as a list; NULL and an error when it is none or holds more than most items. */
const struct hz_yaml_node *hz_site_read_list(struct hz_site_reader *r,
                                             const struct hz_yaml_node *key, uint32_t most);

/* key->value as text, pointing into the document. false and an error when it is no scalar, is empty
 * without quotes, has fewer than least or more than most bytes, or holds a control byte. */
bool hz_site_read_word(struct hz_site_reader *r, const struct hz_yaml_node *key, size_t least,
                       size_t most, struct hz_span *out);

/* A whole number without unit, or a size with one ("64KiB", "1MiB"), least..most. */
bool hz_site_read_count(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                        uint64_t most, uint64_t *out);
bool hz_site_read_size(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                       uint64_t most, uint64_t *out);

/* A name as of routes and topics, at node: letters, digits, '_', '-' and '.', which does not lead. */
bool hz_site_read_name(struct hz_site_reader *r, const struct hz_yaml_node *node,
                       struct hz_span text, char out[HZ_SITE_NAME_MAX]);

/* A time with its unit ("50ms", "1s", "5m"). */
bool hz_site_read_time(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least_ns,
                       uint64_t most_ns, uint64_t *out_ns);

/* A share of a whole ("10%"), and requests per time ("2000/s", "10/m", "1/h"). */
bool hz_site_read_percent(struct hz_site_reader *r, const struct hz_yaml_node *key, uint64_t least,
                          uint64_t most, uint64_t *out);
bool hz_site_read_rate(struct hz_site_reader *r, const struct hz_yaml_node *key,
                       uint64_t most_per_hour, uint64_t *out_per_hour);

/* A prefix, at an item of a list; out->is_allowed is the caller's. The same of any text, without a word
 * about what is wrong. */
bool hz_site_prefix_parse(struct hz_span text, struct hz_mw_prefix *out);
bool hz_site_read_prefix(struct hz_site_reader *r, const struct hz_yaml_node *item,
                         struct hz_mw_prefix *out);

/* true or false. */
bool hz_site_read_bool(struct hz_site_reader *r, const struct hz_yaml_node *key, bool *out);

static inline struct hz_conf_place hz_site_read_place(const struct hz_yaml_node *at)
{
	return (struct hz_conf_place){ at->line, at->column, at->width };
}

/* Copies text into the site. */
bool hz_site_read_copy(struct hz_site_reader *r, struct hz_span text, struct hz_span *out);
/* Zeroed memory of the site; NULL: r->err is set. */
void *hz_site_read_get(struct hz_site_reader *r, size_t bytes);

/* site_load.c: a regular file of root or the caller, no symlink, not writable by others, at most so many
 * bytes. *out is the caller's to free. 0 or -errno as of hz_site_load. */
int hz_site_load_text(const char *path, size_t bytes_max, struct hz_span *out);

/* The sections: key->value is theirs. */
void hz_site_listen_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_health_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_sources_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_limits_default(struct hz_site *site);
void hz_site_limits_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_paths_section(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_defaults_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_topics_default(struct hz_site *site);
void hz_site_topics_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);
void hz_site_routes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into);

#endif
