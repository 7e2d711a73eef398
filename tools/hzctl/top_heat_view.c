/* The heatmap of hzctl top: time to the right, latency upwards on a log scale, colour for how many. */
#include "figures.h"
#include "top_layout.h"
#include <string.h>

#define LABEL_COLS 9u
#define HALF_BLOCK 0x2580 /* upper half: the foreground is the upper one of two rows */
#define HATCH_FG   240u

/* From few to many, each brighter than the one before: told apart without seeing colours. */
static const uint8_t ramp[] = { 17, 18, 54, 91, 127, 163, 198, 203, 209, 215, 221, 228, 230 };
#define RAMP HZ_ARRAY_LEN(ramp)

struct plot {
	unsigned col, cols; /* cells */
	unsigned row, rows; /* cells */
	unsigned lines;     /* rows of the plot: two per cell with half blocks */
	unsigned seconds_per_col;
	unsigned low_bin, bins_per_line;
	uint64_t most; /* of any field of the plot */
};

static uint64_t field_count(const struct hz_top_heat *heat, const struct plot *plot, unsigned age,
                            unsigned line)
{
	unsigned bin = plot->low_bin + line * plot->bins_per_line;
	uint64_t sum = 0;

	for (unsigned s = 0; s < plot->seconds_per_col && age + s < HZ_TOP_HEAT_COLUMNS; s++) {
		const struct hz_top_heat_column *column = hz_top_heat_at(heat, age + s);

		for (unsigned i = bin; i < bin + plot->bins_per_line && i < HZ_HEAT_ROWS; i++)
			sum += column->count[i];
	}
	return sum;
}

static bool is_known(const struct hz_top_heat *heat, const struct plot *plot, unsigned age)
{
	for (unsigned s = 0; s < plot->seconds_per_col && age + s < HZ_TOP_HEAT_COLUMNS; s++)
		if (hz_top_heat_at(heat, age + s)->is_known)
			return true;
	return false;
}

/* Of the last column: age of its youngest second. */
static unsigned age_of(const struct plot *plot, unsigned col)
{
	return (plot->cols - 1 - col) * plot->seconds_per_col;
}

/* Counts range over decades, so steps are of the logarithm; one sample is visible. */
static size_t level_of(uint64_t count, uint64_t most)
{
	unsigned high = hz_log2(HZ_MAX(most, 2u));

	return HZ_MIN(hz_log2(count) * (RAMP - 1) / high, RAMP - 1);
}

static uint16_t colour_of(uint64_t count, uint64_t most)
{
	return count == 0 ? HZ_TOP_COLOUR_NONE : ramp[level_of(count, most)];
}

/* The range of latency that is shown: all that has samples, spread when that is little. */
static void range_choose(const struct hz_top_heat *heat, struct plot *plot)
{
	unsigned low = 12, high = 40; /* of an empty one: 2 us to 256 us */
	unsigned bins;

	(void)hz_top_heat_range(heat, &low, &high);
	bins = high - low + 1;
	plot->bins_per_line = (bins + plot->lines - 1) / plot->lines;
	bins = plot->bins_per_line * plot->lines;
	if (bins >= HZ_HEAT_ROWS)
		plot->low_bin = 0;
	else
		plot->low_bin = HZ_MIN(low - HZ_MIN(low, (bins - (high - low + 1)) / 2),
		                       HZ_HEAT_ROWS - bins);
}

static struct plot plot_make(const struct hz_top_state *state, const struct hz_top_grid *grid,
                             unsigned row, unsigned rows)
{
	unsigned room = grid->cols > LABEL_COLS ? grid->cols - LABEL_COLS : 1;
	struct plot plot = { .col = LABEL_COLS, .row = row, .rows = rows };

	plot.seconds_per_col = (HZ_TOP_HEAT_COLUMNS + room - 1) / room;
	plot.cols = HZ_TOP_HEAT_COLUMNS / plot.seconds_per_col;
	plot.lines = state->is_utf8 ? 2 * rows : rows;
	range_choose(state->heat, &plot);
	for (unsigned col = 0; col < plot.cols; col++)
		for (unsigned line = 0; line < plot.lines; line++)
			plot.most = HZ_MAX(plot.most, field_count(state->heat, &plot,
			                                          age_of(&plot, col), line));
	return plot;
}

static void cell_draw(const struct hz_top_state *state, const struct plot *plot,
                      struct hz_top_grid *grid, unsigned col, unsigned row)
{
	unsigned age = age_of(plot, col), line = plot->rows - 1 - row; /* upwards */
	struct hz_top_style style = HZ_TOP_STYLE(0);
	uint64_t upper, lower;
	uint16_t code = ' ';

