/* Tickets: what other threads have to say to a request. One inbox per worker carries them; what is said lies in the
 * ticket, as bits, so that a ticket is in the inbox once however often it is woken. */
#include "api/api_priv.h"
#include <errno.h>

struct hz_ticket *hz_request_ticket(struct hz_request *req)
{
	struct hz_ticket *ticket;

	if (req->had_ticket || !hz_http_can_wait(req->http))
		return NULL;
	ticket = hz_pool_get(&req->loop->tickets);
	if (ticket == NULL)
		return NULL;
	*ticket = (struct hz_ticket){ .loop = req->loop,
		                      .req = req,
		                      .should_end = hz_request_should_end(req) };
	req->ticket = ticket;
	req->had_ticket = true;
	return ticket;
}

/* --- any thread ------------------------------------------------------------------------------------ */

/* After DROP, or once another thread has set QUEUED, the worker may have it at any moment. An ANSWER that is there
 * already goes with it. */
static void ticket_send(struct hz_ticket *ticket, uint32_t bits)
{
	struct hz_loop *loop = ticket->loop;
	uint32_t before =
		__atomic_fetch_or(&ticket->bits, bits | API_TICKET_QUEUED, __ATOMIC_ACQ_REL);

	if ((before & API_TICKET_QUEUED) == 0 && hz_inbox_put(&loop->inbox, &ticket->node))
		hz_api_loop_ring(loop);
}

bool hz_ticket_is_gone(const struct hz_ticket *ticket)
{
	return __atomic_load_n(&ticket->is_gone, __ATOMIC_ACQUIRE);
}

bool hz_ticket_should_end(const struct hz_ticket *ticket)
{
	return __atomic_load_n(&ticket->should_end, __ATOMIC_ACQUIRE);
}

/* What the client gets when the holder's answer is none. */
static void answer_500(struct api_answer *answer)
{
	static const struct hz_reply reply = { .size = sizeof(reply),
		                               .status = 500,
		                               .content_type = "text/plain",
		                               .body = "Internal Server Error\n",
		                               .body_bytes = 22 };

	if (hz_api_reply_build(&reply, (struct hz_span){ NULL, 0 }, NULL, answer) != 0)
		*answer = (struct api_answer){ .is_set = true, .status = 500 };
}

/* The answer goes to who takes the bit: the worker's next turn, the end of the request, or us, when that end came
 * meanwhile. So nobody's release is called when the request is over and we have returned: a module is closed and
 * unloaded then. False: it was us. */
static bool answer_offer(struct hz_ticket *ticket)
{
	uint32_t before;

	__atomic_fetch_or(&ticket->bits, API_TICKET_ANSWER, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&ticket->is_gone, __ATOMIC_SEQ_CST))
		return true;
	before = __atomic_fetch_and(&ticket->bits, ~(uint32_t)API_TICKET_ANSWER, __ATOMIC_ACQ_REL);
	if ((before & API_TICKET_ANSWER) == 0)
		return true;
	hz_api_reply_free(&ticket->answer);
	return false;
}

/* 0 or an error as of hz_ticket_finish. */
static int answer_take(struct hz_ticket *ticket, const struct hz_reply *reply)
{
	struct api_answer answer = { 0 };
	int err = hz_api_reply_build(reply, (struct hz_span){ NULL, 0 }, NULL, &answer);

	if (ticket->is_answered || hz_ticket_is_gone(ticket)) {
		hz_api_reply_free(&answer);
		if (err == 0)
			err = ticket->is_answered ? -EALREADY : -ECANCELED;
		return err;
	}
	if (err != 0)
		answer_500(&answer);
	ticket->answer = answer;
	ticket->is_answered = true;
	if (!answer_offer(ticket) && err == 0)
		err = -ECANCELED;
	return err;
}

int hz_ticket_answer(struct hz_ticket *ticket, const struct hz_reply *reply)
{
	int err = answer_take(ticket, reply);

	ticket_send(ticket, 0);
	return err;
}

int hz_ticket_finish(struct hz_ticket *ticket, const struct hz_reply *reply)
{
	int err = answer_take(ticket, reply);

	ticket_send(ticket, API_TICKET_DROP);
	return err;
}

void hz_ticket_wake(struct hz_ticket *ticket)
{
	ticket_send(ticket, API_TICKET_WAKE);
}

void hz_ticket_drop(struct hz_ticket *ticket)
{
	ticket_send(ticket, API_TICKET_DROP);
}

/* --- its worker ------------------------------------------------------------------------------------ */

static void ticket_take(struct hz_ticket *ticket)
{
	struct hz_loop *loop = ticket->loop;
	struct hz_request *req = ticket->req;
	uint32_t bits = __atomic_exchange_n(&ticket->bits, 0, __ATOMIC_ACQ_REL);

	if ((bits & API_TICKET_ANSWER) != 0) {
		if (req != NULL && !req->answer.is_set)
			req->answer = ticket->answer;
		else
			hz_api_reply_free(&ticket->answer);
	}
	if (req != NULL && (bits & API_TICKET_DROP) != 0)
		req->ticket = NULL;
	if ((bits & API_TICKET_DROP) != 0)
		hz_pool_put(&loop->tickets, ticket);
	if (req != NULL)
		hz_http_resume(req->http);
}

unsigned hz_api_ticket_turn(struct hz_loop *loop)
{
	struct hz_inbox_node *node = hz_inbox_take(&loop->inbox);
	unsigned count = 0;

	while (node != NULL) {
		struct hz_inbox_node *next =
			node->next; /* the ticket may be queued again at once */

		ticket_take(HZ_CONTAINER_OF(node, struct hz_ticket, node));
		node = next;
		count++;
	}
	return count;
}

void hz_api_ticket_over(struct hz_request *req)
{
	struct hz_ticket *ticket = req->ticket;
	uint32_t before;

	if (ticket == NULL)
		return;
	ticket->req = NULL;
	__atomic_store_n(&ticket->is_gone, true, __ATOMIC_SEQ_CST);
	before = __atomic_fetch_and(&ticket->bits, ~(uint32_t)API_TICKET_ANSWER, __ATOMIC_SEQ_CST);
	if ((before & API_TICKET_ANSWER) != 0)
		hz_api_reply_free(&ticket->answer);
	req->ticket = NULL;
}
