/* hzd as a whole: the composition root. Opens everything in the order of the packet's way, runs the
 * housekeeping loop on the calling thread, and takes everything down again. */
#ifndef HZ_SERVER_H
#define HZ_SERVER_H

#include "config/site.h"
#include "config/tune.h"
#include "core/err.h"

struct hz_server_conf {
	const char *instance; /* NULL: the default one */
	const char *site_path;
	struct hz_tune tune;
	struct hz_site *site;  /* taken over */
	uint32_t listen_count; /* > 0: replaces the site's listen, at start and at each reload */
	struct hz_site_listen listen[HZ_SITE_LISTENS_MAX];
};

/* Serves until SIGTERM, SIGINT or a fatal condition. Returns hzd's exit code; err is filled unless 0. */
int hz_server_run(struct hz_server_conf *conf, struct hz_err *err);

#endif
