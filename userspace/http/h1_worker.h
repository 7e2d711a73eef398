/* The objects behind h1_conn.h and who owns them. Private to http.
 *
 * Everything a request needs while it is handled is a flight: the parsed head, the arena, the answer's
 * progress. The worker keeps one, `scratch`, and uses it for every request that begins and ends inside
 * one call; a connection owns a flight of its own only while a request of it must survive the call
 * (its body is not complete, or its output is blocked). An idle connection is one cache line. */
#ifndef HZ_H1_WORKER_H
#define HZ_H1_WORKER_H

#include "core/pool.h"
#include "core/source_table.h"
#include "http/chunked.h"
#include "http/h1_conn.h"
#include "http/h1_write.h"

enum {
	HZ_H1_HEAD_INLINE = 2048, /* a longer head of a request that waits has a place of its own */
};
#define HZ_H1_CHECK_NS         HZ_NS_PER_S       /* deadlines are looked at no less often */
#define HZ_H1_CHECKS_PER_S     65536u            /* of all idle connections together, about */
#define HZ_H1_RATE_GRACE_NS    (5 * HZ_NS_PER_S) /* then body and answer must move at least... */
#define HZ_H1_RATE_BYTES_PER_S 500u
#define HZ_H1_STALL_NS         (30 * HZ_NS_PER_S) /* what came faster buys no more than this */

enum hz_h1_state {
	HZ_H1_HEAD,    /* between requests, or inside a head */
	HZ_H1_BODY,    /* head complete and kept, body arriving */
	HZ_H1_WAIT,    /* the application answers later */
	HZ_H1_ANSWER,  /* output blocked, or its source has nothing yet */
	HZ_H1_DISCARD, /* shut down; input is dropped until the transport closes */
};

/* The step of the application that a waiting request is in. */
enum hz_h1_step { HZ_H1_STEP_ROUTE, HZ_H1_STEP_BODY, HZ_H1_STEP_HANDLE };

/* How far an answer came. */
enum hz_h1_push {
	HZ_H1_PUSH_DONE,
	HZ_H1_PUSH_BLOCKED, /* on_writable follows */
	HZ_H1_PUSH_STARVED, /* the source has nothing yet */
	HZ_H1_PUSH_BROKEN,  /* the source failed: what was sent is not a whole answer */
};

/* Its time by stage so far, h1_stage.h. */
struct hz_h1_stages {
	uint64_t ns[HZ_STAGE_COUNT]; /* in the total's place those in none, until the end */
	uint64_t since_ns;           /* when the stage at hand began */
	uint8_t at;                  /* enum hz_stage: that stage */
	uint8_t seen;                /* bit per stage that ended */
};
_Static_assert(HZ_STAGE_COUNT <= 8, "a bit per stage");

/* A request in work. Owned by the worker (scratch) or by a connection; from the flight pool. */
struct hz_h1_flight {
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_http_body body;
	struct hz_http_route route;
	struct hz_stream *stream;
	struct hz_http_worker *http;
	struct hz_arena arena;
	struct hz_chunked chunked;
	struct hz_span head; /* the bytes that req's spans point into */
	uint8_t *big_head;   /* owned copy of a head that head_copy cannot hold, or NULL */
	uint8_t *big_out;    /* owned: where unsent lies if the arena had no room for it, or NULL */
	struct hz_span unsent; /* rest of a head that was too long to reserve; in the arena */
	uint64_t length_left;  /* of a body with Content-Length */
	uint64_t out_bytes;    /* body of the answer; HZ_BODY_UNKNOWN */
	uint64_t out_at;       /* of it, handed over */
	struct hz_http_body_block *out_block; /* HZ_BODY_REQUEST: where out_at is */
	uint32_t out_block_at;
	uint8_t step;    /* enum hz_h1_step, while it waits */
	uint8_t framing; /* enum hz_h1_framing of the answer */
	bool has_ticket;
	bool is_begun;    /* finish() is owed */
	bool is_answered; /* resp is what is being sent */
	bool is_starved;  /* its source had nothing at the last look */
	bool is_head_out;
	bool is_refused; /* route() answered: the body is dropped */
	bool is_keep;    /* the connection goes on after this answer */
	bool owes_continue;
	uint64_t rate_due_ns;    /* the transfer at hand is too slow then, */
	uint64_t rate_bytes;     /* unless more than these of its bytes moved */
	uint64_t body_since_ns;  /* turn in which it began to wait for body; 0: it does not */
	uint64_t begun_ns;       /* turn in which its head was complete */
	uint64_t handled_ns;     /* when there was an answer */
	uint64_t sent_ns;        /* all of the answer is with the transport */
	uint64_t received_bytes; /* of the body as sent, framing included */
	struct hz_h1_stages stages;
	uint8_t head_copy[HZ_H1_HEAD_INLINE];
	uint8_t arena_memory[HZ_LIMIT_request_arena_bytes] __attribute__((aligned(16)));
};

