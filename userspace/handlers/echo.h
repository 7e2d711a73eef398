/* Handler `echo`: the request's body with its content type. */
#ifndef HZ_ECHO_H
#define HZ_ECHO_H

#include "handlers/handler.h"

/* A longer Content-Type is answered 431: it would have to fit the head of the answer. Type and subtype
 * have at most 127 bytes each (RFC 6838 4.2), a multipart boundary 70. */
#define HZ_ECHO_CONTENT_TYPE_MAX 512u

/* Nothing to configure: the route's body limit is checked before it. Without a Content-Type the answer
 * is application/octet-stream (RFC 9110 8.3). */
void hz_echo_build(struct hz_handler *out);

#endif
