/* A failure as a person needs it: what, why, what to type. Filled by the function that failed, printed
 * by the program's one printer, on three lines or as JSON. */
#ifndef HZ_ERR_H
#define HZ_ERR_H

#include "core/base.h"
#include <stdio.h>

struct hz_err {
	int exit_code;  /* of the program, by the tables of hzctl(8) and hzd(8) */
	char code[32];  /* stable word for scripts: "xdp_busy" */
	char what[160]; /* "xdp attach dev eth1 failed" */
	char why[512];
	char hint[256]; /* what to type next; may be empty */
};

/* Fills everything but what, which the caller above knows (hz_err_what). hint may be NULL. Text that is
 * too long is cut. Returns value, so that a failing function can `return hz_err_set(...)`. */
int hz_err_set(struct hz_err *err, int value, int exit_code, const char *code, const char *hint,
               const char *why_format, ...) HZ_PRINTF(6, 7);
void hz_err_what(struct hz_err *err, const char *format, ...) HZ_PRINTF(2, 3);
/* "PROGRAM: what\n  why:  ...\n  try:  ...\n"; a line whose text is empty is left out, and control
 * characters are printed as '?': the text may hold bytes of a file or of a peer. */
void hz_err_print(FILE *to, const char *program, const struct hz_err *err);

#endif
