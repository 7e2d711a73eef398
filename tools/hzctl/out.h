/* The one writer of hzctl: a result is a JSON object; a script gets it as it is, a person gets it through
 * the command's text function. So both always say the same. */
#ifndef HZ_OUT_H
#define HZ_OUT_H

#include "core/err.h"
#include <jansson.h>

struct hz_out {
	bool is_json;
	bool is_pretty;
};

/* Renders result for people. */
typedef void hz_out_text_fn(FILE *to, const json_t *result);

/* Takes over result. 0, or -errno with err filled: out of memory (result is NULL), or stdout is broken. */
int hz_out_result(const struct hz_out *out, json_t *result, hz_out_text_fn *text,
                  struct hz_err *err);

/* Three lines to stderr, or {"error":{...}} to stdout so that one stream always parses. details is NULL or
 * an array with more of it, taken over. */
void hz_out_error(const struct hz_out *out, const struct hz_err *err, json_t *details);

/* A member of a result, with defaults for what is not there: results of hzd come over a socket. */
const char *hz_out_string(const json_t *object, const char *key);
uint64_t hz_out_u64(const json_t *object, const char *key);

#endif
