/* One request to a running hzd: a line of JSON over its control socket, a line back. */
#ifndef HZ_CTL_CLIENT_H
#define HZ_CTL_CLIENT_H

#include "core/err.h"
#include <jansson.h>

#define HZ_CTL_CLIENT_TIMEOUT_MS 5000
#define HZ_CTL_CLIENT_ANSWER_MAX (1u << 20)

/* Sends {"cmd":cmd} to the instance's socket in /run, or in $XDG_RUNTIME_DIR where a hzd without root
 * lives. On success *result is a new reference to the answer's "result". 0 or -errno with err filled: exit
 * codes 3 no hzd there, 4 not permitted, 6 no answer in time, 1 or hzd's own refusal. */
int hz_ctl_client_call(const char *instance, const char *cmd, json_t **result, struct hz_err *err);

/* The same with a whole request {"cmd":..., ...}, which stays the caller's. */
int hz_ctl_client_ask(const char *instance, const json_t *request, json_t **result,
                      struct hz_err *err);

/* The same on a socket given by path. */
int hz_ctl_client_call_at(const char *path, const char *cmd, json_t **result, struct hz_err *err);
int hz_ctl_client_ask_at(const char *path, const json_t *request, json_t **result,
                         struct hz_err *err);

/* Directory index of the places an instance may run in: 0 is /run/hz[-INSTANCE], 1 below
 * $XDG_RUNTIME_DIR. "" when there is no such place. */
void hz_ctl_client_rundir(const char *instance, unsigned index, char *out, size_t bytes);

#endif
