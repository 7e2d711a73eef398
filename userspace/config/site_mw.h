/* Reading middleware: the same keys in a route and in `defaults`. Private to config. */
#ifndef HZ_SITE_MW_H
#define HZ_SITE_MW_H

#include "config/site_read.h"

/* One reader per line of mw.def. into is the struct hz_mw_set. */
#define HZ_MW(name, help)                                                                          \
	void hz_site_mw_##name##_read(struct hz_site_reader *r, const struct hz_yaml_node *key,    \
	                              struct hz_mw_set *set);
#include "core/mw.def"
#undef HZ_MW

/* The same, or `off`. */
#define HZ_MW(name, help)                                                                          \
	void hz_site_mw_##name##_key(struct hz_site_reader *r, const struct hz_yaml_node *key,     \
	                             struct hz_mw_set *set);
#include "core/mw.def"
#undef HZ_MW

/* A route takes from defaults what it does not say itself. */
void hz_site_mw_inherit(struct hz_mw_set *set, const struct hz_mw_set *defaults);

#endif
