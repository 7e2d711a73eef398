#include "core/overload.h"
#include "abi/shed_word.h"
#include "core/base.h"

/* The controller's gains, per step and in targets of the queue. What comes in is moved in ratios, not by amounts: ten
 * times too much is then as far from the target as it looks at double the load, and one pair of gains fits both.
 * Slow enough for clients 50 ms away, whose flows bring work only then; tests/unit/core/test_overload.c has the plant. */
#define GAIN_WAIT    0.0024 /* of what waits beyond the target */
#define GAIN_REST    0.02   /* of what is missing to it */
#define GAIN_CHANGE  0.024  /* of what it grew by */
#define GAIN_LATE    0.07   /* of requests that came too late, to one that was served */
#define LATE_MAX     4.0
#define STANDING     10.0 /* times the wait; from a tenth of the target on it is a queue that stays */
#define REQUESTS     8.0  /* steps over which their work is smoothed */
#define WAIT_MAX     20.0 /* targets; beyond, a queue is as bad as it gets */
#define REFUSING_MAX (5 * HZ_OVERLOAD_LATE_STEPS)
#define MISSED_MAX   100u /* steps, a second: enough to come to rest */
#define GOLD_PART                                                                                  \
	0.1 /* of the flows let in when bulk is refused as far as may be, until gold is as well */
#define REQUEST_PART 0.02 /* and of those, until 503 is the answer to nearly all */
#define LOAD_MAX     97u  /* a queue alone shuts no door */
#define FLOWS_MIN    0.02

/* 0..1000: how far x is on its way from..to. */
static uint32_t ramp(uint32_t x, uint32_t from, uint32_t to)
{
	if (x <= from)
		return 0;
	return x >= to ? 1000 : 1000 * (x - from) / (to - from);
}

/* Up at once, down when it is better by the hysteresis. */
static uint32_t backlash(uint32_t was, uint32_t is)
{
	is = HZ_MIN(is, 100u);
	if (is >= was)
		return is;
	return HZ_MIN(was, is + HZ_OVERLOAD_HYSTERESIS);
}

