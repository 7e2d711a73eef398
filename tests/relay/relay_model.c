/* The link's model in virtual time: what was asked for is what happens, and the same seed does it again. */
#include "core/base.h"
#include "flight.h"
#include "impair.h"
#include <stdio.h>
#include <string.h>

#define FRAMES 200000u

static bool is_near(double got, double want, double part)
{
	return got >= want * (1 - part) && got <= want * (1 + part);
}

static void offer(struct impair *link, unsigned frames, uint64_t every_ns, size_t bytes,
                  struct impair_fate *last)
{
	for (unsigned i = 0; i < frames; i++)
		impair_decide(link, 1 + i * every_ns, bytes, last);
}

static const char *clean_link_changes_nothing(void)
{
	struct impair_conf conf = { .delay_ns = 5000 };
	struct impair_fate fate;
	struct impair link;

	impair_init(&link, &conf, 1);
	for (unsigned i = 0; i < 1000; i++) {
		impair_decide(&link, i * 100, 1514, &fate);
		if (fate.copies != 1 || fate.due_ns[0] != i * 100 + 5000 ||
		    fate.flip_bit != SIZE_MAX)
			return "a frame was touched or is not due after the delay";
	}
	return link.counts.frames == 1000 && link.counts.bytes == 1514000 ? NULL : "counts";
}

static const char *shares_are_those_asked_for(void)
{
	struct impair_conf conf = { .loss_ppm = 30000,
		                    .duplicate_ppm = 20000,
		                    .corrupt_ppm = 10000,
		                    .reorder_ppm = 50000 };
	struct impair_fate fate;
	struct impair link;
	double kept;

	impair_init(&link, &conf, 7);
	offer(&link, FRAMES, 1000, 100, &fate);
	kept = (double)(FRAMES - link.counts.lost);
	if (!is_near((double)link.counts.lost, FRAMES * 0.03, 0.05))
		return "loss is not 3 %";
	if (!is_near((double)link.counts.duplicated, kept * 0.02, 0.1))
		return "duplication is not 2 %";
	if (!is_near((double)link.counts.corrupted, kept * 0.01, 0.1))
		return "corruption is not 1 %";
	return is_near((double)link.counts.reordered, kept * 0.05, 0.05) ? NULL
	                                                                 : "reordering is not 5 %";
}

static const char *bursts_keep_share_and_mean_length(void)
{
	struct impair_conf conf = { .loss_ppm = 20000, .burst_frames = 5 };
	unsigned bursts = 0, before = 1;
	struct impair_fate fate;
	struct impair link;

	impair_init(&link, &conf, 3);
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_decide(&link, i, 100, &fate);
		bursts += before == 1 && fate.copies == 0;
		before = fate.copies;
	}
	if (!is_near((double)link.counts.lost, FRAMES * 0.02, 0.1))
		return "loss is not 2 %";
	return is_near((double)link.counts.lost / bursts, 5, 0.1) ? NULL
	                                                          : "bursts are not 5 frames long";
}

static const char *burst_ends_in_a_pause(void)
{
	struct impair_conf conf = { .loss_ppm = 20000, .burst_frames = 100 };
	unsigned lost = 0, lost_after = 0;
	struct impair_fate fate;
	struct impair link;
	uint64_t now_ns = 0;

	impair_init(&link, &conf, 5);
	for (unsigned i = 0; i < FRAMES; i++) {
		bool was_in_burst = link.is_in_burst;

		now_ns += was_in_burst ? 60 * HZ_NS_PER_MS : 1000;
		impair_decide(&link, now_ns, 100, &fate);
		lost += fate.copies == 0;
		lost_after += was_in_burst && fate.copies == 0;
	}
	if (lost < 10)
		return "hardly a burst";
	return lost_after * 100 <= lost ? NULL : "bursts outlive pauses";
}

static const char *same_seed_repeats_and_other_differs(void)
{
	struct impair_conf conf = { .loss_ppm = 100000,
		                    .jitter_ns = 1000000,
		                    .corrupt_ppm = 100000 };
	struct impair link[3];
	unsigned differ = 0;

	for (unsigned i = 0; i < 3; i++)
		impair_init(&link[i], &conf, i == 2 ? 12 : 11);
	for (unsigned i = 0; i < 1000; i++) {
		struct impair_fate fate[3];

		/* Other times and sizes: the loss of a frame hangs on its number alone. */
		impair_decide(&link[0], i * 10, 1000, &fate[0]);
		impair_decide(&link[1], i * 77, 60 + i, &fate[1]);
		impair_decide(&link[2], i * 10, 1000, &fate[2]);
		if (fate[0].copies != fate[1].copies)
			return "the same seed lost another frame";
		if (fate[0].copies != 0 && fate[0].due_ns[0] - i * 10 != fate[1].due_ns[0] - i * 77)
			return "the same seed gave another delay";
		differ += fate[0].copies != fate[2].copies;
	}
	return differ > 100 ? NULL : "another seed lost the same frames";
}

