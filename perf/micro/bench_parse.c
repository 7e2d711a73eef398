/* What parsing a request head costs: 40 bytes as the shortest clients send them, 500 as browsers do.
 *   bench_parse [-n PARSES] [-k KIND]      nanoseconds of each; with -n one round, for a profiler */
#include "core/base.h"
#include "core/clock.h"
#include "http/h1_parse.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2001u
#define PARSES 1000u
#define COPIES 16u /* of a head, each at another place in its cache line */

static const struct head {
	const char *name;
	const char *text;
	uint32_t goal_ns;
} heads[] = {
	{ "short", "GET /user/7 HTTP/1.1\r\nHost: a.example\r\n\r\n", 40 },
	{ "browser",
	  "GET /user/812/post/first-steps?page=2 HTTP/1.1\r\n"
	  "Host: www.example.org\r\n"
	  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	  "Accept-Language: en-US,en;q=0.5\r\n"
	  "Accept-Encoding: gzip, deflate, br, zstd\r\n"
	  "Connection: keep-alive\r\n"
	  "Referer: https://www.example.org/user/812\r\n"
	  "Upgrade-Insecure-Requests: 1\r\n"
	  "Sec-Fetch-Dest: document\r\n"
	  "Sec-Fetch-Mode: navigate\r\n"
	  "Sec-Fetch-Site: same-origin\r\n"
	  "Priority: u=0, i\r\n\r\n",
	  250 },
};

static const struct hz_http_limits limits = {
	.header_bytes = HZ_LIMIT_header_bytes_max,
	.header_count = HZ_LIMIT_header_count_max,
	.uri_bytes = HZ_LIMIT_uri_bytes_max,
};

/* Not inlined, so that a profiler can count it alone. */
static __attribute__((noinline)) uint32_t parse(const uint8_t *text, size_t bytes,
                                                struct hz_http_req *req)
{
	struct hz_h1_parser parser = { 0 };
	struct hz_h1_parse_error error;
	size_t head_bytes;

	return hz_h1_parse(&parser, &limits, (struct hz_span){ text, bytes }, req, &head_bytes,
	                   &error) == HZ_PARSE_DONE &&
	       head_bytes == bytes;
}

static int double_compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/* Nanoseconds per head, or a negative number when one was not parsed. */
static double round_run(const struct hz_clock *clock, const struct head *head, uint8_t *copies,
                        size_t stride, struct hz_http_req *req, uint32_t parses)
{
	size_t bytes = strlen(head->text);
	uint64_t from = hz_clock_now_ns(clock);
	uint32_t good = 0;

	for (uint32_t i = 0; i < parses; i++)
		good += parse(copies + i % COPIES * stride, bytes, req);
	return good < parses ? -1 : (double)(hz_clock_now_ns(clock) - from) / parses;
}

static int head_run(const struct hz_clock *clock, const struct head *head, uint32_t parses)
{
	size_t bytes = strlen(head->text), stride = bytes + 5;
	uint32_t rounds = parses == 0 ? ROUNDS : 1;
	uint8_t *copies = malloc(COPIES * stride);
	struct hz_http_req *req = calloc(1, sizeof(*req));
	double *ns = calloc(rounds, sizeof(*ns));
	int status = 1;

	if (copies != NULL && req != NULL && ns != NULL) {
		for (uint32_t i = 0; i < COPIES; i++)
			memcpy(copies + i * stride, head->text, bytes);
		for (uint32_t i = 0; i < rounds; i++)
			ns[i] = round_run(clock, head, copies, stride, req,
			                  parses == 0 ? PARSES : parses);
		qsort(ns, rounds, sizeof(*ns), double_compare);
		status = ns[0] < 0;
		printf("%4zu bytes, %2u fields (%s): %6.1f ns/head, goal <= %u; median of %u "
		       "rounds (first tenth %.1f)\n",
		       bytes, req->header_count, head->name, ns[rounds / 2], head->goal_ns, rounds,
		       ns[rounds / 10]);
	}
	free(copies);
	free(req);
	free(ns);
	return status;
}

int main(int argc, char **argv)
{
	int option, status = 0;
	uint32_t parses = 0, kind = 0;
	struct hz_clock clock;

	while ((option = getopt(argc, argv, "n:k:")) != -1) {
		if (option == 'n')
			parses = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'k')
			kind = 1 + (uint32_t)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	hz_clock_open(&clock);
	for (uint32_t i = 0; status == 0 && i < HZ_ARRAY_LEN(heads); i++) {
		if (kind == 0 || kind == i + 1)
			status = head_run(&clock, &heads[i], parses);
	}
	return status;
}
