/* The collector as a whole: a feed and those it serves, in one loop. */
#ifndef HZ_COLLECT_H
#define HZ_COLLECT_H

#include "core/err.h"

struct hz_collect; /* owned by the caller of open */

struct hz_collect_conf {         /* texts have to outlive the collector */
	const char *instance;    /* NULL: the default one */
	const char *listen;      /* NULL: no HTTP */
	const char *history;     /* file; NULL: none */
	const char *otlp;        /* URL; NULL: none */
	const char *otlp_fields; /* of its requests, "name=value,..."; NULL: none */
	const char *user;        /* to become; NULL: stay */
	bool has_lines;          /* records as lines to stdout */
};

/* Opens everything, then drops rights, hz_rights_drop. 0 or -errno with err filled, exit codes of hzctl. */
int hz_collect_open(const struct hz_collect_conf *conf, struct hz_collect **out,
                    struct hz_err *err);
/* Until signal_fd is readable, or nobody reads stdout and lines are all there is: 0. -errno: something failed for good. */
int hz_collect_run(struct hz_collect *collect, int signal_fd, struct hz_err *err);
void hz_collect_close(struct hz_collect *collect); /* accepts NULL */

#endif
