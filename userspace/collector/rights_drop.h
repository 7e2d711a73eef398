/* Gives up what only the start needs: the user, capabilities, and the way to get any again. */
#ifndef HZ_RIGHTS_DROP_H
#define HZ_RIGHTS_DROP_H

#include "core/err.h"

/* Becomes user (NULL: stays who it is) with its groups and group hz, if there is one: with it the pins and hzd's control
 * socket can be opened again. Drops all capabilities, also from the bounding set, and sets no-new-privileges. One
 * thread only. 0, or -errno with err filled and an undefined rest of rights: the caller ends. */
int hz_rights_drop(const char *user, struct hz_err *err);

#endif
