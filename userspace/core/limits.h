/* limits.def as constants: HZ_LIMIT_header_bytes_max and so on. */
#ifndef HZ_LIMITS_H
#define HZ_LIMITS_H

enum hz_limit {
#define HZ_LIMIT(name, value, help) HZ_LIMIT_##name = (value),
#include "core/limits.def"
#undef HZ_LIMIT
};

#endif