	if (!is_known(state->heat, plot, age)) {
		style.fg = HATCH_FG;
		code = (col + row) % 2 == 0 ? '/' : ' '; /* hatched: no data is not no requests */
	} else if (!state->is_utf8) {
		style.bg = colour_of(field_count(state->heat, plot, age, line), plot->most);
	} else {
		upper = field_count(state->heat, plot, age, 2 * line + 1);
		lower = field_count(state->heat, plot, age, 2 * line);
		style.fg = colour_of(upper, plot->most);
		style.bg = colour_of(lower, plot->most);
		if (upper > 0)
			code = HALF_BLOCK;
	}
	hz_top_grid_put(grid, plot->row + row, plot->col + col, style, code);
}

/* What the lower edge of a row of cells stands for. */
static void label_draw(const struct plot *plot, struct hz_top_grid *grid, unsigned row)
{
	unsigned per_cell = plot->lines / plot->rows;
	unsigned bin = plot->low_bin + (plot->rows - 1 - row) * per_cell * plot->bins_per_line;
	char text[HZ_FIGURES_MAX];

	hz_figures_ns(hz_heat_rows_low_ns(HZ_MIN(bin, HZ_HEAT_ROWS)), text);
	hz_top_grid_print(grid, plot->row + row, 0, HZ_TOP_STYLE(HZ_TOP_DIM), "%8s", text);
}

/* A mark is worth more than a label, and half a label nothing. */
static void axis_label(struct hz_top_grid *grid, unsigned row, unsigned col, const char *text)
{
	unsigned end = HZ_MIN(col + (unsigned)strlen(text), grid->cols);

	for (unsigned i = col; i < end; i++)
		if (row >= grid->rows || grid->cell[(size_t)row * grid->cols + i].code != ' ')
			return;
	hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(HZ_TOP_DIM), text);
}

/* "-120 s ... now", and marks. */
static void axis_draw(const struct hz_top_state *state, const struct plot *plot,
                      struct hz_top_grid *grid, unsigned row)
{
	static const char letters[] = { ' ', 'R', 'S', 'B', 'D' };
	char text[16];

	for (unsigned age = 0; age < plot->cols * plot->seconds_per_col; age++) {
		enum hz_top_mark mark = hz_top_heat_at(state->heat, age)->mark;
		unsigned col = plot->cols - 1 - age / plot->seconds_per_col;

		if (mark != HZ_TOP_MARK_NONE)
			hz_top_grid_put(grid, row, plot->col + col,
			                HZ_TOP_STYLE(HZ_TOP_BOLD | HZ_TOP_REVERSE),
			                (uint16_t)letters[mark]);
	}
	snprintf(text, sizeof(text), "-%u s", HZ_TOP_HEAT_COLUMNS);
	axis_label(grid, row, plot->col, text);
	snprintf(text, sizeof(text), "-%u s", HZ_TOP_HEAT_COLUMNS / 2);
	axis_label(grid, row, plot->col + plot->cols / 2, text);
	if (plot->col + plot->cols + 4 <= grid->cols) /* beside it, where no mark can be */
		axis_label(grid, row, plot->col + plot->cols + 1, "now");
	else if (plot->cols >= 3)
		axis_label(grid, row, plot->col + plot->cols - 3, "now");
}

static void legend_draw(const struct plot *plot, struct hz_top_grid *grid, unsigned row)
{
	static const char missing[] = "  / no data";
	char most[HZ_FIGURES_MAX];
	unsigned col;

	hz_figures_count(plot->most, most);
	col = hz_top_grid_text(grid, row, 0, HZ_TOP_STYLE(HZ_TOP_BOLD), "total latency");
	col = hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(0), ", 2 min  1 ");
	for (unsigned i = 0; i < RAMP; i++) {
		struct hz_top_style style = HZ_TOP_STYLE(0);

		style.bg = ramp[i];
		hz_top_grid_put(grid, row, col++, style, ' ');
	}
	col = hz_top_grid_print(grid, row, col, HZ_TOP_STYLE(0), " %s  Reload Shed Begin Dead",
	                        most);
	if (col + sizeof(missing) - 1 <= grid->cols)
		hz_top_grid_text(grid, row, col, HZ_TOP_STYLE(0), missing);
}

unsigned hz_top_heat_view_draw(const struct hz_top_state *state, struct hz_top_grid *grid,
                               unsigned first, unsigned rows)
{
	struct plot plot;

	if (rows < 4)
		return 0;
	plot = plot_make(state, grid, first + 1, rows - 2);
	legend_draw(&plot, grid, first);
	for (unsigned row = 0; row < plot.rows; row++) {
		label_draw(&plot, grid, row);
		for (unsigned col = 0; col < plot.cols; col++)
			cell_draw(state, &plot, grid, col, row);
	}
	axis_draw(state, &plot, grid, first + rows - 1);
	return rows;
}
