/* Who is refused, by prefix: the first at once, the rest counted, few records whatever comes, and no count lost. */
#include "abi/shed_word.h"
#include "prog_shed.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define FLOOD 20000u

struct note {
	struct rig rig;
	struct hz_shed_row *row; /* mapped, HZ_WORKERS_MAX */
	size_t row_bytes;
	struct ring_buffer *ring;
	uint32_t records;
	uint64_t flows; /* that they tell of */
	struct hz_event_shed last;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	struct note *note = ctx;
	const struct hz_event *event = data;

	if (event->kind != HZ_EVENT_SHED || bytes < sizeof(note->last))
		return 0;
	memcpy(&note->last, data, sizeof(note->last));
	note->records++;
	note->flows += note->last.count;
	return 0;
}

static int note_open(struct note *note, const char *object_path)
{
	int fd, status = rig_open(&note->rig, object_path);

	if (status != 0)
		return status;
	fd = bpf_object__find_map_fd_by_name(note->rig.object, "shed_rows");
	note->row_bytes = (sizeof(*note->row) * HZ_WORKERS_MAX + 4095) / 4096 * 4096;
	note->row = mmap(NULL, note->row_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (note->row == MAP_FAILED)
		return -errno;
	fd = bpf_object__find_map_fd_by_name(note->rig.object, "events");
	note->ring = ring_buffer__new(fd, on_record, note, NULL);
	return note->ring == NULL ? -errno : 0;
}

static void note_close(struct note *note)
{
	ring_buffer__free(note->ring);
	if (note->row != NULL && note->row != MAP_FAILED)
		munmap(note->row, note->row_bytes);
	rig_close(&note->rig);
}

static void consume(struct note *note)
{
	note->records = 0;
	note->flows = 0;
	(void)ring_buffer__consume(note->ring);
}

/* As housekeeping does it; returns what was not told before. */
static uint64_t round_end(struct note *note)
{
	uint64_t gained = 0;

	for (uint32_t cpu = 0; cpu < HZ_WORKERS_MAX; cpu++) {
		struct hz_shed_place *place = note->row[cpu].place;

		note->row[cpu].round++;
		for (uint32_t i = 0; i < HZ_SHED_PLACES + HZ_SHED_REASONS; i++) {
			if (i == HZ_SHED_PLACES)
				place = note->row[cpu].rest - HZ_SHED_PLACES;
			gained += place[i].count - place[i].told;
			place[i].told = place[i].count;
		}
	}
	return gained;
}

/* Nothing known, all new flows refused by this verdict. */
static void note_reset(struct note *note, uint32_t verdict)
{
	prog_shed_set(&note->rig, prog_shed_all(1000), verdict);
	memset(note->row, 0, sizeof(*note->row) * HZ_WORKERS_MAX);
	(void)round_end(note);
	consume(note);
	consume(note);
}

/* A SYN of source 10.from[0].from[1].from[2] or fd07:from[0]:from[1]:0::from[2]. */
static int refuse(struct note *note, int version, const uint8_t from[3])
{
	const struct wire_spec spec = {
		.version = version, .port = RIG_SITE_PORT, .source_port = 99, .flags = WIRE_SYN
	};
	struct wire frame;
	struct run run;

	wire_build(&frame, &spec);
	if (version == 4) {
		memcpy(frame.byte + wire_l3(&spec) + 13, from, 3);
	} else {
		memset(frame.byte + wire_l3(&spec) + 10, 0, 14);
		frame.byte[wire_l3(&spec) + 10] = from[0];
		frame.byte[wire_l3(&spec) + 15] = from[1];
		frame.byte[wire_l3(&spec) + 23] = from[2];
	}
	return rig_run(&note->rig, frame.byte, frame.len, &run) ? run.reason : -1;
}

static const char *prefix_is(const struct note *note, int version, const uint8_t from[3],
                             int reason)
{
	struct hz_addr want = { { [10] = 0xff, [11] = 0xff, 10, from[0], from[1], 0 } };

	if (version == 6)
		want = (struct hz_addr){ { 0xfd, 0x07, from[0], [7] = from[1] } };
	if (note->last.header.bytes != sizeof(note->last) || note->last.header.time_ns == 0)
		return "header";
	if (note->last.reason != (uint32_t)reason)
		return "reason";
	if (note->last.prefix_bits != (version == 4 ? 24u : 64u) ||
	    memcmp(&note->last.prefix, &want, sizeof(want)) != 0)
		return "prefix";
	return note->last.count == 1 && note->last.span_ns == 0 ? NULL : "count";
}

/* The first of a prefix at once; others of it are counted, whatever their last bits are. */
static const char *first_at_once(struct note *note, int version)
{
	static const struct {
		uint32_t verdict;
		int reason;
	} each[] = { { HZ_SHED_DROP, HZ_REASON_shed_drop },
		     { HZ_SHED_RESET, HZ_REASON_shed_reset },
		     { HZ_SHED_ANSWER503, HZ_REASON_shed_syn_ack } };
	const char *why = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(each) && why == NULL; i++) {
		note_reset(note, each[i].verdict);
		for (uint8_t host = 0; host < 40; host++)
			if (refuse(note, version, (uint8_t[]){ 7, 3, host }) != each[i].reason)
				return "not refused as it should be";
		consume(note);
		if (note->records != 1)
			return "not one record";
		why = prefix_is(note, version, (uint8_t[]){ 7, 3, 0 }, each[i].reason);
		if (why == NULL && round_end(note) != 39)
			why = "the rest is not counted";
	}
	return why;
}

