/* The relay's command line. */
#ifndef RELAY_CONF_H
#define RELAY_CONF_H

#include "impair.h"

struct relay_conf {
	const char *interface[2];
	struct impair_conf way[2]; /* 0: from the first interface to the second */
	uint64_t seed;
	uint64_t run_ns; /* then it ends by itself */
};

/* Reads argv[1..]. NULL, or what is wrong with the word *word. */
const char *relay_conf_read(int argc, char **argv, struct relay_conf *conf, const char **word);

void relay_conf_usage(void); /* to stderr */

#endif
