/* The command line of hz-collector. */
#ifndef HZ_COLLECTOR_OPTIONS_H
#define HZ_COLLECTOR_OPTIONS_H

#include "core/err.h"

struct hz_collector_options { /* texts are argv's */
	const char *instance;
	const char *listen;  /* NULL: no HTTP */
	const char *history; /* file; NULL: none */
	const char *otlp;    /* URL; NULL: none */
	const char *user;
	bool has_lines;
};

/* 1: done, *exit_code says how (help, version, wrong usage: told). 0: *out is filled. */
int hz_collector_options_read(int argc, char **argv, struct hz_collector_options *out,
                              int *exit_code);

#endif
