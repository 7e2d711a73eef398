/* A handler whose answers come later, for testing clients and timeouts. */
#ifndef HZ_DELAY_H
#define HZ_DELAY_H

#include "handlers/handler.h"

/* Wraps *handler, which it takes over on success: each request is handled delay_ns after it is complete. Nothing runs
 * meanwhile; the worker's timer wakes the request. 0, -EINVAL for a handler that takes its body as it comes, or
 * -ENOMEM with *handler as it was. */
int hz_delay_build(uint64_t delay_ns, struct hz_handler *handler);

/* What stands behind a delay; any other handler itself. */
const struct hz_handler *hz_delay_inner(const struct hz_handler *handler);

#endif
