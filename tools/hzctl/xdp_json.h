/* Attached interfaces and verdict counters as JSON, and that for people. */
#ifndef HZ_XDP_JSON_H
#define HZ_XDP_JSON_H

#include "loader/xdp_attach.h"
#include <jansson.h>
#include <stdio.h>

/* {ifname, ifindex, program_id, mode, is_ours, link, version, attached_unix, degraded: [...], next}; a new
 * reference. */
json_t *hz_xdp_json_interface(const struct hz_xdp_info *info);
/* What of it is degraded, and what is chained, a line each; nothing when all is well. */
void hz_xdp_json_degraded_text(FILE *to, const json_t *interface);

/* An array of those of the instance, of one interface or (ifname NULL) all. 0 or -errno, err filled. */
int hz_xdp_json_interfaces(const char *instance, const char *ifname, json_t **out,
                           struct hz_err *err);

/* {"instance", "interfaces":[...], "verdicts":{reason: count...}}; nothing attached gives both empty. Asked for one
 * interface, a program that is not ours stands there too, as {..., "link":"foreign", "program"}; no such
 * interface is -ENODEV. */
int hz_xdp_json_show(const char *instance, const char *ifname, json_t **out, struct hz_err *err);
void hz_xdp_json_text(FILE *to, const json_t *result);

#endif
