/* The command that a failure tells to type next, complete with instance and network namespace. */
#ifndef HZ_HINT_H
#define HZ_HINT_H

#include "core/base.h"
#include <stddef.h>

/* Writes "hzctl[ -i INSTANCE][ -n NETNS] " and what format says into out, cut to room. instance NULL is
 * the default one. NETNS is the name that /run/netns has for the caller's network namespace; without one
 * the command has to be typed where the caller runs, and no -n is written. Reads a folder: for failures,
 * not for the packet path. */
void hz_hint_write(char *out, size_t room, const char *instance, const char *format, ...)
	HZ_PRINTF(4, 5);

#endif
