/* Two opinions on mutated requests: heads put together from pieces of the grammar and then damaged,
 * parsed by us whole and in pieces, and by the oracle. The seed is fixed; $HZ_TEST_SEED changes it. */
#include "../../fuzz/h1_oracle.h"
#include "core/rng.h"
#include "http_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    200000u
#define HEAD_MAX  1024u
#define EDITS_MAX 3u

static const char *const lines[] = {
	"GET / HTTP/1.1\r\n",     "POST /a%20b?c HTTP/1.1\r\n", "GET http://a:80/x HTTP/1.0\r\n",
	"OPTIONS * HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n",
};
static const char *const fields[] = {
	"Host: a\r\n",
	"host:a:80 \r\n",
	"Content-Length: 12\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Connection: close, x\r\n",
	"Connection:keep-alive\r\n",
	"Expect: 100-continue\r\n",
	"X-Long-Name-Of-A-Field: and a value that is longer than one block\r\n",
	"Y:\t \r\n",
};
static const char bytes_of_interest[] = "\r\n\t :/%?*[]@,;=\x7f\x01\x80\"09aZ-";

struct text {
	size_t len;
	uint8_t bytes[HEAD_MAX];
};

static void add(struct text *text, const char *what)
{
	size_t len = strlen(what);

	if (HEAD_MAX - text->len < len)
		return;
	memcpy(text->bytes + text->len, what, len);
	text->len += len;
}

static uint8_t any_byte(struct hz_rng *rng)
{
	if (hz_rng_below(rng, 4) == 0)
		return (uint8_t)hz_rng_below(rng, 256);
	return (uint8_t)bytes_of_interest[hz_rng_below(rng, sizeof(bytes_of_interest))];
}

static void damage(struct text *text, struct hz_rng *rng)
{
	size_t at = (size_t)hz_rng_below(rng, text->len);
	size_t rest = text->len - at;

	switch (hz_rng_below(rng, 4)) {
	case 0:
		text->bytes[at] = any_byte(rng);
		break;
	case 1:
		memmove(text->bytes + at, text->bytes + at + 1, rest - 1);
		text->len--;
		break;
	case 2:
		if (text->len == HEAD_MAX)
			break;
		memmove(text->bytes + at + 1, text->bytes + at, rest);
		text->bytes[at] = any_byte(rng);
		text->len++;
		break;
	default:
		text->len = at + 1;
		break;
	}
}

static void make(struct text *text, struct hz_rng *rng)
{
	text->len = 0;
	add(text, lines[hz_rng_below(rng, HZ_ARRAY_LEN(lines))]);
	if (hz_rng_below(rng, 4) != 0)
		add(text, fields[0]);
	for (uint64_t n = hz_rng_below(rng, 4); n > 0; n--)
		add(text, fields[hz_rng_below(rng, HZ_ARRAY_LEN(fields))]);
	add(text, "\r\n");
	for (uint64_t n = hz_rng_below(rng, EDITS_MAX + 1); n > 0 && text->len > 1; n--)
		damage(text, rng);
}

static struct hz_http_req req;

static int verdict(const struct text *text, const struct hz_http_limits *limits, size_t step)
{
	struct hz_h1_parser parser = { 0 };
	struct hz_h1_parse_error error;
	enum hz_parse r = HZ_PARSE_MORE;
	size_t head_bytes;

	for (size_t have = 0; r == HZ_PARSE_MORE && have < text->len;) {
		have += HZ_MIN(step, text->len - have);
		r = hz_h1_parse(&parser, limits, (struct hz_span){ text->bytes, have }, &req,
		                &head_bytes, &error);
	}
	return r == HZ_PARSE_DONE ? 0 : r == HZ_PARSE_MORE ? -1 : error.status;
}

static void mutated_heads_agree_with_oracle(void)
{
	const struct hz_http_limits limits = { .header_bytes = 300,
		                               .header_count = 4,
		                               .uri_bytes = 20 };
	const struct oracle_limits same = { 300, HZ_LIMIT_header_line_bytes_max, 4, 20 };
	const char *seed = getenv("HZ_TEST_SEED");
	unsigned verdicts[3] = { 0, 0, 0 };
	unsigned differ = 0;
	struct text text;
	struct hz_rng rng;

	hz_rng_seed(&rng, seed != NULL ? strtoull(seed, NULL, 0) : 9112);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct oracle_head o;
		int want;

		make(&text, &rng);
		o = oracle_head(text.bytes, text.len, &same);
		want = o.verdict == ORACLE_DONE ? 0 : o.verdict == ORACLE_MORE ? -1 : (int)o.status;
		verdicts[o.verdict]++;
		if (verdict(&text, &limits, SIZE_MAX) == want &&
		    verdict(&text, &limits, (size_t)hz_rng_below(&rng, 20) + 1) == want)
			continue;
		if (differ++ < 5)
			printf("# oracle %d: \"%.*s\"\n", want, (int)text.len, text.bytes);
	}
	printf("# %u done, %u more, %u bad\n", verdicts[0], verdicts[1], verdicts[2]);
	CU_ASSERT_EQUAL(differ, 0);
	CU_ASSERT(verdicts[0] > ROUNDS / 20 && verdicts[1] > ROUNDS / 100 &&
	          verdicts[2] > ROUNDS / 20);
}

HZ_SUITE(h1_random, CASE(mutated_heads_agree_with_oracle));
