/* What stands before OBJECT on the command line. One table drives parsing and help. */
#ifndef HZ_OPTS_H
#define HZ_OPTS_H

#include "core/err.h"
#include "out.h"

struct hz_opts {
	struct hz_out out;
	const char *instance; /* NULL: the default one */
	const char *netns;    /* NULL: the caller's */
	bool wants_help;
	bool wants_version;
};

/* Fills opts from argv; *first is the index of OBJECT. 0 or -EINVAL with err filled (exit code 2); the out
 * part of opts is valid in either case. */
int hz_opts_parse(int argc, char **argv, struct hz_opts *opts, int *first, struct hz_err *err);

/* "{ -j|--json | ... }" */
void hz_opts_print(FILE *to);

/* Letters, digits, '-' and '_', 1 to 32 of them: what becomes part of a path. */
bool hz_opts_is_name(const char *text);

/* Moves this process into /run/netns/NAME; bpffs and everything else stays visible. */
int hz_opts_enter_netns(const char *name, struct hz_err *err);

#endif
