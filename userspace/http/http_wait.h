/* Requests that are answered later. A step that cannot answer yet takes a ticket, gives it to whoever knows when,
 * and says HZ_HTTP_WAIT. Whoever finishes (a helper thread's job, back on this worker; a topic; a timer) turns the
 * ticket into the request and resumes it: the step is called again. It may also be called again for no reason, and
 * says HZ_HTTP_WAIT again then. While a request waits, its connection reads nothing.
 *
 * A ticket outlives its request without harm: it never names another one. All calls on the worker's thread. */
#ifndef HZ_HTTP_WAIT_H
#define HZ_HTTP_WAIT_H

#include "http/h1_conn.h"

/* The request's ticket, the same each time; never 0. Inside route, body, handle or pull. */
uint64_t hz_http_ticket(const struct hz_http_req *req);

/* Whether there is a place for the request to wait in: inside handle and body, before WAIT is said. */
bool hz_http_can_wait(const struct hz_http_req *req);

/* The request of a ticket, or NULL when it is over. */
struct hz_http_req *hz_http_waiting(struct hz_http_worker *http, uint64_t ticket);

/* The request's step, or its body's pull, is called again soon. Not from inside a step of the same request. */
void hz_http_resume(struct hz_http_req *req);

/* No new requests: whoever streams without an end of its own ends now. Resumed by whoever began the drain. */
bool hz_http_is_draining(const struct hz_http_req *req);

/* Address (IPv4 mapped) and port of the request's client. */
void hz_http_peer(const struct hz_http_req *req, uint8_t addr[16], uint16_t *port);

#endif
