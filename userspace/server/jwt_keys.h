/* Keys and lists of revoked tokens, from their files into the policies of a site. */
#ifndef HZ_JWT_KEYS_H
#define HZ_JWT_KEYS_H

#include "config/site.h"

/* Reads what each `jwt` of the site names. A key file is a regular one, no symlink, of root or the caller; a secret is
 * readable, and all are writable, by its owner alone. All or none: 0, or -errno with err filled; all as with
 * hz_site_problem. A site that has its policies already keeps them. Housekeeping's thread. */
int hz_jwt_keys_load(struct hz_site *site, struct hz_site_errors *all, struct hz_err *err);

/* When no request of the site runs any more. Accepts a site without. */
void hz_jwt_keys_unload(struct hz_site *site);

#endif