static const char *others_first_is_told_too(struct note *note)
{
	note_reset(note, HZ_SHED_DROP);
	(void)refuse(note, 4, (uint8_t[]){ 7, 3, 1 });
	(void)refuse(note, 4, (uint8_t[]){ 7, 4, 1 });
	(void)refuse(note, 6, (uint8_t[]){ 7, 4, 1 });
	note->rig.cfg.shed_verdict = HZ_SHED_RESET;
	rig_state_apply(&note->rig);
	(void)refuse(note, 4, (uint8_t[]){ 7, 3, 1 });
	consume(note);
	return note->records == 4 && round_end(note) == 0 ? NULL : "not one each";
}

/* Places are given to others when a round is over and all is told, and not before. */
static const char *places_change_hands(struct note *note)
{
	uint32_t firsts = 0;

	note_reset(note, HZ_SHED_DROP);
	for (uint32_t round = 0; round < 20; round++) { /* 1280 prefixes, 256 places */
		for (uint32_t i = 0; i < HZ_SHED_FIRSTS_MAX; i++) {
			uint8_t from[] = { (uint8_t)round, (uint8_t)i, 1 };

			(void)refuse(note, 4, from);
			(void)refuse(note, 4, from);
		}
		consume(note);
		firsts += note->records;
		if (note->flows + round_end(note) != 2ull * HZ_SHED_FIRSTS_MAX)
			return "a flow is lost, or told twice";
	}
	return firsts > 20 * HZ_SHED_FIRSTS_MAX / 2 ? NULL : "few prefixes have found a place";
}

/* While sums find no room rounds go on, but what is not told stays where its prefix is. */
static const char *untold_places_are_kept(struct note *note)
{
	const size_t bytes = sizeof(*note->row) * HZ_WORKERS_MAX;
	struct hz_shed_row *before = malloc(bytes);
	uint32_t kept = 0, taken = 0;

	if (before == NULL)
		return "memory";
	note_reset(note, HZ_SHED_DROP);
	for (uint8_t i = 0; i < HZ_SHED_FIRSTS_MAX; i++) {
		(void)refuse(note, 4, (uint8_t[]){ 1, i, 1 });
		(void)refuse(note, 4, (uint8_t[]){ 1, i, 1 });
	}
	memcpy(before, note->row, bytes);
	for (uint8_t round = 2; round < 12; round++) {
		for (uint32_t cpu = 0; cpu < HZ_WORKERS_MAX; cpu++)
			note->row[cpu].round++;
		for (uint8_t i = 0; i < HZ_SHED_FIRSTS_MAX; i++)
			(void)refuse(note, 4, (uint8_t[]){ round, i, 1 });
	}
	for (uint32_t i = 0; i < HZ_WORKERS_MAX * HZ_SHED_PLACES; i++) {
		const struct hz_shed_place
			*was = &before[i / HZ_SHED_PLACES].place[i % HZ_SHED_PLACES],
			*is = &note->row[i / HZ_SHED_PLACES].place[i % HZ_SHED_PLACES];

		kept += was->count != was->told;
		taken += was->count != was->told &&
		         memcmp(&was->prefix, &is->prefix, sizeof(was->prefix)) != 0;
	}
	free(before);
	consume(note);
	(void)round_end(note);
	if (kept == 0)
		return "nothing is counted";
	return taken == 0 ? NULL : "a place was given away with flows that are not told";
}

