/* The arguments both examples take, as hzd's: -i INSTANCE, -c SITE, -l IF,ADDR:PORT (or listen of the site)
 * and -o PATH=VALUE; -l and -o repeated. */
#ifndef APP_ARGS_H
#define APP_ARGS_H

#include <hz/hz.h>

#define APP_ARGS_MAX 32

struct app_args {
	const char *instance, *site_file;
	const char *listens[APP_ARGS_MAX + 1], *settings[APP_ARGS_MAX + 1];
	int listen_count, setting_count;
};

/* 0, or 2 after a line to stderr. */
int app_args_parse(int argc, char **argv, struct app_args *args);

/* `ready` on stdout, for tests. */
void app_args_ready(void *ctx);

#endif
