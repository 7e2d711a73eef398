/* Between <hz/hz.h>, which whoever writes a handler sees, and the handlers that a snapshot holds. One api for all
 * workers of a server: their tickets, timers and contexts. */
#ifndef HZ_API_H
#define HZ_API_H

#include "core/common.h"
#include "core/env.h"
#include "handlers/handler.h"
#include "telemetry/slot.h"

struct hz_api;     /* owned by the caller of open */
struct hz_loop;    /* one worker of it, <hz/hz.h> */
struct hz_request; /* <hz/hz.h> */

/* Whose functions are called: the program's, or a module's. Each has a context of its own on each worker. */
struct hz_api_owner {
	const char *name; /* copied, cut to HZ_API_NAME_MAX - 1; NULL: the program */
	/* <hz/hz.h>, struct hz_options; NULL: nothing to do. */
	int (*begin)(struct hz_loop *loop, void *ctx, void **loop_ctx);
	void (*end)(struct hz_loop *loop, void *ctx, void *loop_ctx);
	void *ctx;
};
#define HZ_API_NAME_MAX 32

/* program is owner 0. 0 or -ENOMEM. Tickets may be finished until close. */
int hz_api_open(const struct hz_api_owner *program, struct hz_api **out);
/* One owner more, before start: its index, or -E2BIG. */
int hz_api_owner_add(struct hz_api *api, const struct hz_api_owner *owner);
void hz_api_close(struct hz_api *api); /* when no worker runs; accepts NULL */

struct hz_api_run {
	/* A worker, which may sleep, is to take its turn soon. Any thread. */
	void (*ring)(void *ctx, uint32_t worker);
	void *ring_ctx;
	uint64_t stall_ns; /* a call that takes longer is told */
};

/* Once, before workers run: what they are rung by; and what each works with, which outlives it. */
void hz_api_start(struct hz_api *api, const struct hz_api_run *run);
void hz_api_seat(struct hz_api *api, uint32_t worker, struct hz_env *env,
                 const struct hz_slot *slot);
/* When it returns `ring` is not called any more. Any thread; accepts NULL and one that was not started. */
void hz_api_stop(struct hz_api *api);

/* On the worker's thread: once per turn; when the next is due, UINT64_MAX: whenever; and after all others. */
unsigned hz_api_turn(struct hz_api *api, uint32_t worker);
uint64_t hz_api_turn_due_ns(const struct hz_api *api, uint32_t worker);
void hz_api_end(struct hz_api *api, uint32_t worker);

/* 0, or what `begin` returned on a worker, and then *whose: "" is the program. Any thread. */
int hz_api_failed(const struct hz_api *api, const char **whose);

/* Tickets of a worker that are out. Any thread; accepts NULL: none. */
uint32_t hz_api_tickets(const struct hz_api *api, uint32_t worker);

/* A worker that has been in one call of an owner's function for longer: *worker, and name of the route or timer.
 * Housekeeping; accepts NULL: none. */
bool hz_api_running(const struct hz_api *api, uint64_t longer_ns, uint32_t *worker,
                    char name[HZ_API_NAME_MAX + 16]);

/* Housekeeping, often: one line of the log per second and worker about who blocks it, or did. */
void hz_api_watch(struct hz_api *api, uint64_t now_ns);

/* A route behind which somebody else's functions stand. */
struct hz_api_route {
	struct hz_api *api; /* NULL: it is only checked, never called */
	uint32_t owner;
	const char *name; /* copied, cut to HZ_API_NAME_MAX - 1 */
	int (*handler)(struct hz_request *req, void *ctx);
	int (*body)(struct hz_request *req, void *ctx, const void *data,
	            size_t bytes); /* or NULL */
	void *ctx;
	void (*close)(void *ctx); /* NULL: nothing to do */
};

/* 0 or -ENOMEM, and nothing was closed. */
int hz_api_handler_build(const struct hz_api_route *route, struct hz_handler *out);

#endif
