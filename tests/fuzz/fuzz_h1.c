/* Requests: the first two bytes choose limits and pieces, the rest is what a client sends.
 * - The parser agrees with the oracle, whole and in pieces.
 * - A connection gives the same answers whole, in pieces, and through a narrow window; nothing of it is
 *   left behind; the seam's rules hold. */
#include "../unit/http/http_rig.h"
#include "fuzz_target.h"
#include "h1_oracle.h"
#include <stdlib.h>
#include <string.h>

struct setup {
	struct hz_http_limits limits;
	size_t step;
};

static struct setup setup_of(const uint8_t *choice, const struct hz_http_limits *defaults)
{
	struct setup setup = { *defaults, (size_t)(choice[1] & 0x3f) + 1 };

	if ((choice[0] & 3) == 1)
		setup.limits.header_bytes = 64;
	if ((choice[0] & 3) == 2)
		setup.limits.uri_bytes = 8;
	if ((choice[0] & 3) == 3)
		setup.limits.header_count = 2;
	setup.limits.body_bytes = (choice[0] & 4) != 0 ? 16 : 4096;
	setup.limits.requests_per_connection = (choice[0] & 8) != 0 ? 2 : 0;
	return setup;
}

/* --- parser ---------------------------------------------------------------------------------------------- */

struct verdict {
	enum hz_parse result;
	unsigned status;
	size_t head_bytes;
};

static struct verdict parse(struct hz_h1_parser *parser, const struct hz_http_limits *limits,
                            const uint8_t *bytes, size_t len, struct hz_http_req *req)
{
	struct hz_h1_parse_error error = { 0, 0 };
	struct verdict v = { HZ_PARSE_MORE, 0, 0 };
	uint8_t *exact = malloc(len != 0 ? len : 1); /* so that a sanitizer sees over-reads */

	if (exact == NULL)
		abort();
	if (len != 0)
		memcpy(exact, bytes, len);
	v.result = hz_h1_parse(parser, limits, (struct hz_span){ exact, len }, req, &v.head_bytes,
	                       &error);
	v.status = v.result == HZ_PARSE_BAD ? error.status : 0;
	FUZZ_HOLDS(v.result != HZ_PARSE_BAD || error.offset < len);
	FUZZ_HOLDS(v.head_bytes <= len);
	free(exact);
	return v;
}

static void parser_check(const struct setup *setup, const uint8_t *bytes, size_t len,
                         struct hz_http_req *req)
{
	const struct oracle_limits limits = { setup->limits.header_bytes,
		                              HZ_LIMIT_header_line_bytes_max,
		                              setup->limits.header_count, setup->limits.uri_bytes };
	struct oracle_head o = oracle_head(bytes, len, &limits);
	struct hz_h1_parser pieces = { 0 };
	struct hz_h1_parser once = { 0 };
	struct verdict v = parse(&once, &setup->limits, bytes, len, req);
	struct verdict p = { HZ_PARSE_MORE, 0, 0 };

	FUZZ_HOLDS((int)v.result == (int)o.verdict);
	FUZZ_HOLDS(v.status == o.status);
	if (v.result == HZ_PARSE_DONE) {
		FUZZ_HOLDS(v.head_bytes == o.bytes);
		FUZZ_HOLDS(req->header_count == o.fields);
		FUZZ_HOLDS(req->minor == o.minor);
		FUZZ_HOLDS(req->is_chunked == o.is_chunked);
		FUZZ_HOLDS(req->has_length == o.has_length);
		FUZZ_HOLDS(req->content_length == o.length);
		FUZZ_HOLDS(req->is_keep_alive == o.is_keep_alive);
	}
	for (size_t have = 0; p.result == HZ_PARSE_MORE && have < len;) {
		have += HZ_MIN(setup->step, len - have);
		p = parse(&pieces, &setup->limits, bytes, have, req);
	}
	FUZZ_HOLDS(len == 0 ||
	           (p.result == v.result && p.status == v.status && p.head_bytes == v.head_bytes));
}

/* --- connection --------------------------------------------------------------------------------------------- */

/* An interim answer depends on what came with the head: it is taken out. */
static size_t without_continue(uint8_t *out, size_t len)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const size_t line_len = sizeof(line) - 1;
	uint8_t *at;

	while (len != 0 && (at = memmem(out, len, line, line_len)) != NULL) {
		memmove(at, at + line_len, len - line_len - (size_t)(at - out));
		len -= line_len;
	}
	return len;
}

static void talk(struct http_rig *rig, struct fake_stream *fs, const uint8_t *bytes, size_t len,
                 size_t step, size_t window)
{
	http_rig_connect(rig, fs, window);
	for (size_t at = 0; at < len; at += HZ_MIN(step, len - at)) {
		fake_stream_feed(fs, bytes + at, HZ_MIN(step, len - at));
		fake_stream_take_all(fs, 97);
		fake_stream_settle(fs, 1000);
	}
	fake_stream_eof(fs);
	fake_stream_take_all(fs, 97);
	fake_stream_close(fs, HZ_CLOSE_DONE);
	FUZZ_HOLDS(fs->broken == NULL);
	FUZZ_HOLDS(http_rig_is_clean(rig));
	FUZZ_HOLDS(fs->is_shutdown);
	fs->out_len = without_continue(fs->out, fs->out_len);
}

/* One rig for all runs: what a run leaves behind is a fault of that run. */
static struct http_rig *rig_shared(void)
{
	static struct http_rig *rig;
	static struct hz_http_limits defaults;

	if (rig == NULL) {
		rig = http_rig_open(2);
		rig->is_ready = true; /* nobody would resume who waits */
		defaults = rig->limits;
	}
	rig->limits = defaults;
	return rig;
}

/* Whether an input names what the rig answers by the clock, with bytes without end, or by a reset: these have tests of
 * their own; here they would be time lost, or an end that says nothing. */
static bool is_of_the_clock(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"bytes", "/broken", "/short", "/source", "/exact", "/events", "/nap", "/doze",
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++)
		if (memmem(data, size, names[i], strlen(names[i])) != NULL)
			return true;
	return false;
}

int fuzz_h1_run(const uint8_t *data, size_t size)
{
	struct http_rig *rig = rig_shared();
	struct fake_stream whole;
	struct fake_stream pieces;
	struct setup setup;

	if (size < 2)
		return 0;
	setup = setup_of(data, &rig->limits);
	data += 2;
	size -= 2;
	parser_check(&setup, data, size, &rig->http->scratch->req);
	if (is_of_the_clock(data, size))
		return 0;
	rig->limits = setup.limits;
	talk(rig, &whole, data, size, SIZE_MAX, WINDOW_WIDE);
	talk(rig, &pieces, data, size, setup.step, 1200);
	FUZZ_HOLDS(whole.out_len == pieces.out_len);
	FUZZ_HOLDS(whole.out_len == 0 || memcmp(whole.out, pieces.out, whole.out_len) == 0);
	fake_stream_free(&whole);
	fake_stream_free(&pieces);
	return 0;
}

FUZZ_ENTRY(fuzz_h1_run)
