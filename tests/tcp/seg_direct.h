/* Lines of a script that direct the stack by its own interface, beside segments, time and application. */
#ifndef HZ_SEG_DIRECT_H
#define HZ_SEG_DIRECT_H

#include "tcp_world.h"

/* The words after conf. False: unknown. */
bool seg_direct_conf(struct world *world, const char *text);

/* A whole line. False: it failed or is unknown; why says it. */
bool seg_direct(struct world *world, const char *line, char *why, size_t room);

#endif
