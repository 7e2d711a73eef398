#include "relay_conf.h"

#include "core/base.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_S_DEFAULT 60u
#define RUN_S_MAX     3600u

/* A key of one way: where its value goes, what one unit of it is, and the most that is allowed. */
struct key {
	const char *name;
	size_t offset;
	size_t bytes; /* of the field */
	double unit;
	double max; /* in the unit of the command line */
	const char *help;
};

#define KEY(name, field, unit, max, help)                                                          \
	{                                                                                          \
		name, offsetof(struct impair_conf, field),                                         \
			sizeof((struct impair_conf){ 0 }.field), unit, max, help                   \
	}

static const struct key keys[] = {
	KEY("loss", loss_ppm, 1e4, 100, "percent of the frames"),
	KEY("burst", burst_frames, 1, 1000, "mean length of a loss burst; 0: independent losses"),
	KEY("duplicate", duplicate_ppm, 1e4, 100, "percent"),
	KEY("corrupt", corrupt_ppm, 1e4, 100, "percent: one bit is flipped"),
	KEY("reorder", reorder_ppm, 1e4, 100, "percent that come reorder_us later"),
	KEY("reorder_us", reorder_ns, 1e3, 1e7, "microseconds"),
	KEY("delay_us", delay_ns, 1e3, 1e7, "microseconds, every frame"),
	KEY("jitter_us", jitter_ns, 1e3, 1e6, "microseconds at most, uniform"),
	KEY("rate_kbit", rate_bit_s, 1e3, 1e7, "kbit/s; 0: unlimited"),
	KEY("queue_bytes", queue_bytes, 1, 1e8, "before the rate limit"),
};

/* The jitter is scaled in 64 bits: 32 random bits times its nanoseconds. */
_Static_assert(1000000ull * 1000 < UINT32_MAX, "jitter_us allows what fits 32 bits of nanoseconds");

void relay_conf_usage(void)
{
	fprintf(stderr,
	        "usage: helper_relay IF1 IF2 [seed=N] [time_s=N] [[there.|back.]KEY=VALUE...]\n"
	        "  there: from IF1 to IF2 only, back: from IF2 to IF1 only, else both\n");
	for (size_t i = 0; i < HZ_ARRAY_LEN(keys); i++)
		fprintf(stderr, "  %-12s %s\n", keys[i].name, keys[i].help);
}

static bool number_read(const char *text, double max, double *out)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(value >= 0 && value <= max))
		return false;
	*out = value;
	return true;
}

static void field_set(struct impair_conf *way, const struct key *key, double value)
{
	uint64_t whole = (uint64_t)(value * key->unit + 0.5);
	uint32_t half = (uint32_t)whole;

	if (key->bytes == sizeof(half))
		memcpy((char *)way + key->offset, &half, sizeof(half));
	else
		memcpy((char *)way + key->offset, &whole, sizeof(whole));
}

/* "there.", "back." or nothing in front of a key. Bit i of the result: way i. */
static unsigned ways_read(const char **word)
{
	if (strncmp(*word, "there.", 6) == 0) {
		*word += 6;
		return 1;
	}
	if (strncmp(*word, "back.", 5) == 0) {
		*word += 5;
		return 2;
	}
	return 3;
}

static const char *key_read(const char *word, struct relay_conf *conf)
{
	unsigned ways = ways_read(&word);
	const char *equals = strchr(word, '=');
	double value;

	if (equals == NULL)
		return "a word without =";
	for (size_t i = 0; i < HZ_ARRAY_LEN(keys); i++) {
		if (strlen(keys[i].name) != (size_t)(equals - word) ||
		    strncmp(keys[i].name, word, (size_t)(equals - word)) != 0)
			continue;
		if (!number_read(equals + 1, keys[i].max, &value))
			return "a value that is no number or out of range";
		for (unsigned way = 0; way < 2; way++) {
			if ((ways >> way & 1u) != 0)
				field_set(&conf->way[way], &keys[i], value);
		}
		return NULL;
	}
	return "an unknown key";
}

static const char *way_check(const struct impair_conf *way)
{
	if (way->rate_bit_s != 0 && (way->rate_bit_s < 1000 || way->queue_bytes < 1514))
		return "rate_kbit is 1 or more, with queue_bytes of one frame or more";
	if (way->burst_frames != 0 && way->loss_ppm > IMPAIR_PPM / 2)
		return "bursts of more than half of the frames";
	return NULL;
}

const char *relay_conf_read(int argc, char **argv, struct relay_conf *conf, const char **word)
{
	const char *why = NULL;
	double value;

	*conf = (struct relay_conf){ .seed = 1, .run_ns = RUN_S_DEFAULT * HZ_NS_PER_S };
	*word = "";
	if (argc < 3)
		return "two interfaces are needed";
	conf->interface[0] = argv[1];
	conf->interface[1] = argv[2];
	for (int i = 3; i < argc && why == NULL; i++) {
		*word = argv[i];
		if (strncmp(argv[i], "seed=", 5) == 0 &&
		    number_read(argv[i] + 5, UINT32_MAX, &value))
			conf->seed = (uint64_t)value;
		else if (strncmp(argv[i], "time_s=", 7) == 0 &&
		         number_read(argv[i] + 7, RUN_S_MAX, &value))
			conf->run_ns = (uint64_t)(value * 1e9);
		else
			why = key_read(argv[i], conf);
	}
	for (unsigned way = 0; way < 2 && why == NULL; way++)
		why = way_check(&conf->way[way]);
	return why;
}
