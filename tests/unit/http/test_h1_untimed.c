/* A build with HZ_TELEMETRY=0 reads no clock for stages and keeps nothing of them. */
#include "http_bench.h"

#define UNTOUCHED 0xa5

/* Every way a request can take that ends, begins or changes a stage. */
static const char *const requests[] = {
	"GET / HTTP/1.1\r\n" H END,
	"GET /missing HTTP/1.1\r\n" H END,
	"POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n" END "abc",
	"POST /upload HTTP/1.1\r\n" H "Content-Length: 3\r\n" END "abc",
	"GET /later HTTP/1.1\r\n" H END,
	"POST /upload HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "3\r\n!bc\r\n",
};

static bool is_untouched(const struct hz_h1_stages *stages)
{
	const uint8_t *bytes = (const uint8_t *)stages;

	for (size_t i = 0; i < sizeof(*stages); i++) {
		if (bytes[i] != UNTOUCHED)
			return false;
	}
	return true;
}

/* The head in one packet, what follows it byte by byte. */
static void request_run(struct bench *b, const char *text)
{
	const char *body = strstr(text, "\r\n\r\n") + 4;

	fake_stream_feed(&b->fs, text, (size_t)(body - text));
	for (; *body != '\0'; body++)
		fake_stream_feed(&b->fs, body, 1);
	b->rig->is_ready = true;
	(void)http_rig_resume(b->rig);
	(void)fake_stream_take(&b->fs, 0);
}

static void request_of_a_build_without_telemetry_touches_no_stage(void)
{
	struct bench b;

	if (HZ_TELEMETRY)
		HZ_SKIP("built with telemetry");
	for (unsigned i = 0; i < HZ_ARRAY_LEN(requests); i++) {
		struct hz_h1_flight *flight;

		bench_open(&b, WINDOW_WIDE);
		flight = b.rig->http->scratch; /* and the connection's, if the request waits */
		memset(&flight->stages, UNTOUCHED, sizeof(flight->stages));
		request_run(&b, requests[i]);
		CU_ASSERT_EQUAL(b.rig->finishes, 1);
		CU_ASSERT(is_untouched(&flight->stages));
		bench_close(&b);
	}
}

/* The handler moves the clock; nobody looks at it before the next turn. */
static void request_of_a_build_without_telemetry_reads_no_clock(void)
{
	struct bench b;
	uint64_t turn_ns;

	if (HZ_TELEMETRY)
		HZ_SKIP("built with telemetry");
	bench_open(&b, WINDOW_WIDE);
	b.rig->handle_ns = 5000;
	turn_ns = b.rig->env.now_ns;
	feed(&b, requests[0]);
	CU_ASSERT_EQUAL(b.rig->outcome.answered_ns, turn_ns);
	CU_ASSERT_EQUAL(b.rig->outcome.now_ns, turn_ns);
	bench_close(&b);
}

HZ_SUITE(h1_untimed, CASE(request_of_a_build_without_telemetry_touches_no_stage),
         CASE(request_of_a_build_without_telemetry_reads_no_clock));
