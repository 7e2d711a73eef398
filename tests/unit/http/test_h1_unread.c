/* A request that waits for an earlier one of its connection counts from when it came, whatever else
 * happens on the connection meanwhile, and waits in queue. */
#include "http/h1_unread.h"
#include "http_bench.h"

#define MS HZ_NS_PER_MS
#define UNIT                                                                                       \
	(1u                                                                                        \
	 << HZ_H1_UNREAD_SHIFT) /* what the connection remembers may be older by less than this */

#define NAP "GET /nap HTTP/1.1\r\n" H END /* answered 50 ms after it is read */
#define GET "GET / HTTP/1.1\r\n" H END

static void feed_seen(struct bench *b, uint64_t waited_ns, const char *text)
{
	b->rig->env.rx_ns = b->rig->env.now_ns - waited_ns;
	feed(b, text);
	b->rig->env.rx_ns = 0;
}

/* Of the answers since the last look, of which there is one: how long it took, and how long of that
 * in queue. */
static bool took(struct bench *b, uint64_t total_ns, uint64_t queue_ns)
{
	const struct hz_hist *total = &b->rig->hist[HZ_STAGE_TOTAL];
	const struct hz_hist *queue = &b->rig->hist[HZ_STAGE_QUEUE];
	bool is_so = hz_hist_count(total) == 1 && hz_hist_count(queue) == 1 &&
	             total->sum_ns - total_ns < UNIT && queue->sum_ns - queue_ns < UNIT &&
	             b->rig->hist[HZ_STAGE_PARSE].sum_ns == 0;

	if (!is_so)
		printf("# %llu answers took %llu ns, %llu of them waited %llu\n",
		       (unsigned long long)hz_hist_count(total), (unsigned long long)total->sum_ns,
		       (unsigned long long)hz_hist_count(queue), (unsigned long long)queue->sum_ns);
	memset(b->rig->hist, 0, sizeof(b->rig->hist));
	return is_so;
}

static void nap_ends(struct bench *b, uint64_t after_ns)
{
	unsigned before = b->rig->finishes;

	CU_ASSERT(fake_stream_advance(&b->fs, after_ns));
	CU_ASSERT_EQUAL(b->rig->finishes, before + 1);
}

static void requests_behind_one_that_waits_count_from_their_packet(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed_seen(&b, 900, NAP NAP NAP);
	nap_ends(&b, 50 * MS);
	CU_ASSERT(took(&b, 50 * MS + 900, 900));
	nap_ends(&b, 50 * MS);
	CU_ASSERT(took(&b, 100 * MS + 900, 50 * MS + 900));
	nap_ends(&b, 50 * MS);
	CU_ASSERT(took(&b, 150 * MS + 900, 100 * MS + 900));
	bench_close(&b);
}

/* Kernel sockets: nobody saw the packet before http, but the wait that http itself makes is
 * known. */
static void requests_without_a_stamp_count_from_the_turn_they_came_in(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, NAP NAP NAP);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_QUEUE]), 0);
	nap_ends(&b, 50 * MS);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_TOTAL].sum_ns, 50 * MS);
	memset(b.rig->hist, 0, sizeof(b.rig->hist));
	nap_ends(&b, 50 * MS);
	CU_ASSERT(took(&b, 100 * MS, 50 * MS));
	nap_ends(&b, 50 * MS);
	CU_ASSERT(took(&b, 150 * MS, 100 * MS));
	bench_close(&b);
}

static void requests_of_later_packets_count_from_their_own(void)
{
	struct bench b;

	for (unsigned has_stamps = 0; has_stamps < 2; has_stamps++) {
		bench_open(&b, WINDOW_WIDE);
		feed_seen(&b, 0, NAP);
		CU_ASSERT(!fake_stream_advance(&b.fs, 10 * MS));
		has_stamps ? feed_seen(&b, 0, NAP) : feed(&b, NAP);
		CU_ASSERT(!fake_stream_advance(&b.fs, 30 * MS));
		has_stamps ? feed_seen(&b, 0, NAP) : feed(&b, NAP);
		nap_ends(&b, 10 * MS);
		CU_ASSERT(took(&b, 50 * MS, 0));
		nap_ends(&b, 50 * MS);
		CU_ASSERT(took(&b, 90 * MS, 40 * MS));
		nap_ends(&b, 50 * MS);
		CU_ASSERT(took(&b, 110 * MS, 60 * MS));
		bench_close(&b);
	}
}

/* The timer looks at a waiting request each second, and an acknowledgement may make room: both show
 * again what waits, and neither brought it. */
static void what_is_shown_again_grows_no_younger(void)
{
	struct bench b;

	for (unsigned has_stamps = 0; has_stamps < 2; has_stamps++) {
		bench_open(&b, WINDOW_WIDE);
		feed_seen(&b, 0, "GET /later HTTP/1.1\r\n" H END);
		has_stamps ? feed_seen(&b, 0, GET NAP) : feed(&b, GET NAP);
		for (unsigned s = 0; s < 5; s++) {
			CU_ASSERT(fake_stream_advance(&b.fs, HZ_NS_PER_S));
			b.rig->env.rx_ns = b.rig->env.now_ns;
			CU_ASSERT(http_rig_resume(b.rig));
			(void)fake_stream_take(&b.fs, 0);
			b.rig->env.rx_ns = 0;
		}
		b.rig->is_ready = true;
		CU_ASSERT(http_rig_resume(b.rig));
		(void)fake_stream_take(&b.fs, 0);
		/* Three of them: two had come 5 s ago. */
		CU_ASSERT_EQUAL(b.rig->finishes, 2);
		CU_ASSERT(b.rig->hist[HZ_STAGE_QUEUE].sum_ns - 5 * HZ_NS_PER_S < UNIT);
		memset(b.rig->hist, 0, sizeof(b.rig->hist));
		nap_ends(&b, 50 * MS);
		CU_ASSERT(took(&b, 50 * MS + 5 * HZ_NS_PER_S, 5 * HZ_NS_PER_S));
		bench_close(&b);
	}
}

