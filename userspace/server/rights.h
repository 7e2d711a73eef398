/* The capabilities hzd needs while it starts, checked before anything is touched. */
#ifndef HZ_RIGHTS_H
#define HZ_RIGHTS_H

#include "core/err.h"

/* For the AF_XDP path: -EPERM with exit code 7 and the missing names, or 0. */
int hz_rights_check(struct hz_err *err);

#endif
