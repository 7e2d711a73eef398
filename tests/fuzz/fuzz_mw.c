/* Fields that middleware reads: traceparent, tracestate, X-Request-Id, Origin, a rate limit's key. A byte of choices,
 * then lines of fields as the parser lets them through. What must hold: every line of the answer is one field of
 * harmless bytes; a trace goes on exactly when a second reading of the format finds it valid; an id comes back only
 * when it is sane, an origin only when it is listed. */
#include "../unit/middleware/mw_rig.h"
#include "core/span_ops.h"
#include "fuzz_target.h"
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 90u
#define TEXT_MAX   8192u

static const struct hz_span origins[] = {
	HZ_SPAN_LITERAL("https://a.example"),
	HZ_SPAN_LITERAL("https://b.example:8443"),
};

static const struct hz_mw_trace_conf trace_conf = { true };
static const struct hz_mw_cors_conf cors_conf = {
	.origin_count = 2,
	.origin = origins,
	.methods = HZ_SPAN_LITERAL("GET, PUT"),
	.max_age_s = 5,
};
static const struct hz_mw_rate_conf rate_conf = {
	.per = HZ_RATE_HEADER,
	.header = HZ_SPAN_LITERAL("x-key"),
	.scope = HZ_SPAN_LITERAL("s"),
	.per_hour = 3600,
	.burst = 1,
	.is_announced = true,
};
static const struct hz_mw_set conf = { .trace = &trace_conf,
	                               .cors = &cors_conf,
	                               .rate = &rate_conf };

/* Of a request: the value of the only field of a name; data NULL when there is none or more. */
static struct hz_span only(const struct hz_http_req *req, const char *name)
{
	struct hz_span value = { NULL, 0 };
	unsigned count = 0;

	for (unsigned i = 0; i < req->header_count; i++) {
		if (hz_span_equals_nocase(req->header[i].name, hz_span_text(name))) {
			value = req->header[i].value;
			count++;
		}
	}
	return count == 1 ? value : (struct hz_span){ NULL, 0 };
}

/* The lines that the parser would let through, joined again. */
static void fields_clean(const uint8_t *data, size_t size, char *out)
{
	struct hz_span rest = { data, HZ_MIN(size, (size_t)TEXT_MAX - 1) };
	unsigned count = 0;

	while (rest.len > 0 && count < FIELDS_MAX) {
		struct hz_span line = hz_span_first(rest, hz_span_find(rest, '\n'));
		size_t colon = hz_span_find(line, ':');
		bool is_good = colon > 0 && colon < line.len;

		for (size_t i = 0; i < line.len; i++)
			is_good &= (line.data[i] >= 0x20 && line.data[i] != 0x7f) ||
			           line.data[i] == '\t';
		if (is_good) {
			memcpy(out, line.data, line.len);
			out += line.len;
			*out++ = '\n';
			count++;
		}
		rest = hz_span_skip(rest, line.len + 1);
	}
	*out = 0;
}

/* The format read another way: split at dashes, then look at the parts. */
static bool oracle_traceparent(struct hz_span field, char trace_id[33])
{
	char text[TEXT_MAX], *part[5] = { 0 }, *at = text;
	size_t want[4] = { 2, 32, 16, 2 };

	if (field.len >= sizeof(text) || memchr(field.data, 0, field.len) != NULL)
		return false;
	memcpy(text, field.data, field.len);
	text[field.len] = 0;
	for (unsigned i = 0; i < 5 && at != NULL; i++)
		part[i] = i < 4 ? strsep(&at, "-") : at;
	for (unsigned i = 0; i < 4; i++) {
		if (part[i] == NULL || strlen(part[i]) != want[i] ||
		    strspn(part[i], "0123456789abcdef") != want[i])
			return false;
	}
	if (strcmp(part[0], "ff") == 0 || (strcmp(part[0], "00") == 0 && part[4] != NULL) ||
	    strspn(part[1], "0") == 32 || strspn(part[2], "0") == 16)
		return false;
	memcpy(trace_id, part[1], 33);
	return true;
}