static const char *flood_is_bounded(struct note *note)
{
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT];
	uint32_t cpus = (uint32_t)note->rig.cpus;

	note_reset(note, HZ_SHED_DROP);
	rig_verdicts(&note->rig, before);
	srandom(5);
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint8_t from[] = { (uint8_t)random(), (uint8_t)random(), (uint8_t)random() };

		if (i % 4096 == 0) /* the beat of the rig is made once */
			prog_shed_set(&note->rig, prog_shed_all(1000), HZ_SHED_DROP);
		if (refuse(note, i % 2 == 0 ? 4 : 6, from) != HZ_REASON_shed_drop)
			return "a verdict changed";
	}
	rig_verdicts(&note->rig, after);
	consume(note);
	if (note->records == 0 || note->records > HZ_SHED_FIRSTS_MAX * cpus)
		return "too many records, or none";
	if (note->flows + round_end(note) !=
	    after[HZ_REASON_shed_drop] - before[HZ_REASON_shed_drop])
		return "a flow is lost, or told twice";
	(void)refuse(note, 4, (uint8_t[]){ 1, 2, 3 });
	consume(note);
	return note->records <= 1 ? NULL : "more than one of one";
}

/* Nobody sends sums, as no server runs or one that is older: nothing goes out, all is counted. */
static const char *without_rounds_none_goes_out(struct note *note)
{
	note_reset(note, HZ_SHED_DROP);
	memset(note->row, 0, sizeof(*note->row) * HZ_WORKERS_MAX);
	for (uint8_t i = 0; i < 100; i++)
		(void)refuse(note, 4, (uint8_t[]){ i, i, i });
	consume(note);
	return note->records == 0 && round_end(note) == 100 ? NULL : "sent, or not counted";
}

static const char *full_ring_counts_firsts_too(struct note *note)
{
	uint8_t from[3] = { 0 };
	uint64_t refused = 0, rounds = 0;

	note_reset(note, HZ_SHED_DROP);
	for (; rounds < 1000; rounds++) { /* nobody reads */
		uint64_t gained = 0;

		for (uint32_t i = 0; i < HZ_SHED_FIRSTS_MAX; i++, refused++) {
			from[0] = (uint8_t)(refused >> 8);
			from[1] = (uint8_t)refused;
			if (refuse(note, 4, from) != HZ_REASON_shed_drop)
				return "a verdict changed";
		}
		gained = round_end(note);
		if (gained == HZ_SHED_FIRSTS_MAX)
			break; /* none found room */
		note->rig.beat[0].beat_ns = rig_now_ns();
		rig_state_apply(&note->rig);
	}
	return rounds < 1000 ? NULL : "the ring was never full";
}

static const char *source_limit_is_told(struct note *note)
{
	const uint8_t from[] = { 9, 9, 9 };
	int reason = 0;

	prog_shed_set(&note->rig, 0, HZ_SHED_DROP);
	memset(note->row, 0, sizeof(*note->row) * HZ_WORKERS_MAX);
	(void)round_end(note);
	if (rig_socket(&note->rig, true) != 0)
		return NULL; /* a kernel without AF_XDP steers nothing */
	rig_source_rate(&note->rig, HZ_NS_PER_S, 0);
	consume(note);
	for (int i = 0; i < 5; i++)
		reason = refuse(note, 4, from);
	rig_source_rate(&note->rig, 0, 0);
	(void)rig_socket(&note->rig, false);
	consume(note);
	if (reason != HZ_REASON_drop_source_rate)
		return "not refused";
	if (note->records != 1 || round_end(note) != 3)
		return "not the first at once and the others counted";
	return prefix_is(note, 4, from, HZ_REASON_drop_source_rate);
}

void note_tests(struct tap *tap, const char *object_path)
{
	struct note *note = calloc(1, sizeof(*note));
	int status = note == NULL ? -ENOMEM : note_open(note, object_path);

	if (status != 0) {
		tap_fail(tap, "note", "cannot load: %s", strerror(-status));
		free(note);
		return;
	}
	tap_result(tap, "note.first_of_a_24_at_once", first_at_once(note, 4));
	tap_result(tap, "note.first_of_a_64_at_once", first_at_once(note, 6));
	tap_result(tap, "note.other_prefixes_and_reasons_have_firsts",
	           others_first_is_told_too(note));
	tap_result(tap, "note.places_change_hands_and_lose_nothing", places_change_hands(note));
	tap_result(tap, "note.untold_places_are_kept", untold_places_are_kept(note));
	tap_result(tap, "note.flood_from_anywhere_is_bounded", flood_is_bounded(note));
	tap_result(tap, "note.without_rounds_none_goes_out", without_rounds_none_goes_out(note));
	tap_result(tap, "note.source_limit_is_told", source_limit_is_told(note));
	tap_result(tap, "note.full_ring_counts_firsts_too", full_ring_counts_firsts_too(note));
	note_close(note);
	free(note);
}
