/* Content types of files by their names. */
#ifndef HZ_FILES_TYPE_H
#define HZ_FILES_TYPE_H

#include "core/base.h"
#include <hz/span.h>

struct hz_files_type {
	struct hz_span extension; /* without its dot; case does not count */
	struct hz_span type;
};

/* The type of a file of that name: by the site's own list, which may be empty, else by files_types.def, else
 * application/octet-stream. The extension is what follows the last dot. */
struct hz_span hz_files_type_of(struct hz_span name, const struct hz_files_type *own,
                                uint32_t own_count);

/* Whether content of this type is worth an attempt at compressing it. */
bool hz_files_type_packs(struct hz_span type);

#endif
