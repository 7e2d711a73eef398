/* Handler `redirect`: to a place that the site names, with parameters of the route in its path. */
#ifndef HZ_REDIRECT_H
#define HZ_REDIRECT_H

#include "handlers/handler.h"

#define HZ_REDIRECT_HOLES_MAX 16u

struct hz_redirect_conf {
	uint16_t status;   /* 301, 302, 303, 307 or 308 */
	struct hz_span to; /* "/new/{id}" or "https://www.example.org/{rest}" */
	struct hz_handler_params params;
};

/* What is wrong with a place to go to; NULL: nothing. Host and scheme are the site's: a parameter stands behind the
 * slash that begins the path. The rule is checked by config, too, where an error has a place in the file. */
const char *hz_redirect_problem(struct hz_span to);

/* Copies all it needs of conf. A value is written percent-encoded, but for the '/' of a *wildcard, so that it is
 * never more than a piece of a path; and the path of a place on this host begins with one slash whatever the values
 * are, for two would name another host. Without a '?' in it, the place gets the query of the request. 0, -EINVAL or
 * -ENOMEM. Without room in the arena the answer is 414. */
int hz_redirect_build(const struct hz_redirect_conf *conf, struct hz_handler *out);

#endif
