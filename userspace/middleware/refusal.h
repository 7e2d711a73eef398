/* What middleware answers itself, when it lets a request go no further. */
#ifndef HZ_REFUSAL_H
#define HZ_REFUSAL_H

#include "http/req.h"

/* Fills resp: the status, and its reason as text. */
void hz_refusal(struct hz_http_resp *resp, uint16_t status);

/* The same with Retry-After: as many seconds as ns last, at least 1. Without room in arena: without it. */
void hz_refusal_for(struct hz_http_resp *resp, uint16_t status, uint64_t ns,
                    struct hz_arena *arena);

/* ns in whole seconds, rounded up; at least 1. */
uint64_t hz_refusal_seconds(uint64_t ns);

#endif
