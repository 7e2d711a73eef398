/* Does a running hzd serve by the claims that are to go? */
#ifndef HZ_XDP_BUSY_H
#define HZ_XDP_BUSY_H

#include "loader/xdp_job.h"

/* Claims may be added under a running hzd. One that is taken away would leave it listening where nothing
 * arrives any more: refused with the claim and the pid. 0 or -errno with err filled. */
int hz_xdp_busy_check(const struct hz_xdp_job *job);

#endif