static uint32_t conf_word(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Down to which share each stage goes: flows of bulk, flows of gold, requests. */
struct stages {
	double bulk, gold, request;
};

static struct stages stages_of(const struct hz_overload_conf *conf)
{
	double bulk = 1.0 - conf->max_permille / 1000.0;
	struct stages stages = { .bulk = HZ_MAX(bulk, FLOWS_MIN) };

	stages.gold = conf->is_mixed ? stages.bulk * GOLD_PART : stages.bulk;
	stages.request = stages.gold * REQUEST_PART;
	return stages;
}

/* late: requests that came too late for each that was served. */
static void wait_step(struct hz_overload *o, double wait, double late, double least)
{
	double push;

	wait = HZ_MIN(wait, WAIT_MAX);
	push = (wait > 1.0 ? GAIN_WAIT : GAIN_REST) * (wait - 1.0) + GAIN_CHANGE * (wait - o->wait);
	/* Late, and yet nothing is left waiting: the core was taken away for a while, which refusing others does not
	 * make up for. */
	push += GAIN_LATE * HZ_MIN(late, LATE_MAX) * HZ_MIN(STANDING * wait, 1.0);
	o->wait = wait;
	o->admitted *= push > 0.0 ? 1.0 / (1.0 + push) : 1.0 - push;
	o->admitted = HZ_MIN(HZ_MAX(o->admitted, least), 1.0);
	if (o->admitted < 1.0)
		o->refusing = HZ_MIN(o->refusing + 1, REFUSING_MAX);
	else if (o->refusing > 0)
		o->refusing--;
}

static uint32_t share_permille(double share)
{
	return (uint32_t)(share * 1000.0 + 0.5);
}

/* How far admitted is on its way between two stages. */
static double progress(double admitted, double from, double to)
{
	if (admitted >= from)
		return 0.0;
	return admitted <= to ? 1.0 : (from - admitted) / (from - to);
}

/* The flows and requests that one cause sheds. */
struct shares {
	uint32_t percent;
	uint32_t gold, bulk, refuse;
};

static struct shares load_shares(const struct hz_overload *o, const struct hz_overload_conf *conf,
                                 const struct stages *stages)
{
	uint32_t start = conf->start_percent, max = conf->max_permille;
	double gold = progress(o->admitted, stages->bulk, stages->gold);
	double refuse = progress(o->admitted, stages->gold, stages->request);
	struct shares out = { .bulk = max, .refuse = share_permille(refuse) };

	if (o->admitted >= 1.0) {
		out.bulk = 0;
		out.percent = (uint32_t)((start - 1) * HZ_MIN(o->wait, 1.0));
		return out;
	}
	if (o->admitted > stages->bulk)
		out.bulk = HZ_MIN(share_permille(1.0 - o->admitted), max);
	out.gold = conf->is_mixed ? out.bulk / HZ_SHED_BULK_GOLD : out.bulk;
	out.gold += (uint32_t)((max - out.gold) * gold);
	out.percent = start +
	              (HZ_OVERLOAD_FULL - start) * (max != 0 ? out.bulk : 1000u) / HZ_MAX(max, 1u);
	if (max == 0 || out.refuse != 0)
		out.percent = HZ_OVERLOAD_FULL + (LOAD_MAX - HZ_OVERLOAD_FULL) * out.refuse / 1000;
	out.percent = HZ_MIN(out.percent, LOAD_MAX);
	return out;
}

static struct shares room_shares(uint32_t percent, const struct hz_overload_conf *conf)
{
	uint32_t done = ramp(percent, conf->start_percent - 1, HZ_OVERLOAD_FULL);
	uint32_t max = conf->max_permille;
	struct shares out = { .percent = percent, .bulk = max * done / 1000 };

	out.gold = conf->is_mixed ? out.bulk / HZ_SHED_BULK_GOLD : out.bulk;
	out.refuse = ramp(percent, HZ_OVERLOAD_FULL - 1, HZ_OVERLOAD_SHUT);
	return out;
}

static void ladder_climb(struct hz_overload *o, const struct hz_overload_conf *conf,
                         const struct stages *stages)
{
	uint32_t hard = HZ_MAX(o->room, o->ring);
	struct shares load = load_shares(o, conf, stages), room = room_shares(hard, conf);
	uint32_t shut = hard >= HZ_OVERLOAD_SHUT ? HZ_SHED_ALL : 0;

	o->pressure_percent = HZ_MAX(load.percent, room.percent);
	o->idle_permille = ramp(o->room, HZ_OVERLOAD_IDLE, 100);
	o->close_permille = ramp(o->room, HZ_OVERLOAD_CLOSE - 1, HZ_OVERLOAD_FULL);
	o->refuse_permille = HZ_MAX(load.refuse, room.refuse);
	o->kept_permille = ramp(o->room, HZ_OVERLOAD_FULL - 1, HZ_OVERLOAD_SHUT);
	o->evicts = o->room >= HZ_OVERLOAD_CANNED;
	o->word = hz_shed_word(HZ_MAX(load.gold, room.gold), HZ_MAX(load.bulk, room.bulk),
	                       ramp(hard, HZ_OVERLOAD_CANNED - 1, HZ_OVERLOAD_SHUT - 1), shut);
	o->level_permille = shut != 0 ? HZ_SHED_ALL
	                              : HZ_MAX(HZ_MAX(load.bulk, room.bulk),
	                                       hz_shed_field(o->word, HZ_SHED_CANNED));
}

/* Off the ladder: nothing is shed but what the settings say. */
static void ladder_leave(struct hz_overload *o, const struct hz_overload_conf *conf)
{
	uint32_t bulk = conf->mode == HZ_OVERLOAD_FIXED ? conf->fixed_permille : 0;

	o->admitted = 1.0;
	o->pressure_percent = HZ_MAX(o->room, o->ring);
	o->idle_permille = o->close_permille = 0;
	o->refuse_permille = o->kept_permille = 0;
	o->refusing = 0;
	o->late_ns = 0;
	o->evicts = false;
	o->level_permille = bulk;
	o->word = hz_shed_word(conf->is_mixed ? bulk / HZ_SHED_BULK_GOLD : bulk, bulk, 0, 0);
}

static void work_note(struct hz_overload *o, const struct hz_overload_sample *sample)
{
	double each_ns;

	if (sample->served == 0)
		return;
	each_ns = (double)sample->work_ns / (double)sample->served;
	o->request_ns = o->request_ns == 0.0 ? each_ns
	                                     : o->request_ns + (each_ns - o->request_ns) / REQUESTS;
}

/* A queue shorter than one request would leave the worker idle between two. */
static double target_ns(const struct hz_overload *o)
{
	return HZ_MAX((double)HZ_OVERLOAD_TARGET_NS, o->request_ns);
}

/* Flows are refused, and not since a moment ago: a burst is served, however late. */
static bool is_rush(const struct hz_overload *o)
{
	return o->refusing >= HZ_OVERLOAD_LATE_STEPS;
}

static uint64_t late_limit_ns(const struct hz_overload *o)
{
	return HZ_MAX((uint64_t)HZ_OVERLOAD_LATE_NS,
	              (uint64_t)(HZ_OVERLOAD_LATE_WORK * o->request_ns));
}

static uint64_t steps_due(const struct hz_overload *o, uint64_t now_ns)
{
	uint64_t steps = o->stepped_ns == 0 ? 1 : (now_ns - o->stepped_ns) / HZ_OVERLOAD_STEP_NS;

	return HZ_MIN(HZ_MAX(steps, 1u), MISSED_MAX);
}

/* Steps that were missed: nothing waited while the worker slept; while it was held up by its work, what it found
 * waiting then, or a turn longer than a step would hide the queue that it makes. */
static void steps_take(struct hz_overload *o, const struct hz_overload_sample *sample, double least)
{
	double late = (double)sample->late / (double)HZ_MAX(sample->served, 1u);
	uint64_t steps = steps_due(o, sample->now_ns);
	uint64_t idle = (steps - 1) * (100 - HZ_MIN(sample->busy_percent, 100u)) / 100;
	double wait = (double)sample->queue_ns / target_ns(o);

	for (uint64_t i = 0; i < steps; i++)
		wait_step(o, i < idle ? 0.0 : wait, i < idle ? 0.0 : late, least);
}

void hz_overload_step(struct hz_overload *o, const struct hz_overload_sample *sample)
{
	struct hz_overload_conf conf = { .start_percent = 85 };
	struct stages stages;
	uint32_t busy;

	if (o->conf != NULL) {
		conf.mode = conf_word(&o->conf->mode);
		conf.start_percent =
			HZ_MIN(conf_word(&o->conf->start_percent), HZ_OVERLOAD_FULL - 1);
		conf.fixed_permille = conf_word(&o->conf->fixed_permille);
		conf.max_permille = conf_word(&o->conf->max_permille);
		conf.is_mixed = conf_word(&o->conf->is_mixed);
	}
	o->room = backlash(o->room, sample->room_percent);
	o->ring = backlash(o->ring, sample->ring_percent);
	if (conf.mode != HZ_OVERLOAD_ADAPTIVE) {
		ladder_leave(o, &conf);
	} else {
		stages = stages_of(&conf);
		if (o->admitted == 0.0)
			o->admitted = 1.0;
		work_note(o, sample);
		steps_take(o, sample, stages.request);
		o->late_ns = is_rush(o) ? late_limit_ns(o) : 0;
		ladder_climb(o, &conf, &stages);
	}
	o->stepped_ns = sample->now_ns;
	busy = HZ_MIN(sample->busy_percent, 100u) * (conf.start_percent - 1) / 100;
	o->pressure_percent = HZ_MAX(o->pressure_percent, busy);
}
