/* The tables of hzctl top that have an order of their own. */
#include "figures.h"
#include "telemetry/names.h"
#include "top_layout.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

void hz_top_layout_rate(uint64_t per_s, char out[32])
{
	if (per_s == HZ_TOP_UNKNOWN)
		snprintf(out, HZ_FIGURES_MAX, "-");
	else
		hz_figures_count(per_s, out);
}

void hz_top_layout_ns(uint64_t count, uint64_t ns, char out[32])
{
	if (count == 0)
		snprintf(out, HZ_FIGURES_MAX, "-");
	else
		hz_figures_ns(ns, out);
}

static void stage_row(const struct hz_top_state *state, struct hz_top_grid *grid, unsigned row,
                      unsigned stage)
{
	const struct hz_top_latency *latency = &state->model->stage[stage];
	const uint64_t ns[] = { latency->mean_ns, latency->p50_ns,  latency->p90_ns,
		                latency->p99_ns,  latency->p999_ns, latency->max_ns };
	char text[HZ_FIGURES_MAX];
	unsigned col;

	if (!state->model->is_measured[stage]) {
		/* as the queue, when no stamp came with the frames: that is not a wait of 0 */
		hz_top_grid_print(grid, row, 0, HZ_TOP_STYLE(0), "%-9s %13s", stage_names[stage],
		                  "not measured");
		return;
	}
	hz_figures_count(latency->count, text);
	col = hz_top_grid_print(grid, row, 0, HZ_TOP_STYLE(0), "%-9s %13s", stage_names[stage],
	                        text);
	for (size_t i = 0; i < HZ_ARRAY_LEN(ns); i++) {
		hz_top_layout_ns(latency->count, ns[i], text);
		col = hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %8s", text);
	}
}

unsigned hz_top_tables_stages(const struct hz_top_state *state, struct hz_top_grid *grid,
                              unsigned first, unsigned rows)
{
	unsigned used = 1;

	if (rows < 2)
		return 0;
	hz_top_grid_print(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_BOLD),
	                  "%-9s %13s %8s %8s %8s %8s %8s %8s", "stage", "samples", "mean", "p50",
	                  "p90", "p99", "p99.9", "max");
	for (unsigned i = 0; i < HZ_STAGE_COUNT && used < rows; i++)
		stage_row(state, grid, first + used++, i);
	return used;
}

unsigned hz_top_tables_workers(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows)
{
	const struct hz_top_model *model = state->model;
	unsigned used = 1, skip = HZ_MIN(state->scroll, HZ_MAX(model->worker_count, 1u) - 1);

	if (rows < 2)
		return 0;
	hz_top_grid_text(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_BOLD),
	                 "id cpu state       busy        req/s      conns  longest gap    beat age "
	                 "  shed");
	for (unsigned i = skip; i < model->worker_count && used < rows; i++) {
		const struct hz_top_worker *worker = &model->worker[i];
		char rate[HZ_FIGURES_MAX], conns[HZ_FIGURES_MAX], gap[HZ_FIGURES_MAX];
		char busy[HZ_FIGURES_MAX] = "-";

		hz_top_layout_rate(worker->requests_per_s, rate);
		hz_figures_count(worker->connections, conns);
		hz_figures_ns(worker->longest_gap_ns, gap);
		if (worker->busy_permille != HZ_TOP_UNKNOWN)
			snprintf(busy, sizeof(busy), "%u%%", (unsigned)worker->busy_permille / 10);
		hz_top_grid_print(grid, first + used++, 0, HZ_TOP_STYLE(0),
		                  "%2u %3u %-11s %4s %12s %10s %12s %8llu ms %6llu", worker->id,
		                  worker->cpu, worker->state, busy, rate, conns, gap,
		                  (unsigned long long)worker->beat_age_ms,
		                  (unsigned long long)worker->shed_permille);
	}
	if (model->worker_count == 0)
		hz_top_grid_text(grid, first + used++, 0, HZ_TOP_STYLE(HZ_TOP_DIM),
		                 "no worker ever started");
	return used;
}

/* --- verdicts ----------------------------------------------------------------------------------------- */

/* Those that happen now before those that happened. */
static int by_rate(const void *left, const void *right)
{
	const struct hz_top_verdict *a = left, *b = right;
	uint64_t rate_a = a->per_s == HZ_TOP_UNKNOWN ? 0 : a->per_s;
	uint64_t rate_b = b->per_s == HZ_TOP_UNKNOWN ? 0 : b->per_s;

	if (rate_a != rate_b)
		return rate_a < rate_b ? 1 : -1;
	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return (a->reason > b->reason) - (a->reason < b->reason);
}

