/* What hzd would refuse of a site beyond its text: asked of hzd itself, which has the handlers, keys and modules. */
#ifndef HZ_HZD_CHECK_H
#define HZ_HZD_CHECK_H

#include "config/site.h"

#define HZ_HZD_SETTINGS_MAX 4

/* Runs `hzd -t -j` on the site's file, as whoever we are, with settings ("PATH=VALUE", to the first NULL). 0 with errors
 * and warnings added as they are; -ENOENT: there is no hzd beside us or in PATH; any other -errno with err filled. */
int hz_hzd_check(const char *path, const char *const settings[HZ_HZD_SETTINGS_MAX],
                 struct hz_site_errors *errors, struct hz_site_errors *warnings,
                 struct hz_err *err);

#endif