static void lines_check(struct hz_span lines)
{
	while (lines.len > 0) {
		size_t end = hz_span_find(lines, '\n'), colon = hz_span_find(lines, ':');

		FUZZ_HOLDS(end < lines.len && end > 2 && lines.data[end - 1] == '\r');
		FUZZ_HOLDS(colon > 0 && colon + 1 < end && lines.data[colon + 1] == ' ');
		for (size_t i = 0; i + 1 < end; i++)
			FUZZ_HOLDS((lines.data[i] >= 0x20 && lines.data[i] <= 0x7e) ||
			           lines.data[i] == '\t'); /* around members of tracestate */
		lines = hz_span_skip(lines, end + 1);
	}
}

static void trace_check(struct mw_rig *rig)
{
	const struct hz_mw_trace *trace = mw_rig_call(rig)->trace;
	const struct hz_span sent = only(&rig->flight.req, "traceparent");
	char trace_id[33];
	bool goes_on = sent.data != NULL && oracle_traceparent(sent, trace_id);

	FUZZ_HOLDS(oracle_traceparent(hz_span_text(mw_rig_field(rig, "traceparent")),
	                              (char[33]){ 0 }));
	FUZZ_HOLDS(goes_on == (trace->parent_id.len == 16));
	FUZZ_HOLDS(!goes_on || memcmp(trace->trace_id.data, trace_id, 32) == 0);
	FUZZ_HOLDS(goes_on || (trace->state.len == 0 && !trace->is_sampled));
	FUZZ_HOLDS(trace->state.len <= HZ_LIMIT_trace_state_bytes_max);
}

static void request_id_check(struct mw_rig *rig)
{
	static const char sane[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
	const struct hz_span sent = only(&rig->flight.req, "x-request-id");
	const char *id = mw_rig_field(rig, "X-Request-Id");
	bool is_sent = sent.data != NULL && hz_span_equals(sent, hz_span_text(id));
	bool is_sane = sent.len > 0 && sent.len <= 128;

	for (size_t i = 0; i < sent.len; i++)
		is_sane &= memchr(sane, sent.data[i], sizeof(sane) - 1) != NULL;
	FUZZ_HOLDS(is_sent == is_sane);
	FUZZ_HOLDS(is_sane || strlen(id) == 32);
}

static void cors_check(struct mw_rig *rig)
{
	const struct hz_span sent = only(&rig->flight.req, "origin");
	const char *told = mw_rig_field(rig, "Access-Control-Allow-Origin");
	bool is_listed = sent.data != NULL &&
	                 (hz_span_equals(sent, origins[0]) || hz_span_equals(sent, origins[1]));

	FUZZ_HOLDS(is_listed == (told != NULL));
	FUZZ_HOLDS(!is_listed || hz_span_equals(sent, hz_span_text(told)));
}

/* One rig for all runs, hours apart: every bucket is full again. */
static struct mw_rig *rig_shared(void)
{
	static struct mw_rig *rig;
	const char *which;

	if (rig == NULL) {
		rig = mw_rig_open();
		FUZZ_HOLDS(hz_chain_build(&conf, &rig->chain, &which) == 0);
	}
	rig->env.now_ns += 3600 * HZ_NS_PER_S;
	return rig;
}

int fuzz_mw_run(const uint8_t *data, size_t size)
{
	struct hz_http_resp *resp;
	struct mw_rig *rig;
	char text[2 * TEXT_MAX];

	if (size < 1)
		return 0;
	rig = rig_shared();
	fields_clean(data + 1, size - 1, text);
	for (unsigned i = 0; i < 2; i++) { /* the second is refused */
		mw_rig_ask(rig, (data[0] & 1) != 0 ? HZ_HTTP_OPTIONS : HZ_HTTP_GET, text);
		if (mw_rig_before(rig) == HZ_MW_NEXT)
			mw_rig_answer(rig, 200);
		mw_rig_finish(rig);
		resp = &rig->flight.resp;
		FUZZ_HOLDS(resp->status == (i < 1 ? 200 : 429) || resp->status == 204);
		lines_check(resp->extra);
		for (unsigned k = 0; k < resp->field_count; k++)
			lines_check(resp->field[k]);
		trace_check(rig);
		request_id_check(rig);
		cors_check(rig);
	}
	return 0;
}

FUZZ_ENTRY(fuzz_mw_run)
