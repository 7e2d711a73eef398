#include "top_layout.h"
#include "figures.h"
#include "telemetry/stream_lost.h"
#include <string.h>

#define HEAT_ROWS_MIN 8u
#define HEAT_ROWS_MAX 22u
#define STAGES_ROWS   (1u + HZ_STAGE_COUNT)

/* The right end holds what every view must show; the left one is cut where both do not fit. */
static void head_draw(const struct hz_top_state *state, struct hz_top_grid *grid)
{
	const struct hz_top_model *model = state->model;
	struct hz_top_style style =
		HZ_TOP_STYLE(model->is_alive ? HZ_TOP_BOLD : HZ_TOP_BOLD | HZ_TOP_REVERSE);
	char up[HZ_FIGURES_MAX], lost[HZ_FIGURES_MAX] = "-", text[48], left[256];
	bool has_kernel = model->sample != NULL && model->sample->has_kernel;
	int used;

	if (has_kernel)
		hz_figures_count(hz_stream_lost_sum(&model->sample->stream), lost);
	hz_figures_age(model->uptime_s, up);
	used = snprintf(left, sizeof(left), "hz%s%s  %s", state->instance ? " " : "",
	                state->instance ? state->instance : "",
	                model->sample == NULL ? "-" : model->state);
	if (model->is_alive)
		used += snprintf(left + used, sizeof(left) - (size_t)used, "  up %s", up);
	if (has_kernel)
		used += snprintf(left + used, sizeof(left) - (size_t)used, "  generation %llu",
		                 (unsigned long long)model->sample->cfg.generation);
	if (model->is_alive)
		snprintf(left + used, sizeof(left) - (size_t)used, "  conns %llu  shed %u/1000",
		         (unsigned long long)model->connections, model->shed_permille);
	hz_top_grid_text(grid, 0, 0, style, left);
	used = snprintf(text, sizeof(text), "  events lost %s", lost);
	hz_top_grid_text(grid, 0, grid->cols > (unsigned)used ? grid->cols - (unsigned)used : 0,
	                 HZ_TOP_STYLE(HZ_TOP_BOLD), text);
}

static void total_row(const struct hz_top_total *total, struct hz_top_grid *grid, unsigned row)
{
	const struct hz_top_latency *latency = &total->latency;
	char rate[HZ_FIGURES_MAX] = "-", sum[HZ_FIGURES_MAX] = "-", text[HZ_FIGURES_MAX];
	unsigned col;

	if (total->is_known) {
		hz_top_layout_rate(total->per_s, rate);
		hz_figures_count(total->total, sum);
	}
	col = hz_top_grid_print(grid, row, 0, HZ_TOP_STYLE(0), "%-8s %13s %17s", total->name, rate,
	                        sum);
	if (latency->count == 0)
		return;
	hz_figures_ns(latency->p50_ns, text);
	col = hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %9s", text);
	hz_figures_ns(latency->p99_ns, text);
	col = hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %9s", text);
	hz_figures_ns(latency->p999_ns, text);
	col = hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %9s", text);
	hz_figures_ns(latency->max_ns, text);
	hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %9s", text);
}

static unsigned totals_draw(const struct hz_top_state *state, struct hz_top_grid *grid,
                            unsigned first, unsigned rows)
{
	uint64_t window_s = (state->model->window_ns + HZ_NS_PER_S / 2) / HZ_NS_PER_S;
	char window[HZ_FIGURES_MAX] = "since start";
	unsigned used = 1;

	if (rows < 1 + HZ_SERVER_TOTALS)
		return 0;
	if (state->model->window_ns > 0)
		snprintf(window, sizeof(window), "last %llu s", (unsigned long long)window_s);
	hz_top_grid_print(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_BOLD),
	                  "%-8s %13s %17s %9s %9s %9s %9s", "", "per second", "total", "p50", "p99",
	                  "p99.9", "max");
	hz_top_grid_text(grid, first, 0, HZ_TOP_STYLE(HZ_TOP_DIM), window);
	for (unsigned i = 0; i < HZ_SERVER_TOTALS; i++)
		total_row(&state->model->total[i], grid, first + used++);
	return used;
}

static void footer_draw(const struct hz_top_state *state, struct hz_top_grid *grid)
{
	static const char *const views[HZ_TOP_VIEWS] = { "1 all",     "2 latency", "3 routes",
		                                         "4 sources", "5 workers", "6 slow" };
	unsigned row = grid->rows - 1, col = 0;

	for (unsigned i = 0; i < HZ_TOP_VIEWS; i++) {
		uint8_t attr = i == state->view ? HZ_TOP_REVERSE : HZ_TOP_PLAIN;

		col = hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(attr), views[i]) + 1;
	}
	col = hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(HZ_TOP_DIM),
	                       state->is_paused ? "p go on" : "p pause");
	if (state->view == HZ_TOP_VIEW_ALL || state->view == HZ_TOP_VIEW_ROUTES ||
	    state->view == HZ_TOP_VIEW_SOURCES)
		col = hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(HZ_TOP_DIM), " s sort r turn");
	hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(HZ_TOP_BOLD), " q quit");
}

