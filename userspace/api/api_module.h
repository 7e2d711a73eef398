/* Handlers in shared objects. Loaded once, at start, from files that only root or the caller could have written; what
 * a later site names must be among them. */
#ifndef HZ_API_MODULE_H
#define HZ_API_MODULE_H

#include "api/api.h"
#include "core/err.h"

struct hz_api_modules; /* owned by the caller of open */
struct hz_api_module;  /* one of them */

/* Their handlers are api's, which outlives them; NULL: they are built and never called. NULL: no memory. */
struct hz_api_modules *hz_api_modules_open(struct hz_api *api);
/* When no handler of theirs is left. Accepts NULL. */
void hz_api_modules_close(struct hz_api_modules *modules);

/* The module of this file, or NULL. */
const struct hz_api_module *hz_api_modules_find(const struct hz_api_modules *modules,
                                                const char *file);

/* Loads file if it is not there yet. 0 or -errno with err filled. */
int hz_api_modules_load(struct hz_api_modules *modules, const char *file, struct hz_err *err);

/* A handler of module for a route called name. 0, or a negative errno with why filled: the module's own words. */
int hz_api_module_build(const struct hz_api_module *module, const char *name, const char *config,
                        struct hz_handler *out, char *why, size_t why_bytes);

#endif
