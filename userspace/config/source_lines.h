/* A list of sources as a file: one prefix per line, the rest of a line from '#' on is a comment. */
#ifndef HZ_SOURCE_LINES_H
#define HZ_SOURCE_LINES_H

#include "config/site.h"

struct hz_source_entry {
	struct hz_source_rule rule;
	struct hz_source_place at;
};

/* Prefixes that are being collected. */
struct hz_source_set { /* zeroed when empty; hz_source_set_free */
	struct hz_source_entry *entry;
	uint32_t count, room;
};

/* 0, -E2BIG beyond twice HZ_PREFIXES_MAX, or -ENOMEM. */
int hz_source_set_add(struct hz_source_set *set, const struct hz_mw_prefix *prefix,
                      enum hz_source_list list, const struct hz_source_place *at);
/* Sorts it and takes out what is there twice. Returns NULL, or the first prefix that is on two lists: the
 * one behind it is the same on another one. */
const struct hz_source_entry *hz_source_set_settle(struct hz_source_set *set);
void hz_source_set_free(struct hz_source_set *set); /* accepts a zeroed one */

/* Adds what text says to a set. name is that of the file, for its errors, which are recorded as far as
 * errors has room; file its number in a place. 0, -EINVAL with errors, -E2BIG or -ENOMEM. */
int hz_source_lines_parse(struct hz_span text, const char *name, uint32_t file,
                          enum hz_source_list list, struct hz_source_set *set,
                          struct hz_site_errors *errors);

#endif
