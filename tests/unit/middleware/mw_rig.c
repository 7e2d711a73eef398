#include "mw_rig.h"
#include "core/endpoint.h"
#include "core/span_ops.h"
#include "http/field.h"
#include <stdlib.h>
#include <string.h>

#define FIELD_TEXT_MAX 1024u

static void rig_peer(const struct hz_stream *s, uint8_t addr[16], uint16_t *port)
{
	const struct mw_rig *rig =
		HZ_CONTAINER_OF((struct hz_stream *)(uintptr_t)s, struct mw_rig, stream);

	memcpy(addr, rig->peer, sizeof(rig->peer));
	*port = 1234;
}

static const struct hz_stream_ops rig_stream = { .peer = rig_peer };

struct mw_rig *mw_rig_open(void)
{
	struct mw_rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL || hz_rate_table_open(64, &rig->worker.rate) != 0)
		abort();
	rig->stream.ops = &rig_stream;
	rig->flight.stream = &rig->stream;
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	hz_rng_seed(&rig->env.rng, 7);
	rig->slot.worker = &rig->gauges;
	rig->worker.env = &rig->env;
	rig->worker.slot = &rig->slot;
	mw_rig_peer(rig, "192.0.2.1");
	return rig;
}

struct mw_rig *mw_rig_with(const struct hz_mw_set *set)
{
	struct mw_rig *rig = mw_rig_open();
	const char *which;

	if (hz_chain_build(set, &rig->chain, &which) != 0)
		abort();
	return rig;
}

void mw_rig_close(struct mw_rig *rig)
{
	hz_chain_free(&rig->chain);
	hz_rate_table_close(rig->worker.rate);
	free(rig);
}

void mw_rig_peer(struct mw_rig *rig, const char *addr)
{
	struct hz_addr parsed;

	if (hz_addr_parse(addr, &parsed) != 0)
		abort();
	memcpy(rig->peer, parsed.byte, sizeof(rig->peer));
}

void mw_rig_ask(struct mw_rig *rig, enum hz_http_method method, const char *fields)
{
	struct hz_h1_flight *flight = &rig->flight;
	struct hz_span rest = hz_span_text(fields);

	hz_arena_init(&flight->arena, flight->arena_memory, sizeof(flight->arena_memory));
	memset(&flight->req, 0, sizeof(flight->req));
	flight->resp = (struct hz_http_resp){ 0 };
	flight->req.method = method;
	flight->req.arena = &flight->arena;
	flight->req.env = &rig->env;
	flight->req.answer_by_ns = UINT64_MAX;
	flight->begun_ns = rig->env.now_ns;
	while (rest.len > 0) {
		struct hz_span line = hz_span_first(rest, hz_span_find(rest, '\n'));
		size_t colon = hz_span_find(line, ':');

		flight->req.header[flight->req.header_count++] = (struct hz_http_header){
			hz_span_first(line, colon),
			hz_span_trim(hz_span_skip(line, colon + 1)),
		};
		hz_http_field_note(&flight->req, flight->req.header_count - 1u);
		rest = hz_span_skip(rest, line.len + 1);
	}
}

enum hz_mw_verdict mw_rig_before(struct mw_rig *rig)
{
	struct hz_h1_flight *flight = &rig->flight;
	enum hz_mw_verdict verdict;

	if (flight->req.app == NULL &&
	    hz_chain_enter(&rig->chain, &rig->worker, &flight->req, &flight->resp) != 0)
		abort();
	verdict = hz_chain_before(mw_rig_call(rig));
	if (verdict == HZ_MW_STOP)
		hz_chain_after(mw_rig_call(rig));
	return verdict;
}

void mw_rig_answer(struct mw_rig *rig, uint16_t status)
{
	rig->flight.resp.status = status;
	hz_chain_after(mw_rig_call(rig));
}

void mw_rig_finish(struct mw_rig *rig)
{
	struct hz_http_outcome outcome = {
		.status = rig->flight.resp.status,
		.is_complete = true,
		.arrived_ns = rig->flight.begun_ns,
		.answered_ns = rig->env.now_ns,
		.now_ns = rig->env.now_ns,
	};

	hz_chain_finish(mw_rig_call(rig), &outcome);
}

unsigned mw_rig_exchange(struct mw_rig *rig, const char *fields)
{
	mw_rig_ask(rig, HZ_HTTP_GET, fields);
	if (mw_rig_before(rig) == HZ_MW_NEXT)
		mw_rig_answer(rig, 200);
	mw_rig_finish(rig);
	return rig->flight.resp.status;
}

/* In lines of the answer, each with its CRLF. */
static const char *field_find(struct hz_span lines, const char *name, char *out)
{
	size_t len = strlen(name);

	while (lines.len > 0) {
		struct hz_span line = hz_span_first(lines, hz_span_find(lines, '\n'));

		if (line.len < 2 || line.data[line.len - 1] != '\r')
			abort();
		if (line.len > len + 2 && line.len < FIELD_TEXT_MAX &&
		    memcmp(line.data, name, len) == 0 && line.data[len] == ':') {
			memcpy(out, line.data + len + 2, line.len - len - 3);
			out[line.len - len - 3] = 0;
			return out;
		}
		lines = hz_span_skip(lines, line.len + 1);
	}
	return NULL;
}

const char *mw_rig_field(struct mw_rig *rig, const char *name)
{
	static char text[FIELD_TEXT_MAX];
	const struct hz_http_resp *resp = &rig->flight.resp;
	const char *found = field_find(resp->extra, name, text);

	for (unsigned i = 0; i < resp->field_count && found == NULL; i++)
		found = field_find(resp->field[i], name, text);
	return found;
}
