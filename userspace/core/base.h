/* The few macros everything uses. */
#ifndef HZ_BASE_H
#define HZ_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ_ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define HZ_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define HZ_LIKELY(x)                       __builtin_expect(!!(x), 1)
#define HZ_UNLIKELY(x)                     __builtin_expect(!!(x), 0)
#define HZ_MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define HZ_MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define HZ_LINE_ALIGNED                    __attribute__((aligned(64)))
#define HZ_PRINTF(fmt, args)               __attribute__((format(printf, fmt, args)))

#define HZ_NS_PER_US                       1000ULL
#define HZ_NS_PER_MS                       1000000ULL
#define HZ_NS_PER_S                        1000000000ULL

#endif
