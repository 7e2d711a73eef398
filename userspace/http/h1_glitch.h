/* Glitches: what the grammar allows and no client that means well sends often. One by one they cost little and are
 * nothing; who sends them by the hundred is looking for a reader that takes them otherwise. So they are counted per
 * connection, and there is an end to it. Private to http.
 *
 *   an empty line before a request (RFC 9112 2.2)      an extension of a chunk (RFC 9112 7.1.1)
 *   a Host that is not the target's (RFC 9112 3.2.2)    an expectation without content (RFC 9110 10.1.1) */
#ifndef HZ_H1_GLITCH_H
#define HZ_H1_GLITCH_H

#include "http/h1_turn.h"

/* Those of a head that is complete. */
uint32_t hz_h1_glitch_head(const struct hz_http_req *req, bool had_empty_line);

/* Counts them. True: the connection has had as many as it may, and ends. */
bool hz_h1_glitch_add(const struct hz_h1_turn *turn, uint32_t count);

#endif
