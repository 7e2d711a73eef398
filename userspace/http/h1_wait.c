#include "http/h1_turn.h"
#include "http/http_wait.h"

static struct hz_h1_flight *flight_of(const struct hz_http_req *req)
{
	return HZ_CONTAINER_OF((struct hz_http_req *)(uintptr_t)req, struct hz_h1_flight, req);
}

uint64_t hz_http_ticket(const struct hz_http_req *req)
{
	struct hz_h1_flight *flight = flight_of(req);
	struct hz_http_worker *http = flight->http;
	uint32_t index = hz_pool_index(&http->flights, flight);

	if (!flight->has_ticket) {
		if (++http->ticket_last == 0)
			http->ticket_last = 1;
		http->ticket[index] = http->ticket_last;
		flight->has_ticket = true;
	}
	return (uint64_t)http->ticket[index] << 32 | index;
}

bool hz_http_can_wait(const struct hz_http_req *req)
{
	const struct hz_h1_flight *flight = flight_of(req);
	const struct hz_http_worker *http = flight->http;

	if (flight != http->scratch)
		return true;
	return http->flights.in_use < http->flights.capacity &&
	       (flight->head.len <= sizeof(flight->head_copy) ||
	        http->big_heads.in_use < http->big_heads.capacity);
}

struct hz_http_req *hz_http_waiting(struct hz_http_worker *http, uint64_t ticket)
{
	uint32_t index = (uint32_t)ticket, number = (uint32_t)(ticket >> 32);
	struct hz_h1_flight *flight;

	if (number == 0 || index >= http->flights.capacity || http->ticket[index] != number)
		return NULL;
	flight = hz_pool_at(&http->flights, index);
	return &flight->req;
}

void hz_http_resume(struct hz_http_req *req)
{
	hz_stream_wake(flight_of(req)->stream);
}

bool hz_http_is_draining(const struct hz_http_req *req)
{
	return hz_h1_is_draining(flight_of(req)->http);
}

void hz_http_peer(const struct hz_http_req *req, uint8_t addr[16], uint16_t *port)
{
	const struct hz_stream *stream = flight_of(req)->stream;

	stream->ops->peer(stream, addr, port);
}
