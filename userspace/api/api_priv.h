/* The objects behind <hz/hz.h> and who owns them. Private to api. */
#ifndef HZ_API_PRIV_H
#define HZ_API_PRIV_H

#include "api/api.h"
#include "core/inbox.h"
#include "core/pool.h"
#include "core/timer_wheel.h"
#include "http/http_wait.h"
#include <hz/hz.h>

/* An answer as http will send it. type, lines and a copied body lie in memory, or in the request's arena. */
struct api_answer {
	bool is_set;
	uint16_t status;
	struct hz_span type, lines; /* lines: complete fields with CRLF */
	struct hz_span body;
	uint64_t body_bytes;
	hz_pull_fn *pull;
	void (*release)(void *ctx);
	void (*should_end)(void *ctx); /* NULL: nobody wants to know, or it was told */
	void *ctx;
	void *memory; /* owned; NULL: it fits the arena */
};

/* A request as its handler knows it; in the request's arena, reached by req->handler. */
struct hz_request {
	struct hz_http_req *http;
	struct hz_loop *loop;
	const struct api_handler *to;
	struct hz_ticket *ticket; /* held by somebody; NULL: never taken, or given back */
	struct api_answer answer;
	struct hz_wspan lines; /* of hz_respond_header, lines_used of it filled */
	size_t lines_used;
	void *lines_memory; /* owned; NULL: lines fit the arena */
	void *state;
	void (*done)(void *state);
	const struct hz_http_body_block *block; /* where hz_request_body was, */
	uint64_t block_at;                      /* and its offset */
	uint64_t
		patience_ns; /* from now to answer_by_ns when it was first seen; UINT64_MAX: for ever */
	bool has_state, had_ticket;
	bool is_handled; /* the handler was called */
	bool should_end; /* it was told */
};

enum {
	API_TICKET_QUEUED = 1, /* in its worker's inbox */
	API_TICKET_WAKE = 2,
	API_TICKET_ANSWER = 4,
	API_TICKET_DROP = 8,
};

/* Its holder's, but for what is said otherwise. From its worker's pool, back to which it goes when the worker reads
 * DROP: so the pool is one thread's. */
struct hz_ticket {
	struct hz_inbox_node node; /* of who set QUEUED, until the worker took it */
	struct hz_loop *loop;
	struct hz_request *req;   /* the worker's; NULL: the request is over */
	struct api_answer answer; /* the worker's from ANSWER on */
	uint32_t bits;            /* atomic */
	bool is_gone;             /* atomic, written by the worker */
	bool should_end;          /* the same */
	bool is_answered;
};

struct api_timer {
	struct hz_timer timer;
	uint32_t number; /* of its uses: part of the id */
	uint32_t owner;
	hz_timer_fn *fn; /* NULL: free */
	void *ctx;
	struct api_timer *free_next;
};

/* A call of a worker that took too long, for housekeeping: the worker fills it when it is empty. */
struct api_stall {
	bool is_full; /* atomic: whose it is */
	char name[HZ_API_NAME_MAX + 16];
	uint64_t took_ns;
};

#define API_OWNERS_MAX (HZ_LIMIT_modules_max + 1)

struct api_owner {
	struct hz_api_owner conf;
	char name[HZ_API_NAME_MAX];
	char called[HZ_API_NAME_MAX]; /* the same in words, when a worker begins or ends with it */
	char timer[HZ_API_NAME_MAX + 16]; /* what its timers are called when they block */
};

/* One worker. What others write, what others read and what is its own lie on different lines. */
struct hz_loop {
	HZ_LINE_ALIGNED struct hz_inbox inbox;
	HZ_LINE_ALIGNED const char *running; /* atomic: whose code the worker is in, NULL: ours */
	uint64_t running_since_ns;           /* atomic */
	struct api_stall stall;
	uint64_t told_ns; /* housekeeping's */
	HZ_LINE_ALIGNED struct hz_api *api;
	struct hz_env *env;
	const struct hz_slot *slot;
	uint32_t owner;       /* whose code runs, or ran last */
	uint32_t begun_count; /* of owners, from the first on */
	bool is_begun, is_failed;
	struct hz_pool tickets;
	struct hz_wheel wheel;
	struct api_timer *timers; /* owned, HZ_LIMIT_loop_timers of them, timers_used ever taken */
	struct api_timer *timer_free;
	uint32_t timers_used;
	void *ctx[API_OWNERS_MAX]; /* what begin said, by owner */
};

struct hz_api {
	struct api_owner owner[API_OWNERS_MAX];
	uint32_t owner_count;
	struct hz_api_run run;
	uint32_t ringers; /* atomic: threads inside run.ring */
	bool is_closed;   /* atomic: run.ring may not be called */
	int failed;       /* atomic: of begin, */
	uint32_t failer;  /* and its owner, written before */
	struct hz_loop loop[HZ_WORKERS_MAX];
};

/* Behind struct hz_handler: the route, which it owns. */
struct api_handler {
	struct hz_api_route route;
	char name[HZ_API_NAME_MAX];
};

/* api_loop.c: before any call of others on this worker; false: it could not begin. */
bool hz_api_loop_begin(struct hz_loop *loop);
unsigned hz_api_loop_timers(struct hz_loop *loop);
void hz_api_loop_ring(struct hz_loop *loop);

/* api_stall.c: around each call of an owner's function. */
uint64_t hz_api_stall_enter(struct hz_loop *loop, uint32_t owner, const char *name);
void hz_api_stall_leave(struct hz_loop *loop, const char *name, uint64_t since_ns);

/* api_reply.c: what reply says, into *out, with more as its first fields; in arena as far as it fits (NULL: none). 0,
 * -EINVAL, -ENOSPC, -E2BIG or -ENOMEM, and then its release was called. */
int hz_api_reply_build(const struct hz_reply *reply, struct hz_span more, struct hz_arena *arena,
                       struct api_answer *out);
void hz_api_reply_free(struct api_answer *answer); /* accepts one that is not set */
/* A field line, checked. 0, -EINVAL or -ENOSPC; *used grows. */
int hz_api_reply_line(const char *name, const char *value, struct hz_wspan out, size_t *used);

/* The caller's struct of any version as ours: bytes of *from beyond what we know must be zero. 0, -EINVAL or -E2BIG. */
int hz_api_struct_copy(void *to, size_t to_size, const void *from);

/* api_ticket.c: what came through the inbox; and the end of a request that somebody may hold a ticket of. */
unsigned hz_api_ticket_turn(struct hz_loop *loop);
void hz_api_ticket_over(struct hz_request *req);

#endif
