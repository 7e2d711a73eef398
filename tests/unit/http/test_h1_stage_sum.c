/* The total is measured apart from the stages, and both agree to the nanosecond, whatever requests
 * come, in whatever pieces, and whatever they wait for. The seed is fixed; $HZ_TEST_SEED changes
 * it. */
#include "core/rng.h"
#include "http/http_wait.h"
#include "http_bench.h"
#include <stdlib.h>

#define ROUNDS     3000u
#define PIECES_MAX 40u
#define STEP_NS    4000u
#define WINDOW     2000u

static const char *const requests[] = {
	"GET / HTTP/1.1\r\n" H END,
	"GET /later HTTP/1.1\r\n" H END,
	"GET /gate HTTP/1.1\r\n" H END,
	"GET /nap HTTP/1.1\r\n" H END,
	"GET /missing HTTP/1.1\r\n" H END,
	"GET /bytes/9000 HTTP/1.1\r\n" H END,
	"GET /source/3000 HTTP/1.1\r\n" H END,
	"\r\nGET /long HTTP/1.1\r\n" H END,
	"POST /echo HTTP/1.1\r\n" H "Content-Length: 12\r\n" END "twelve bytes",
	"POST /drop HTTP/1.1\r\n" H "Content-Length: 12\r\n" END "twelve bytes",
	"POST /later HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
	"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
	"POST /upload HTTP/1.1\r\n" H "Content-Length: 12\r\n" END "twelve bytes",
	"POST /upload HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
	"3\r\nabc\r\n3\r\n!ef\r\n0\r\n\r\n",
	"POST /small HTTP/1.1\r\n" H "Content-Length: 12\r\n" END "twelve bytes",
	"GET / HTTP/1.1\r\n" H "Expect: what\r\n" END,
	"nonsense\r\n\r\n",
};

struct sums {
	uint64_t stages_ns, total_ns, count;
};

static void sums_add(struct sums *sums, const struct http_rig *rig)
{
	for (enum hz_stage stage = HZ_STAGE_QUEUE; stage < HZ_STAGE_COUNT; stage++)
		sums->stages_ns += rig->hist[stage].sum_ns;
	sums->total_ns += rig->hist[HZ_STAGE_TOTAL].sum_ns;
	sums->count += hz_hist_count(&rig->hist[HZ_STAGE_TOTAL]);
}

static void steps_draw(struct http_rig *rig, struct hz_rng *rng)
{
	rig->parse_ns = hz_rng_below(rng, STEP_NS);
	rig->route_ns = hz_rng_below(rng, STEP_NS);
	rig->handle_ns = hz_rng_below(rng, STEP_NS);
	rig->body_ns = hz_rng_below(rng, STEP_NS);
	rig->is_ready = hz_rng_below(rng, 2) == 0;
	rig->body_waits = hz_rng_below(rng, 2) == 0;
	rig->source_ready = hz_rng_below(rng, 4000);
}

/* Something other than bytes of the client: time, the application, room. */
static void event(struct bench *b, struct hz_rng *rng)
{
	steps_draw(b->rig, rng);
	b->rig->env.rx_ns =
		hz_rng_below(rng, 2) == 0 ? 0 : b->rig->env.now_ns - hz_rng_below(rng, 5000);
	switch (hz_rng_below(rng, 3)) {
	case 0:
		fake_stream_advance(&b->fs, hz_rng_below(rng, 80 * HZ_NS_PER_MS));
		break;
	case 1:
		(void)http_rig_resume(b->rig);
		break;
	default:
		(void)fake_stream_take(&b->fs, hz_rng_below(rng, WINDOW));
		break;
	}
	b->rig->env.rx_ns = 0;
}

static void feed_some(struct bench *b, struct hz_rng *rng, const char **text)
{
	size_t len = strlen(*text), take = 1 + (size_t)hz_rng_below(rng, 2 * len);

	take = HZ_MIN(take, len);
	steps_draw(b->rig, rng);
	if (hz_rng_below(rng, 2) == 0)
		b->rig->env.rx_ns = b->rig->env.now_ns - hz_rng_below(rng, 5000);
	fake_stream_feed(&b->fs, *text, take);
	b->rig->env.rx_ns = 0;
	*text += take;
}

/* A connection with a few requests, some of them there before the one before has its answer. */
static void connection_run(struct bench *b, struct hz_rng *rng)
{
	char all[4096] = "";
	const char *text = all;

	for (uint64_t n = 1 + hz_rng_below(rng, 6); n > 0; n--)
		strncat(all, requests[hz_rng_below(rng, HZ_ARRAY_LEN(requests))],
		        sizeof(all) - strlen(all) - 1);
	for (unsigned i = 0; i < PIECES_MAX; i++) {
		if (*text != '\0' && hz_rng_below(rng, 3) == 0)
			feed_some(b, rng, &text);
		else
			event(b, rng);
	}
}

static void stages_of_any_traffic_add_up_to_the_total(void)
{
	const char *seed = getenv("HZ_TEST_SEED");
	struct sums all = { 0 };
	unsigned differ = 0;
	struct hz_rng rng;

	hz_rng_seed(&rng, seed != NULL ? strtoull(seed, NULL, 0) : 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct sums one = { 0 };
		struct bench b;

		bench_open(&b, WINDOW);
		connection_run(&b, &rng);
		sums_add(&one, b.rig);
		sums_add(&all, b.rig);
		bench_close(&b);
		if (one.stages_ns != one.total_ns && differ++ < 5)
			printf("# round %u: %llu answers, stages %llu ns, total %llu ns\n", round,
			       (unsigned long long)one.count, (unsigned long long)one.stages_ns,
			       (unsigned long long)one.total_ns);
	}
	CU_ASSERT_EQUAL(differ, 0);
	CU_ASSERT(all.count > ROUNDS);
}

/* The application resumes its request while the client's body is awaited: what it then takes is its
 * own. */
static void handler_that_is_asked_while_it_awaits_a_body_is_in_its_stage(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->body_ns = 5000;
	b.rig->body_waits = true;
	feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 6\r\n" END "abc");
	for (unsigned i = 0; i < 2; i++) {
		fake_stream_advance(&b.fs, HZ_NS_PER_MS);
		CU_ASSERT(http_rig_resume(b.rig));
		(void)fake_stream_take(&b.fs, 0);
	}
	b.rig->body_waits = false;
	fake_stream_advance(&b.fs, HZ_NS_PER_MS);
	feed(&b, "def");
	/* It waited for a millisecond, its client took two; two pieces, and twice it was asked. */
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_HANDLER].sum_ns, HZ_NS_PER_MS + 4 * 5000);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_TOTAL].sum_ns, HZ_NS_PER_MS + 4 * 5000);
	bench_close(&b);
}

HZ_SUITE(h1_stage_sum, MEASURED(stages_of_any_traffic_add_up_to_the_total),
         MEASURED(handler_that_is_asked_while_it_awaits_a_body_is_in_its_stage));
