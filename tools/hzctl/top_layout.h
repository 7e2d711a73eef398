/* Where everything of hzctl top stands. Pure: state in, cells out; any size of screen, any content. */
#ifndef HZ_TOP_LAYOUT_H
#define HZ_TOP_LAYOUT_H

#include "top_grid.h"
#include "top_model.h"
#include "top_slow.h"

enum hz_top_view {
	HZ_TOP_VIEW_ALL,
	HZ_TOP_VIEW_LATENCY,
	HZ_TOP_VIEW_ROUTES,
	HZ_TOP_VIEW_SOURCES,
	HZ_TOP_VIEW_WORKERS,
	HZ_TOP_VIEW_SLOW,
	HZ_TOP_VIEWS
};

struct hz_top_state {
	const struct hz_top_model *model; /* model->sample NULL: nothing was read yet */
	const struct hz_top_heat *heat;
	const struct hz_top_slow_list *slow;
	const char *instance; /* NULL: the unnamed */
	const char *problem;  /* why there is nothing newer; NULL or empty: there is no problem */

	bool has_feed; /* hz-collector tells of slow answers */
	bool is_live;  /* on a terminal: colours, keys, history; else one look, in ASCII */
	bool is_utf8;
	bool is_paused;
	enum hz_top_view view;
	unsigned scroll;     /* rows of the view's table that are above it; cut to what there is */
	unsigned route_sort; /* any number: modulo the columns */
	unsigned source_sort;
	bool is_reversed;
};

/* grid is overwritten wholly. */
void hz_top_layout_draw(const struct hz_top_state *state, struct hz_top_grid *grid);

/* Parts, for top_layout.c: each draws into rows first..first+rows-1 and returns the rows it took. */
unsigned hz_top_heat_view_draw(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows);
unsigned hz_top_tables_stages(const struct hz_top_state *state, struct hz_top_grid *grid,
                              unsigned first, unsigned rows);
unsigned hz_top_tables_workers(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows);
unsigned hz_top_tables_verdicts(const struct hz_top_state *state, struct hz_top_grid *grid,
                                unsigned first, unsigned rows);
unsigned hz_top_tables_slow(const struct hz_top_state *state, struct hz_top_grid *grid,
                            unsigned first, unsigned rows);
unsigned hz_top_ranked_routes(const struct hz_top_state *state, struct hz_top_grid *grid,
                              unsigned first, unsigned rows);
unsigned hz_top_ranked_sources(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows);

/* "-" for a rate that is unknown */
void hz_top_layout_rate(uint64_t per_s, char out[32]);
/* "-" for a figure of no samples */
void hz_top_layout_ns(uint64_t count, uint64_t ns, char out[32]);

#endif