static const char *rate_spaces_frames_and_full_queue_drops_the_tail(void)
{
	/* 12 Mbit/s: 1500 bytes take 1 ms. 10 frames fit. */
	struct impair_conf conf = { .rate_bit_s = 12000000, .queue_bytes = 15000 };
	struct impair_fate fate;
	struct impair link;

	impair_init(&link, &conf, 1);
	for (unsigned i = 0; i < 12; i++) {
		impair_decide(&link, 1000, 1500, &fate);
		if ((fate.copies == 1) != (i < 10))
			return "the queue does not hold ten frames";
		if (i < 10 && fate.due_ns[0] != 1000 + (i + 1) * HZ_NS_PER_MS)
			return "frames do not leave 1 ms apart";
	}
	if (link.counts.tail_dropped != 2 || link.counts.queue_bytes_max != 15000)
		return "the drops are not counted";
	impair_decide(&link, 1000 + 3 * HZ_NS_PER_MS, 1500, &fate);
	if (fate.copies != 1 || fate.due_ns[0] != 1000 + 11 * HZ_NS_PER_MS)
		return "what has left makes no room";
	impair_decide(&link, 100 * HZ_NS_PER_MS, 1500, &fate);
	return fate.due_ns[0] == 101 * HZ_NS_PER_MS ? NULL : "an idle link remembers its queue";
}

static const char *corruption_spares_the_link_header(void)
{
	struct impair_conf conf = { .corrupt_ppm = IMPAIR_PPM };
	struct impair_fate fate;
	struct impair link;
	size_t lowest = SIZE_MAX, highest = 0;

	impair_init(&link, &conf, 9);
	for (unsigned i = 0; i < 10000; i++) {
		impair_decide(&link, i, 60, &fate);
		lowest = HZ_MIN(lowest, fate.flip_bit);
		highest = HZ_MAX(highest, fate.flip_bit);
	}
	if (lowest != 14 * 8 || highest != 60 * 8 - 1)
		return "not every bit from byte 14 to the end is hit";
	impair_decide(&link, 10000, 14, &fate);
	return fate.flip_bit == SIZE_MAX ? NULL : "a frame without a payload was bent";
}

static const char *flight_returns_frames_by_time_then_arrival(void)
{
	struct flight flight;
	struct hz_rng rng;
	struct flight_item item, before = { 0 };
	const char *why = NULL;

	if (flight_open(&flight, 1000) != 0)
		return "out of memory";
	hz_rng_seed(&rng, 5);
	for (unsigned i = 0; i < 1000; i++)
		flight_add(&flight, flight_take(&flight), i, 1 + hz_rng_below(&rng, 300));
	if (flight_take(&flight) != UINT32_MAX)
		why = "more frames than there is memory for";
	for (unsigned i = 0; i < 1000 && why == NULL; i++) {
		uint64_t next_ns = flight_next_ns(&flight);

		item = flight_pop(&flight);
		flight_drop(&flight, item.frame);
		if (item.due_ns != next_ns || item.due_ns < before.due_ns ||
		    (i > 0 && item.due_ns == before.due_ns && item.bytes < before.bytes))
			why = "out of order";
		before = item;
	}
	if (why == NULL && (flight_next_ns(&flight) != UINT64_MAX || flight.free_count != 1000))
		why = "memory is missing at the end";
	flight_close(&flight);
	return why;
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const char *(*run)(void);
	} row[] = {
		ROW(clean_link_changes_nothing),
		ROW(shares_are_those_asked_for),
		ROW(bursts_keep_share_and_mean_length),
		ROW(burst_ends_in_a_pause),
		ROW(same_seed_repeats_and_other_differs),
		ROW(rate_spaces_frames_and_full_queue_drops_the_tail),
		ROW(corruption_spares_the_link_header),
		ROW(flight_returns_frames_by_time_then_arrival),
	};
	int failed = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(row); i++) {
		const char *why;

		if (argc > 1 && strstr(row[i].name, argv[1]) == NULL)
			continue;
		why = row[i].run();
		if (why == NULL)
			printf("ok relay_model.%s\n", row[i].name);
		else
			printf("not ok relay_model.%s: %s\n", row[i].name, why);
		failed |= why != NULL;
	}
	return failed;
}
