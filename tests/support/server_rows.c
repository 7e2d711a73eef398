#include "server_rows.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MS      1000000ULL
#define SEC     (1000 * MS)
#define TIMEOUT (500 * MS)
#define WORKERS 3

struct slot {
	uint32_t state;
	int64_t age_ns; /* of the beat; < 0: taken after the time was */
	uint64_t up_s, shed;
	const char *word; /* NULL: nobody */
};

struct row {
	const char *name;
	uint32_t state, workers;
	struct slot slot[WORKERS];
	bool is_alive;
	const char *word;
	int64_t uptime_s; /* -1: null */
	int shed;
};

static const struct row rows[] = {
	{ "never started", HZ_STATE_NONE, 0, { { 0 } }, false, "down", -1, 0 },
	{ "two of two turn",
	  HZ_STATE_READY,
	  2,
	  { { HZ_STATE_READY, 1, 90, 20, "ready" }, { HZ_STATE_READY, 0, 60, 250, "ready" } },
	  true,
	  "ready",
	  90,
	  250 },
	{ "a beat of just the timeout, and one from the future",
	  HZ_STATE_READY,
	  2,
	  { { HZ_STATE_READY, TIMEOUT, 90, 0, "ready" }, { HZ_STATE_READY, -5, 60, 0, "ready" } },
	  true,
	  "ready",
	  90,
	  0 },
	{ "one is stuck: neither its level nor its age speaks",
	  HZ_STATE_READY,
	  2,
	  { { HZ_STATE_READY, TIMEOUT + 1, 90, 700, "stale" },
	    { HZ_STATE_READY, 0, 60, 30, "ready" } },
	  true,
	  "ready",
	  60,
	  30 },
	{ "killed",
	  HZ_STATE_READY,
	  2,
	  { { HZ_STATE_READY, 5 * SEC, 90, 700, "stale" },
	    { HZ_STATE_DRAINING, 5 * SEC, 60, 30, "stale" } },
	  false,
	  "down",
	  -1,
	  0 },
	{ "ended in order",
	  HZ_STATE_DOWN,
	  2,
	  { { HZ_STATE_DOWN, 10, 90, 700, "down" }, { HZ_STATE_DOWN, 5 * SEC, 60, 30, "down" } },
	  false,
	  "down",
	  -1,
	  0 },
	{ "killed with three, started with one",
	  HZ_STATE_READY,
	  1,
	  { { HZ_STATE_READY, 0, 5, 0, "ready" },
	    { HZ_STATE_READY, 90 * SEC, 200, 900, NULL },
	    { HZ_STATE_READY, 90 * SEC, 200, 900, NULL } },
	  true,
	  "ready",
	  5,
	  0 },
	{ "one drains, one starts, one is nobody's",
	  HZ_STATE_MAINTENANCE,
	  3,
	  { { HZ_STATE_DRAINING, 0, 7, 1001, "draining" },
	    { HZ_STATE_STARTING, 900 * SEC, 0, 0, "starting" },
	    { 0 } },
	  true,
	  "maintenance",
	  7,
	  1000 },
};

size_t server_rows_count(void)
{
	return sizeof(rows) / sizeof(rows[0]);
}

/* A hundred answers of 1.0 to 1.1 us in the window; one of 5 s before it. */
static void route_make(struct server_world *out)
{
	snprintf(out->route.name, sizeof(out->route.name), "users");
	out->route_then.answers[1] = out->route_then.bucket[200] = 1;
	out->route_then.max_ns = 5 * SEC;
	out->route_now = out->route_then;
	out->route_now.answers[1] += 100;
	out->route_now.bucket[48] += 100; /* from 1024 to 1151 ns */
}

void server_rows_make(size_t row, struct server_world *out)
{
	const struct row *from = &rows[row];

	memset(out, 0, sizeof(*out));
	out->cfg.beat_timeout_ns = TIMEOUT;
	out->cfg.state = from->state;
	out->cfg.workers = from->workers;
	for (size_t i = 0; i < WORKERS; i++) {
		const struct slot *slot = &from->slot[i];

		out->beat[i].state = slot->state;
		out->beat[i].beat_ns = SERVER_ROWS_NOW_NS - (uint64_t)slot->age_ns;
		out->worker[i].started_ns =
			slot->up_s > 0 ? SERVER_ROWS_NOW_NS - slot->up_s * SEC : 0;
		out->worker[i].shed_permille = slot->shed;
		out->worker[i].requests = 10; /* counters of those that are gone count */
		out->worker[i].responses_5xx = 2;
		out->worker[i].bad_requests = 1;
	}
	out->verdicts.health_200 = 1;
	out->verdicts.health_503 = 20;
	out->verdicts.health_404 = 300;
	out->verdicts.health_udp = 4000;
	out->verdicts.shed_drop = 5;
	out->verdicts.shed_reset = 60;
	out->verdicts.shed_syn_ack = 700;
	out->verdicts.shed_503 = 8000; /* of flows that shed_syn_ack counts */
	route_make(out);
}

static bool is_word(const json_t *object, const char *key, const char *word)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL && strcmp(value, word) == 0;
}

static bool is_number(const json_t *object, const char *key, int64_t number)
{
	const json_t *value = json_object_get(object, key);

	return number < 0 ? json_is_null(value) : json_integer_value(value) == number;
}

static bool workers_check(const struct row *row, const json_t *workers)
{
	size_t at = 0;

	for (size_t i = 0; i < WORKERS; i++)
		if (row->slot[i].word != NULL &&
		    !is_word(json_array_get(workers, at++), "state", row->slot[i].word))
			return false;
	return json_array_size(workers) == at;
}

static bool lists_check(const json_t *doc)
{
	static const struct {
		const char *name;
		int64_t total;
	} totals[] = { { "health", 4321 }, { "served", 30 }, { "shed", 765 }, { "errors", 9 } };
	const json_t *route = json_array_get(json_object_get(doc, "routes"), 0);
	const json_t *verdicts = json_object_get(doc, "verdicts");
	bool is_right = json_array_size(verdicts) == HZ_REASON_COUNT;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		const json_t *total = json_array_get(json_object_get(doc, "totals"), i);

		is_right = is_right && is_word(total, "name", totals[i].name) &&
		           is_number(total, "total", totals[i].total);
	}
	return is_right && is_number(json_array_get(verdicts, HZ_REASON_shed_503), "total", 8000) &&
	       is_word(json_array_get(verdicts, HZ_REASON_shed_503), "reason", "shed_503") &&
	       is_number(json_array_get(verdicts, HZ_REASON_steer), "total", 0) &&
	       is_word(route, "name", "users") && is_number(route, "requests", 101) &&
	       is_number(route, "window_s", 10) && is_number(route, "p50_ns", 1087) &&
	       is_number(route, "p99_ns", 1087);
}

bool server_rows_check(size_t row, const json_t *doc)
{
	const struct row *want = &rows[row];

	if (json_is_true(json_object_get(doc, "is_alive")) == want->is_alive &&
	    is_word(doc, "state", want->word) && is_number(doc, "uptime_s", want->uptime_s) &&
	    is_number(doc, "shed_permille", want->shed) &&
	    workers_check(want, json_object_get(doc, "workers")) && lists_check(doc))
		return true;
	fprintf(stderr, "# %s: ", want->name);
	json_dumpf(doc, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	return false;
}