static void request_behind_an_answer_without_room_waits_in_queue(void)
{
	struct bench b;

	bench_open(&b, 2000);
	feed_seen(&b, 900, "GET /bytes/5000 HTTP/1.1\r\n" H END GET);
	fake_stream_advance(&b.fs, 3 * MS);
	(void)fake_stream_take(&b.fs, 2000);
	memset(b.rig->hist, 0, sizeof(b.rig->hist));
	CU_ASSERT_EQUAL(b.rig->finishes, 0);
	(void)fake_stream_take(&b.fs, 2000);
	CU_ASSERT_EQUAL(b.rig->finishes, 2);
	CU_ASSERT(b.rig->hist[HZ_STAGE_QUEUE].max_ns - (3 * MS + 900) < UNIT);
	CU_ASSERT(b.rig->hist[HZ_STAGE_QUEUE].sum_ns - (3 * MS + 2 * 900) < UNIT);
	bench_close(&b);
}

/* The call ends at the depth of the pipeline, and the timer shows the rest. */
static void request_beyond_the_depth_of_the_pipeline_counts_from_its_packet(void)
{
	char text[(HZ_LIMIT_pipeline_depth_max + 1) * (sizeof(GET) - 1) + 1] = "";
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	for (unsigned i = 0; i <= HZ_LIMIT_pipeline_depth_max; i++)
		memcpy(text + i * (sizeof(GET) - 1), GET, sizeof(GET));
	feed_seen(&b, 900, text);
	CU_ASSERT_EQUAL(b.rig->finishes, HZ_LIMIT_pipeline_depth_max);
	memset(b.rig->hist, 0, sizeof(b.rig->hist));
	CU_ASSERT(fake_stream_advance(&b.fs, 2 * MS));
	CU_ASSERT_EQUAL(b.rig->finishes, HZ_LIMIT_pipeline_depth_max + 1);
	CU_ASSERT(took(&b, 2 * MS + 900, 2 * MS + 900));
	bench_close(&b);
}

/* As one that waits for nobody: what the client has not sent yet is not our time. */
static void request_whose_rest_comes_later_counts_from_its_rest(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed_seen(&b, 0, NAP "GET / HTTP/1.1\r\n");
	nap_ends(&b, 50 * MS);
	memset(b.rig->hist, 0, sizeof(b.rig->hist));
	fake_stream_advance(&b.fs, 20 * MS);
	feed_seen(&b, 70, H END);
	CU_ASSERT(took(&b, 70, 70));
	bench_close(&b);
}

/* The first of a connection, and one behind whom nobody waited. */
static void request_that_waited_for_nobody_has_its_own_packet(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed_seen(&b, 0, NAP NAP);
	nap_ends(&b, 50 * MS);
	nap_ends(&b, 50 * MS);
	memset(b.rig->hist, 0, sizeof(b.rig->hist));
	fake_stream_advance(&b.fs, 5 * MS);
	feed_seen(&b, 70, GET);
	CU_ASSERT(took(&b, 70, 70));
	feed(&b, GET);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_QUEUE]), 0);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_TOTAL]), 1);
	bench_close(&b);
}

static void time_that_is_remembered_is_that_time_to_a_unit(void)
{
	static const uint64_t away_ns[] = { 0, 1, UNIT - 1, UNIT, 50 * MS, 2100 * HZ_NS_PER_S };
	uint64_t now_ns = ((1ull << 32) - 3) << HZ_H1_UNREAD_SHIFT; /* the bits go round */

	for (unsigned step = 0; step < 2000; step++, now_ns += 333) {
		for (unsigned i = 0; i < HZ_ARRAY_LEN(away_ns); i++) {
			uint64_t before_ns = now_ns - away_ns[i], after_ns = now_ns + away_ns[i];

			CU_ASSERT_FATAL(
				before_ns - hz_h1_unread_ns(hz_h1_unread_of(before_ns), now_ns) <
				UNIT);
			CU_ASSERT_FATAL(after_ns -
			                        hz_h1_unread_ns(hz_h1_unread_of(after_ns), now_ns) <
			                UNIT);
		}
	}
}

HZ_SUITE(h1_unread, MEASURED(requests_behind_one_that_waits_count_from_their_packet),
         MEASURED(requests_without_a_stamp_count_from_the_turn_they_came_in),
         MEASURED(requests_of_later_packets_count_from_their_own),
         MEASURED(what_is_shown_again_grows_no_younger),
         MEASURED(request_behind_an_answer_without_room_waits_in_queue),
         MEASURED(request_beyond_the_depth_of_the_pipeline_counts_from_its_packet),
         MEASURED(request_whose_rest_comes_later_counts_from_its_rest),
         MEASURED(request_that_waited_for_nobody_has_its_own_packet),
         CASE(time_that_is_remembered_is_that_time_to_a_unit));