/* When that came which waits for the request in work: what it begins with, and all of it. The low bits of
 * a time in units of 1,024 ns: so 36 minutes can be told. */
struct hz_h1_unread {
	uint32_t first, last;
};

/* One connection. From the connection pool; lives from on_open to on_close. */
struct hz_h1_conn {
	struct hz_http_worker *http;
	const void *snapshot;        /* pinned while a request is in work, else NULL */
	struct hz_h1_flight *flight; /* owned; NULL in states HEAD and DISCARD */
	union {
		struct hz_h1_parser parser; /* of the head at hand, and zero between two */
		struct hz_h1_unread unread; /* while has_unread and not in_head */
	};
	uint64_t deadline_ns; /* of the head or the idle time */
	uint64_t armed_ns;    /* when the stream's timer fires; never later than deadline_ns */
	uint32_t requests;
	uint8_t state;       /* enum hz_h1_state */
	bool in_head;        /* a request's first byte was seen */
	bool is_eof;         /* the peer sends no more */
	bool has_unread;     /* the last on_data left bytes with the transport */
	bool resumes;        /* stopped at the pipeline depth: the timer is armed for now */
	uint8_t glitches;    /* h1_glitch.h; as far as it can count */
	uint8_t opened_s;    /* when, the low bits of the second */
	bool is_shown_again; /* the next on_data brings nothing new */
	uint32_t
		expires_s; /* in seconds of now_ns: the answer after that is the last; UINT32_MAX: never */
};
_Static_assert(sizeof(struct hz_h1_conn) <= 64, "an idle connection is one cache line");

struct hz_http_worker {
	struct hz_http_worker_conf conf;
	struct hz_h1_date date;
	struct hz_h1_flight *scratch;
	struct hz_pool conns;
	struct hz_pool flights;
	struct hz_pool blocks;
	struct hz_pool big_heads;
	struct hz_source_table sources;
	uint32_t
		*ticket; /* owned: by the flight's index; what a valid ticket says, 0: none given */
	uint32_t ticket_last;
	bool is_draining; /* written by any thread */
};

struct hz_h1_turn; /* h1_turn.h */

/* Space for at least bytes of output (<= HZ_RESERVE_MAX) at room.data + used; false: blocked. */
bool hz_h1_out_room(struct hz_h1_turn *turn, size_t bytes);
/* Commits what was filled; before every other down-call and at the end of the turn. */
void hz_h1_out_flush(struct hz_h1_turn *turn);

/* The answer of flight->resp, from where it stands. begin once per request, then push until DONE or BROKEN. */
void hz_h1_answer_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight);
enum hz_h1_push hz_h1_answer_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* Body reception. begin looks at the head; feed takes bytes of the body: DONE complete, MORE, or BAD
 * with *status 400, 413, 431 or 503. With is_refused nothing is kept. A streaming route is given the body at
 * once; when it says anything but NEXT, that is *next, and feed returns with some of bytes left. */
void hz_h1_body_begin(struct hz_h1_flight *flight);
enum hz_parse hz_h1_body_feed(struct hz_h1_flight *flight, const void *snapshot,
                              struct hz_span bytes, size_t *consumed, uint16_t *status,
                              enum hz_http_next *next);
/* Copies bytes to the end of the body's blocks; 0 or -ENOMEM. */
int hz_h1_body_append(struct hz_h1_flight *flight, struct hz_span bytes);
void hz_h1_body_free(struct hz_h1_flight *flight);

/* Makes the worker's scratch flight the connection's own: copies the head and what is unsent of a body
 * that lies in the packet. 0; -ENOMEM with nothing changed but blocks. Also when it already is. */
int hz_h1_flight_keep(struct hz_h1_conn *conn, struct hz_h1_flight *flight);
/* Forgets the request, after telling its source and the application: blocks, copied head, ticket, and the flight
 * itself when the connection owns it. is_complete: all of the answer went to the transport. */
void hz_h1_flight_end(struct hz_h1_conn *conn, struct hz_h1_flight *flight, bool is_complete);
/* Its source has nothing, and ends with a reader who has said FIN. */
static inline bool hz_h1_flight_is_left(const struct hz_h1_flight *flight)
{
	return flight->is_starved && flight->resp.source->ends_with_reader;
}
void hz_h1_flight_init(struct hz_http_worker *http, struct hz_h1_flight *flight);

/* A transfer, of the body or the answer, begins. */
void hz_h1_flight_rate_begin(struct hz_h1_flight *flight, uint64_t now_ns);
/* Whether it is too slow, of which bytes have moved since it began. At least once a second. */
bool hz_h1_flight_is_slow(struct hz_h1_flight *flight, uint64_t now_ns, uint64_t bytes);

#endif
