/* `rate`: how often one may ask: who, is a client, a field's value, or everybody of a route together. 429 beyond, with
 * Retry-After and the fields of draft-ietf-httpapi-ratelimit-headers-11. */
#include "core/text_put.h"
#include "middleware/chain.h"
#include "middleware/rate_table.h"
#include "middleware/refusal.h"
#include <errno.h>
#include <stdlib.h>

#define RETRY_NAME "Retry-After: "
#define WAIT_NAME  ";t="

struct rate {
	const struct hz_mw_rate_conf *conf;
	struct hz_gcra gcra;
	uint64_t scope;
	uint64_t word;         /* per: route: the bucket of all workers */
	struct hz_span policy; /* `RateLimit-Policy: ...CRLF` and `RateLimit: "NAME";r=` */
	uint8_t text[];
};

/* Who does not send the field is counted as a client: without one there is no way around the limit. */
static uint64_t key_of(const struct rate *rate, const struct hz_mw_call *call)
{
	const struct hz_http_header *field = NULL;
	uint8_t addr[16];
	uint16_t port;

	if (rate->conf->per == HZ_RATE_HEADER)
		field = hz_http_req_header(call->req, rate->conf->header);
	if (field != NULL)
		return hz_rate_table_text_key(call->worker->rate, ~rate->scope, field->value);
	hz_http_peer(call->req, addr, &port);
	return hz_rate_table_addr_key(call->worker->rate, rate->scope, addr);
}

static struct hz_gcra_taken token_take(const struct rate *rate, const struct hz_mw_call *call)
{
	uint64_t now_ns = call->req->env->now_ns;

	if (rate->conf->per == HZ_RATE_ROUTE)
		return hz_gcra_take((uint64_t *)(uintptr_t)&rate->word, &rate->gcra, now_ns);
	return hz_rate_table_take(call->worker->rate, key_of(rate, call), &rate->gcra, now_ns);
}

/* The lines of an answer; wait_s not 0: of one that refuses. */
static void fields_add(const struct rate *rate, const struct hz_mw_call *call, uint32_t wait_s)
{
	uint8_t *text, *end;

	text = hz_arena_get(call->req->arena, rate->policy.len + sizeof(RETRY_NAME WAIT_NAME) +
	                                              3 * HZ_DECIMAL_MAX + 4);
	if (text == NULL)
		return;
	end = hz_put_span(text, rate->policy);
	end = hz_put_decimal(end, call->rate_left_ns / rate->gcra.interval_ns);
	if (wait_s != 0) {
		end = hz_put_span(end, HZ_SPAN_LITERAL(WAIT_NAME));
		end = hz_put_decimal(end, wait_s);
		end = hz_put_span(end, HZ_SPAN_LITERAL("\r\n" RETRY_NAME));
		end = hz_put_decimal(end, wait_s);
	}
	end = hz_put_span(end, HZ_SPAN_LITERAL("\r\n"));
	(void)hz_http_resp_field(call->resp, (struct hz_span){ text, (size_t)(end - text) });
}

static enum hz_mw_verdict rate_before(const void *conf, struct hz_mw_call *call)
{
	const struct rate *rate = conf;
	struct hz_gcra_taken taken = token_take(rate, call);

	if (HZ_LIKELY(taken.is_taken)) {
		call->rate_left_ns = taken.left_ns;
		return HZ_MW_NEXT;
	}
	hz_slot_count(call->worker->slot, HZ_COUNTER_rate_limited);
	hz_refusal(call->resp, 429);
	call->is_limited = true;
	fields_add(rate, call, (uint32_t)hz_refusal_seconds(taken.wait_ns));
	return HZ_MW_STOP;
}

static void announce_after(const void *conf, struct hz_mw_call *call)
{
	if (!call->is_limited)
		fields_add(conf, call, 0);
}

static const struct hz_mw_ops rate_ops = {
	.name = "rate",
	.before = rate_before,
	.free = free,
};

/* With the fields on every answer. */
static const struct hz_mw_ops announce_ops = {
	.name = "rate",
	.before = rate_before,
	.after = announce_after,
	.free = free,
};

/* FNV-1a: apart from each other is enough, the table's hash is the one that keeps secrets. */
static uint64_t scope_of(struct hz_span name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ name.data[i]) * 0x100000001b3ull;
	return hash;
}

/* The shortest window of which the rate is a whole number: 1 s, 60 s or an hour. The burst has no parameter of the
 * draft's own; a private one has the maker's prefix (3.1). */
static uint8_t *policy_put(uint8_t *out, const struct hz_mw_rate_conf *conf)
{
	uint64_t window_s = conf->per_hour % 3600 == 0 ? 1 : conf->per_hour % 60 == 0 ? 60 : 3600;

	out = hz_put_span(out, HZ_SPAN_LITERAL("RateLimit-Policy: \""));
	out = hz_put_span(out, conf->scope);
	out = hz_put_span(out, HZ_SPAN_LITERAL("\";q="));
	out = hz_put_decimal(out, conf->per_hour * window_s / 3600);
	out = hz_put_span(out, HZ_SPAN_LITERAL(";w="));
	out = hz_put_decimal(out, window_s);
	out = hz_put_span(out, HZ_SPAN_LITERAL(";hz-burst="));
	out = hz_put_decimal(out, conf->burst);
	out = hz_put_span(out, HZ_SPAN_LITERAL("\r\nRateLimit: \""));
	out = hz_put_span(out, conf->scope);
	return hz_put_span(out, HZ_SPAN_LITERAL("\";r="));
}

int hz_mw_rate_build(const struct hz_mw_rate_conf *conf, struct hz_mw *out)
{
	static const char words[] = "RateLimit-Policy: \"\";q=;w=;hz-burst=\r\nRateLimit: \"\";r=";
	size_t most = sizeof(words) + 2 * conf->scope.len + 3 * HZ_DECIMAL_MAX;
	struct rate *rate = malloc(sizeof(*rate) + most);
	uint64_t interval_ns;

	if (conf->per_hour == 0 || conf->burst == 0) {
		free(rate);
		return -EINVAL;
	}
	if (rate == NULL)
		return -ENOMEM;
	/* Rounded up: never more than the limit, and at a million per second less by a thousandth. */
	interval_ns = (3600 * HZ_NS_PER_S - 1) / conf->per_hour + 1;
	*rate = (struct rate){
		.conf = conf,
		.gcra = { interval_ns, interval_ns * conf->burst },
		.scope = scope_of(conf->scope),
	};
	rate->policy =
		(struct hz_span){ rate->text, (size_t)(policy_put(rate->text, conf) - rate->text) };
	*out = (struct hz_mw){ .ops = conf->is_announced ? &announce_ops : &rate_ops,
		               .conf = rate };
	return 0;
}