unsigned hz_top_tables_verdicts(const struct hz_top_state *state, struct hz_top_grid *grid,
                                unsigned first, unsigned rows)
{
	struct hz_top_verdict verdict[HZ_REASON_COUNT];
	unsigned count = state->model->verdict_count, used = 1;

	if (rows < 2)
		return 0;
	hz_top_grid_print(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_BOLD), "%-18s %-5s %11s %15s  %s",
	                  "verdict", "", "per second", "total", "meaning");
	memcpy(verdict, state->model->verdict, sizeof(verdict));
	qsort(verdict, count, sizeof(verdict[0]), by_rate);
	for (unsigned i = 0; i < count && used < rows; i++) {
		const struct hz_names_reason *reason = hz_names_reason(verdict[i].reason);
		char rate[HZ_FIGURES_MAX], total[HZ_FIGURES_MAX];

		if (verdict[i].total == 0) /* it and those behind it never happened */
			break;
		hz_top_layout_rate(verdict[i].per_s, rate);
		hz_figures_count(verdict[i].total, total);
		hz_top_grid_print(grid, first + used++, 0, HZ_TOP_STYLE(0),
		                  "%-18s %-5s %11s %15s  %s", reason->name, reason->action, rate,
		                  total, reason->help);
	}
	if (used == 1)
		hz_top_grid_text(grid, first + used++, 0, HZ_TOP_STYLE(HZ_TOP_DIM),
		                 state->model->sample->has_kernel
		                         ? "no frame yet"
		                         : "no XDP program here (boot/io=socket)");
	return used;
}

/* --- slow answers -------------------------------------------------------------------------------------- */

static void slow_row(const struct hz_top_slow *slow, struct hz_top_grid *grid, unsigned row)
{
	time_t seconds = (time_t)(slow->time_unix_ms / 1000);
	char clock[16] = "-", total[HZ_FIGURES_MAX], figure[HZ_FIGURES_MAX];
	struct tm local;
	unsigned col;

	if (localtime_r(&seconds, &local) != NULL)
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	hz_figures_ns(slow->total_ns, total);
	col = hz_top_grid_print(grid, row, 0, HZ_TOP_STYLE(0),
	                        "%s %8s %3u w%-2u %-12.12s %s %-20.48s", clock, total, slow->status,
	                        slow->worker, slow->route, slow->method, slow->path);
	/* only stages that were measured, so that the one to blame stands out */
	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++) {
		if (i == HZ_STAGE_TOTAL || slow->stage_ns[i] == 0)
			continue;
		hz_figures_ns(slow->stage_ns[i], figure);
		col = hz_top_grid_print(grid, row, col,
		                        HZ_TOP_STYLE(slow->stage_ns[i] >= slow->total_ns / 2
		                                             ? HZ_TOP_BOLD
		                                             : HZ_TOP_PLAIN),
		                        "  %s %s", stage_names[i], figure);
	}
	if (slow->trace[0] != '\0' && slow->trace[0] != '-')
		hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(HZ_TOP_DIM), "  trace %s",
		                  slow->trace);
}

unsigned hz_top_tables_slow(const struct hz_top_state *state, struct hz_top_grid *grid,
                            unsigned first, unsigned rows)
{
	unsigned count = state->slow->count, used = 1;
	unsigned skip =
		state->view == HZ_TOP_VIEW_SLOW ? HZ_MIN(state->scroll, HZ_MAX(count, 1u) - 1) : 0;

	if (rows < 2)
		return 0;
	hz_top_grid_print(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_BOLD), "%-8s %8s %3s %-3s %-12s %s",
	                  "worst", "total", "", "", "route",
	                  state->has_feed ? "request and stages, last 2 min"
	                                  : "hz-collector does not answer");
	for (unsigned i = skip; i < count && used < rows; i++)
		slow_row(&state->slow->slow[i], grid, first + used++);
	if (count == 0)
		hz_top_grid_text(grid, first + used++, 0, HZ_TOP_STYLE(HZ_TOP_DIM),
		                 state->has_feed
		                         ? "none lately"
		                         : "it keeps the examples; all else is read without it");
	return used;
}
