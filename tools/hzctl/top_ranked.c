/* The tables of hzctl top whose order the keys change: routes and sources. */
#include "core/endpoint.h"
#include "figures.h"
#include "top_layout.h"
#include <stdlib.h>
#include <string.h>

struct order { /* for qsort_r */
	const struct hz_top_state *state;
	unsigned column;
};

/* Larger first, which is what one looks for. */
static int by_figure(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int turned(const struct order *order, int result, unsigned left, unsigned right)
{
	if (result == 0) /* a stable picture, whatever qsort does */
		return left < right ? -1 : 1;
	return order->state->is_reversed ? -result : result;
}

/* The heading of the column that rows are sorted by stands out. */
static void heading_draw(struct hz_top_grid *grid, unsigned row, const char *const *name,
                         const int *width, unsigned count, unsigned sorted, unsigned name_cols)
{
	unsigned col = name_cols;

	for (unsigned i = 0; i < count; i++) {
		uint8_t attr = i == sorted ? HZ_TOP_BOLD | HZ_TOP_REVERSE : HZ_TOP_BOLD;
		unsigned at = i == 0 ? 0 : col + 1 + (unsigned)width[i] - (unsigned)strlen(name[i]);

		hz_top_grid_text(grid, row, at, HZ_TOP_STYLE(attr), name[i]);
		col += i == 0 ? 0 : (unsigned)width[i] + 1;
	}
}

/* --- routes -------------------------------------------------------------------------------------------- */

enum route_column {
	ROUTE_RATE,
	ROUTE_P99,
	ROUTE_P50,
	ROUTE_MAX,
	ROUTE_ERRORS,
	ROUTE_TOTAL,
	ROUTE_NAME,
	ROUTE_COLUMNS
};
/* As they stand from left to right. */
static const char *const route_names[] = { "route", "per second", "total", "errors",
	                                   "p50",   "p99",        "max" };
static const int route_widths[] = { 0, 11, 13, 9, 8, 8, 8 };
#define ROUTE_FIGURES_COLS 63u /* of all but the name */
static const unsigned route_place[ROUTE_COLUMNS] = {
	[ROUTE_NAME] = 0, [ROUTE_RATE] = 1, [ROUTE_TOTAL] = 2, [ROUTE_ERRORS] = 3,
	[ROUTE_P50] = 4,  [ROUTE_P99] = 5,  [ROUTE_MAX] = 6,
};

static uint64_t route_figure(const struct hz_top_route_row *route, unsigned column)
{
	switch ((enum route_column)column) {
	case ROUTE_RATE:
		return route->per_s == HZ_TOP_UNKNOWN ? 0 : route->per_s;
	case ROUTE_P99:
		return route->latency.p99_ns;
	case ROUTE_P50:
		return route->latency.p50_ns;
	case ROUTE_MAX:
		return route->latency.max_ns;
	case ROUTE_ERRORS:
		return route->errors;
	case ROUTE_TOTAL:
		return route->requests;
	case ROUTE_NAME:
	case ROUTE_COLUMNS:
		break;
	}
	return 0;
}

static int route_compare(const void *left, const void *right, void *ctx)
{
	const struct order *order = ctx;
	const struct hz_top_route_row *route = order->state->model->route;
	unsigned a = *(const uint16_t *)left, b = *(const uint16_t *)right;

	if (order->column == ROUTE_NAME)
		return turned(order, strcmp(route[a].name, route[b].name), a, b);
	return turned(order,
	              by_figure(route_figure(&route[a], order->column),
	                        route_figure(&route[b], order->column)),
	              a, b);
}

static unsigned route_name_cols(const struct hz_top_grid *grid)
{
	unsigned left = grid->cols - HZ_MIN(grid->cols, ROUTE_FIGURES_COLS);

	return HZ_MIN(HZ_MAX(left, 12u), (unsigned)HZ_ROUTE_NAME_BYTES);
}

static void route_row(const struct hz_top_route_row *route, struct hz_top_grid *grid, unsigned row)
{
	unsigned name_cols = route_name_cols(grid);
	char rate[HZ_FIGURES_MAX], total[HZ_FIGURES_MAX], errors[HZ_FIGURES_MAX];
	char p50[HZ_FIGURES_MAX], p99[HZ_FIGURES_MAX], most[HZ_FIGURES_MAX];

	hz_top_layout_rate(route->per_s, rate);
	hz_figures_count(route->requests, total);
	hz_figures_count(route->errors, errors);
	hz_top_layout_ns(route->latency.count, route->latency.p50_ns, p50);
	hz_top_layout_ns(route->latency.count, route->latency.p99_ns, p99);
	hz_top_layout_ns(route->latency.count, route->latency.max_ns, most);
	hz_top_grid_text(grid, row, 0, HZ_TOP_STYLE(0), route->name);
	/* over the end of a name that is too long */
	hz_top_grid_print(grid, row, name_cols, HZ_TOP_STYLE(0), " %11s %13s %9s %8s %8s %8s%*s",
	                  rate, total, errors, p50, p99, most, HZ_ROUTE_NAME_BYTES, "");
}

unsigned hz_top_ranked_routes(const struct hz_top_state *state, struct hz_top_grid *grid,
                              unsigned first, unsigned rows)
{
	struct order order = { state, state->route_sort % ROUTE_COLUMNS };
	unsigned count = state->model->route_count, used = 1, skip = 0;
	uint16_t index[HZ_ROUTE_SLOTS];

	if (rows < 2)
		return 0;
	heading_draw(grid, first, route_names, route_widths, HZ_ARRAY_LEN(route_names),
	             route_place[order.column], route_name_cols(grid));
	for (unsigned i = 0; i < count; i++)
		index[i] = (uint16_t)i;
	qsort_r(index, count, sizeof(index[0]), route_compare, &order);
	if (state->view == HZ_TOP_VIEW_ROUTES)
		skip = HZ_MIN(state->scroll, HZ_MAX(count, 1u) - 1);
	for (unsigned i = skip; i < count && used < rows; i++)
		route_row(&state->model->route[index[i]], grid, first + used++);
	if (count == 0)
		hz_top_grid_text(grid, first + used++, 0, HZ_TOP_STYLE(HZ_TOP_DIM),
		                 state->model->sample->has_routes
		                         ? "no route answered yet"
		                         : "this hzd keeps no latency by route");
	return used;
}

/* --- sources ------------------------------------------------------------------------------------------- */

enum source_column { SOURCE_REFUSED, SOURCE_LAST, SOURCE_ADDR, SOURCE_COLUMNS };
static const char *const source_names[] = { "source", "refused", "last refused" };
static const int source_widths[] = { 0, 15, 14 };
#define SOURCE_COLS 44u
static const unsigned source_place[SOURCE_COLUMNS] = {
	[SOURCE_ADDR] = 0,
	[SOURCE_REFUSED] = 1,
	[SOURCE_LAST] = 2,
};

static int source_compare(const void *left, const void *right, void *ctx)
{
	const struct order *order = ctx;
	const struct hz_xdp_source *source = order->state->model->sample->source;
	unsigned a = *(const uint16_t *)left, b = *(const uint16_t *)right;
	int result = 0;

	switch ((enum source_column)order->column) {
	case SOURCE_REFUSED:
		result = by_figure(source[a].source.refused, source[b].source.refused);
		break;
	case SOURCE_LAST:
		result = by_figure(source[a].source.refused_ns, source[b].source.refused_ns);
		break;
	case SOURCE_ADDR:
	case SOURCE_COLUMNS:
		result = memcmp(&source[a].addr, &source[b].addr, sizeof(source[a].addr));
		break;
	}
	return turned(order, result, a, b);
}

static void source_row(const struct hz_top_sample *sample, const struct hz_xdp_source *source,
                       struct hz_top_grid *grid, unsigned row)
{
	char addr[HZ_ENDPOINT_TEXT_MAX], prefix[HZ_ENDPOINT_TEXT_MAX + 8];
	char refused[HZ_FIGURES_MAX], age[HZ_FIGURES_MAX];
	uint64_t last_ns = source->source.refused_ns;

	hz_addr_print(&source->addr, addr);
	snprintf(prefix, sizeof(prefix), "%s/%u", addr, hz_addr_is_v4(&source->addr) ? 32 : 64);
	hz_figures_count(source->source.refused, refused);
	hz_figures_age((sample->time_ns > last_ns ? sample->time_ns - last_ns : 0) / HZ_NS_PER_S,
	               age);
	hz_top_grid_print(grid, row, 0, HZ_TOP_STYLE(0), "%-44s %15s %10s ago", prefix, refused,
	                  age);
}

unsigned hz_top_ranked_sources(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows)
{
	const struct hz_top_sample *sample = state->model->sample;
	struct order order = { state, state->source_sort % SOURCE_COLUMNS };
	unsigned count = sample->has_sources ? sample->source_count : 0, used = 1, skip = 0;
	uint16_t index[HZ_TOP_SOURCES_MAX];

	if (rows < 2)
		return 0;
	heading_draw(grid, first, source_names, source_widths, HZ_ARRAY_LEN(source_names),
	             source_place[order.column], SOURCE_COLS);
	for (unsigned i = 0; i < count; i++)
		index[i] = (uint16_t)i;
	qsort_r(index, count, sizeof(index[0]), source_compare, &order);
	if (state->view == HZ_TOP_VIEW_SOURCES)
		skip = HZ_MIN(state->scroll, HZ_MAX(count, 1u) - 1);
	for (unsigned i = skip; i < count && used < rows; i++)
		source_row(sample, &sample->source[index[i]], grid, first + used++);
	if (count == 0)
		hz_top_grid_text(grid, first + used++, 0, HZ_TOP_STYLE(HZ_TOP_DIM),
		                 sample->has_sources ? "no source was over its limit"
		                                     : "not known here");
	return used;
}