/* --- views --------------------------------------------------------------------------------------------- */

struct part {
	unsigned (*draw)(const struct hz_top_state *state, struct hz_top_grid *grid, unsigned first,
	                 unsigned rows);
	unsigned rows; /* at most so many; 0: what is left */
};

/* A blank line between two parts where there is room for it. */
static unsigned parts_draw(const struct hz_top_state *state, struct hz_top_grid *grid,
                           unsigned first, unsigned end, const struct part *part, unsigned count)
{
	bool is_roomy = end - first >= 36;

	for (unsigned i = 0; i < count && first < end; i++) {
		unsigned rows = end - first;

		if (part[i].rows != 0)
			rows = HZ_MIN(rows, part[i].rows);
		rows = part[i].draw(state, grid, first, rows);
		first += rows;
		if (is_roomy && rows > 0)
			first++;
	}
	return first;
}

static void all_draw(const struct hz_top_state *state, struct hz_top_grid *grid, unsigned first,
                     unsigned end)
{
	unsigned left = end - first, heat = HZ_MIN(HZ_MAX(left / 4, HEAT_ROWS_MIN), 16u);
	const struct part parts[] = {
		{ totals_draw, 0 },
		{ hz_top_heat_view_draw, heat },
		{ hz_top_tables_stages, 0 },
		{ hz_top_ranked_routes, 8 },
		{ hz_top_tables_verdicts, 8 },
		{ hz_top_tables_slow, 0 },
	};
	static const struct part once[] = {
		{ totals_draw, 0 },
		{ hz_top_tables_stages, 0 },
		{ hz_top_ranked_routes, 0 },
		{ hz_top_tables_workers, 0 },
		{ hz_top_tables_verdicts, 0 },
	};

	if (!state->is_live) {
		(void)parts_draw(state, grid, first, end, once, HZ_ARRAY_LEN(once));
		return;
	}
	(void)parts_draw(state, grid, first, end, parts, HZ_ARRAY_LEN(parts));
}

static void view_draw(const struct hz_top_state *state, struct hz_top_grid *grid, unsigned first,
                      unsigned end)
{
	unsigned heat = HZ_MAX(end - first, STAGES_ROWS) - STAGES_ROWS;
	const struct part latency[] = { { hz_top_heat_view_draw,
		                          HZ_MIN(HZ_MAX(heat, HEAT_ROWS_MIN), HEAT_ROWS_MAX) },
		                        { hz_top_tables_stages, 0 } };
	static const struct part routes[] = { { hz_top_ranked_routes, 0 } };
	static const struct part sources[] = { { hz_top_tables_verdicts, 12 },
		                               { hz_top_ranked_sources, 0 } };
	static const struct part workers[] = { { totals_draw, 0 }, { hz_top_tables_workers, 0 } };
	static const struct part slow[] = { { hz_top_tables_slow, 0 } };
	const struct {
		const struct part *part;
		unsigned count;
	} views[HZ_TOP_VIEWS] = {
		[HZ_TOP_VIEW_LATENCY] = { latency, HZ_ARRAY_LEN(latency) },
		[HZ_TOP_VIEW_ROUTES] = { routes, HZ_ARRAY_LEN(routes) },
		[HZ_TOP_VIEW_SOURCES] = { sources, HZ_ARRAY_LEN(sources) },
		[HZ_TOP_VIEW_WORKERS] = { workers, HZ_ARRAY_LEN(workers) },
		[HZ_TOP_VIEW_SLOW] = { slow, HZ_ARRAY_LEN(slow) },
	};

	if (state->view == HZ_TOP_VIEW_ALL)
		all_draw(state, grid, first, end);
	else
		(void)parts_draw(state, grid, first, end, views[state->view].part,
		                 views[state->view].count);
}

void hz_top_layout_draw(const struct hz_top_state *state, struct hz_top_grid *grid)
{
	const struct hz_top_model *model = state->model;
	unsigned first = 1, end = grid->rows;

	hz_top_grid_clear(grid);
	head_draw(state, grid);
	if (state->is_live && grid->rows > 1) {
		footer_draw(state, grid);
		end--;
	}
	if (first < end && state->problem != NULL && state->problem[0] != '\0')
		hz_top_grid_text(grid, first++, 0, HZ_TOP_STYLE(HZ_TOP_REVERSE), state->problem);
	else if (first < end && model->sample != NULL && !model->is_alive)
		hz_top_grid_text(
			grid, first++, 0, HZ_TOP_STYLE(HZ_TOP_REVERSE),
			"hzd is not running, or does not move: these are the figures it left");
	if (model->sample != NULL && first < end)
		view_draw(state, grid, first, end);
}
