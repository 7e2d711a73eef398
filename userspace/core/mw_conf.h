/* Configuration of middleware: plain data, from site.yaml down to middleware/. All of it belongs to the site; spans
 * and arrays live as long as it does. */
#ifndef HZ_MW_CONF_H
#define HZ_MW_CONF_H

#include "core/base.h"
#include <hz/span.h>
#include <stdbool.h>
#include <stdint.h>

enum hz_mw_kind {
#define HZ_MW(name, help) HZ_MW_##name,
#include "core/mw.def"
#undef HZ_MW
	HZ_MW_COUNT,
};

struct hz_mw_field {
	struct hz_span name, value;
};

struct hz_mw_headers_conf {
	uint32_t count;
	const struct hz_mw_field *field;
};

struct hz_mw_timeout_conf {
	uint64_t ns;
};

/* What a route, or the site's defaults, configure; NULL: nothing. */
struct hz_mw_set {
#define HZ_MW(name, help) const struct hz_mw_##name##_conf *name;
#include "core/mw.def"
#undef HZ_MW
	uint32_t off; /* bit per enum hz_mw_kind: `name: off`, also against the default */
};

#endif
