/* Sending a client elsewhere on the same server. */
#ifndef HZ_ANSWER_REDIRECT_H
#define HZ_ANSWER_REDIRECT_H

#include "core/arena.h"
#include "http/req.h"

/* 308 (RFC 9110 15.4.9: method and body stay) to path, which is encoded and begins with one '/', with
 * the query of the request behind it. The field lies in arena; without room for it the answer is 414. */
void hz_answer_redirect(struct hz_http_resp *resp, struct hz_span path, struct hz_span query,
                        struct hz_arena *arena);

#endif
