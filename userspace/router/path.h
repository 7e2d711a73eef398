/* Percent-decoding a request path once, before it is routed. */
#ifndef HZ_PATH_H
#define HZ_PATH_H

#include "core/arena.h"
#include <hz/span.h>

#define HZ_PATH_SLASH 0x00 /* stands for an escaped slash; no path can hold this byte otherwise */

enum hz_path_marks {
	HZ_PATH_HAD_DOTS = 1,  /* a dot segment was resolved */
	HZ_PATH_HAS_SLASH = 2, /* an escaped slash was decoded */
};

/* Decodes %XX once and resolves "." and ".." segments (RFC 3986 5.2.4). %2F must not become a
 * separator: it is decoded to HZ_PATH_SLASH, which hz_path_param turns into '/'. A path without '%' and
 * dot segments is returned as it is; else the result lies in arena. 0; -EINVAL: bad escape, %00, a
 * control byte, or ".." above the root; -ENOMEM. *marks: hz_path_marks. */
int hz_path_decode(struct hz_span path, struct hz_arena *arena, struct hz_span *out,
                   uint32_t *marks);

/* A decoded path with every run of slashes as one, in arena. 0 or -ENOMEM. */
int hz_path_merge(struct hz_span path, struct hz_arena *arena, struct hz_span *out);

/* A decoded path as a request target has it, in arena: what is no pchar of RFC 3986 is escaped, and
 * HZ_PATH_SLASH is %2F again. 0 or -ENOMEM. */
int hz_path_encode(struct hz_span path, struct hz_arena *arena, struct hz_span *out);

/* A parameter's value as the application sees it: HZ_PATH_SLASH back to '/', copied only if needed.
 * 0 or -ENOMEM. */
int hz_path_param(struct hz_span value, struct hz_arena *arena, struct hz_span *out);

#endif
