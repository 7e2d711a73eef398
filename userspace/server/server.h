/* hzd as a whole: the composition root. Opens everything in the order of the packet's way, runs the
 * housekeeping loop on the calling thread, and takes everything down again. */
#ifndef HZ_SERVER_H
#define HZ_SERVER_H

#include "config/site.h"
#include "config/tune.h"
#include "core/err.h"

struct hz_api;

/* What a program that is not hzd does itself. */
struct hz_server_host {
	bool is_embedded;   /* no `ready` on stdout; what follows counts */
	bool takes_signals; /* SIGTERM, SIGINT and SIGHUP are ours meanwhile */
	int stop_fd;        /* an eventfd: 1 drains, as SIGTERM does; more ends */
	struct hz_api *api; /* outlives the server */
	uint32_t own_count; /* routes behind those of the site, at each reload */
	const struct hz_site_own *own;
	void (*ready)(void *ctx);
	void *ctx;
};

struct hz_server_conf {
	const char *instance;  /* NULL: the default one */
	const char *site_path; /* NULL: the site cannot be read again */
	struct hz_tune tune;
	struct hz_site *site;  /* taken over */
	uint32_t listen_count; /* > 0: replaces the site's listen, at start and at each reload */
	struct hz_site_listen listen[HZ_SITE_LISTENS_MAX];
	/* of a program that hz runs inside of; all zero for hzd */
	struct hz_server_host host;
	/* Said by hz_server_run: a worker did not stop and may use all of this; nothing may be freed or unloaded, and the
	 * process ends by _exit. */
	bool is_stuck;
};

/* server_conf.c: "IF,ADDR:PORT" and "PATH=VALUE" into conf. 0 or -errno with err filled, exit code 2. */
int hz_server_conf_listen(struct hz_server_conf *conf, const char *text, struct hz_err *err);
int hz_server_conf_set(struct hz_server_conf *conf, const char *text, struct hz_err *err);
bool hz_server_instance_is_valid(const char *name);

/* site_check.c: whether a start would take the site: modules, files, keys, logs. What is wrong is in all, each at its
 * place, and in warnings what would start but not do what it says. Nothing is served, opened for good or made. 0, or
 * -errno with err filled. */
int hz_server_site_check(struct hz_site *site, const struct hz_tune *tune,
                         struct hz_site_errors *all, struct hz_site_errors *warnings,
                         struct hz_err *err);

/* Serves until SIGTERM, SIGINT or a fatal condition. Returns hzd's exit code; err is filled unless 0. With
 * conf->is_stuck it is 70, and err names the handler that a worker is in. */
int hz_server_run(struct hz_server_conf *conf, struct hz_err *err);

#endif
