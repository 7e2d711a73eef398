/* One worker's http and api on a fake stream, with one route: whatever path, whose last segment is the parameter "id",
 * goes to the functions of the test. */
#ifndef API_RIG_H
#define API_RIG_H

#include "api/api_priv.h"
#include "fake_stream.h"
#include "http/h1_worker.h"
#include "hz_test.h"

struct api_rig {
	struct hz_env env;
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_worker worker;
	struct hz_slot slot;
	struct hz_http_limits limits;
	struct hz_http_worker *http;
	struct hz_api *api;
	struct hz_handler handler;
	struct fake_stream fs;
	unsigned rings; /* atomic */
	unsigned finishes, pins;
	/* for tests' own functions */
	struct hz_ticket *ticket;
	unsigned calls, pieces, releases, dones;
	uint64_t bytes;
	const struct hz_reply *reply;
	int result;
	bool is_replaced, is_over; /* what became of the site */
	unsigned tells;            /* calls of api_rig_should_end */
	struct hz_span fields;     /* what stands for middleware adds to each answer */
};

/* The rig is the ctx of handler and body. Aborts when it cannot. */
struct api_rig *api_rig_open(hz_handler_fn *handler, hz_body_fn *body);
/* Checks that nothing is left: no ticket, no pin, no object of a pool. */
void api_rig_close(struct api_rig *rig);

void api_rig_feed(struct api_rig *rig, const char *text);
/* One turn of the worker, and what it woke. */
void api_rig_turn(struct api_rig *rig);
/* The first answer's status, and whether everything sent holds text. 0: nothing was sent. */
unsigned api_rig_status(const struct api_rig *rig);
bool api_rig_said(const struct api_rig *rig, const char *text);

/* For replies: counts in the rig, which is their ctx. */
void api_rig_release(void *ctx);
void api_rig_should_end(void *ctx);
/* So many seconds, a turn each. */
void api_rig_wait(struct api_rig *rig, unsigned seconds);

#define GET_X "GET /x/7 HTTP/1.1\r\nHost: h\r\n\r\n"

#endif
