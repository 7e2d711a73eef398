#include "top_grid.h"
#include "core/utf8.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512
#define NEAR     4u /* unchanged cells between two changed ones are cheaper sent than jumped over */

static const struct hz_top_cell blank = { ' ', { HZ_TOP_COLOUR_NONE, HZ_TOP_COLOUR_NONE, 0 } };

int hz_top_grid_open(unsigned rows, unsigned cols, struct hz_top_grid *out)
{
	struct hz_top_grid grid = { .rows = HZ_MIN(HZ_MAX(rows, 1u), HZ_TOP_GRID_ROWS_MAX),
		                    .cols = HZ_MIN(HZ_MAX(cols, 1u), HZ_TOP_GRID_COLS_MAX) };

	grid.cell = calloc((size_t)grid.rows * grid.cols, sizeof(*grid.cell));
	if (grid.cell == NULL)
		return -ENOMEM;
	hz_top_grid_clear(&grid);
	*out = grid;
	return 0;
}

void hz_top_grid_close(struct hz_top_grid *grid)
{
	free(grid->cell);
	*grid = (struct hz_top_grid){ .cell = NULL };
}

void hz_top_grid_clear(struct hz_top_grid *grid)
{
	for (size_t i = 0; i < (size_t)grid->rows * grid->cols; i++)
		grid->cell[i] = blank;
}

void hz_top_grid_put(struct hz_top_grid *grid, unsigned row, unsigned col,
                     struct hz_top_style style, uint16_t code)
{
	if (row < grid->rows && col < grid->cols)
		grid->cell[(size_t)row * grid->cols + col] = (struct hz_top_cell){ code, style };
}

unsigned hz_top_grid_text(struct hz_top_grid *grid, unsigned row, unsigned col,
                          struct hz_top_style style, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t left = strlen(text);

	while (left > 0 && col < grid->cols) {
		size_t bytes = 1;
		uint16_t code = *at;

		if (*at > 0x7f)
			bytes = hz_utf8_look(at, left).bytes;
		if (*at < 0x20 || *at > 0x7e)
			code = '?';
		hz_top_grid_put(grid, row, col++, style, code);
		at += bytes;
		left -= bytes;
	}
	return col;
}

unsigned hz_top_grid_print(struct hz_top_grid *grid, unsigned row, unsigned col,
                           struct hz_top_style style, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return len < 0 ? col : hz_top_grid_text(grid, row, col, style, text);
}

/* --- as bytes ---------------------------------------------------------------------------------------- */

static bool is_same_style(const struct hz_top_style *a, const struct hz_top_style *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->attr == b->attr;
}

static bool is_same(const struct hz_top_cell *a, const struct hz_top_cell *b)
{
	return a->code == b->code && is_same_style(&a->style, &b->style);
}

static void style_write(FILE *to, const struct hz_top_style *style)
{
	fputs("\033[0", to);
	if (style->attr & HZ_TOP_BOLD)
		fputs(";1", to);
	if (style->attr & HZ_TOP_DIM)
		fputs(";2", to);
	if (style->attr & HZ_TOP_REVERSE)
		fputs(";7", to);
	if (style->fg < HZ_TOP_COLOUR_NONE)
		fprintf(to, ";38;5;%u", style->fg);
	if (style->bg < HZ_TOP_COLOUR_NONE)
		fprintf(to, ";48;5;%u", style->bg);
	fputc('m', to);
}

static void code_write(FILE *to, uint16_t code)
{
	if (code < 0x80) {
		fputc(code, to);
	} else if (code < 0x800) {
		fputc(0xc0 | code >> 6, to);
		fputc(0x80 | (code & 0x3f), to);
	} else {
		fputc(0xe0 | code >> 12, to);
		fputc(0x80 | (code >> 6 & 0x3f), to);
		fputc(0x80 | (code & 0x3f), to);
	}
}

/* style: what the terminal has now. */
static void row_draw(FILE *to, const struct hz_top_cell *before, const struct hz_top_cell *now,
                     unsigned row, unsigned cols, struct hz_top_style *style)
{
	unsigned at = UINT32_MAX; /* where the cursor is */

	for (unsigned col = 0; col < cols; col++) {
		if (before != NULL && is_same(&before[col], &now[col]))
			continue;
		/* The last column leaves the cursor where it likes: nothing follows it on this row. */
		if (at > col || col - at > NEAR)
			fprintf(to, "\033[%u;%uH", row + 1, col + 1);
		else
			col = at;
		if (!is_same_style(style, &now[col].style)) {
			style_write(to, &now[col].style);
			*style = now[col].style;
		}
		code_write(to, now[col].code);
		at = col + 1;
	}
}

void hz_top_grid_draw(FILE *to, const struct hz_top_grid *before, const struct hz_top_grid *now)
{
	bool is_whole = before == NULL || before->rows != now->rows || before->cols != now->cols;
	struct hz_top_style style = HZ_TOP_STYLE(0);

	fputs(is_whole ? "\033[0m\033[2J" : "\033[0m", to);
	for (unsigned row = 0; row < now->rows; row++) {
		size_t first = (size_t)row * now->cols;

		row_draw(to, is_whole ? NULL : &before->cell[first], &now->cell[first], row,
		         now->cols, &style);
	}
	fputs("\033[0m", to);
}

void hz_top_grid_plain(FILE *to, const struct hz_top_grid *grid)
{
	unsigned blank_rows = 0;

	for (unsigned row = 0; row < grid->rows; row++) {
		const struct hz_top_cell *cell = &grid->cell[(size_t)row * grid->cols];
		unsigned end = grid->cols;

		while (end > 0 && cell[end - 1].code == ' ')
			end--;
		if (end == 0) {
			blank_rows++; /* told when something follows */
			continue;
		}
		for (; blank_rows > 0; blank_rows--)
			fputc('\n', to);
		for (unsigned col = 0; col < end; col++)
			code_write(to, cell[col].code);
		fputc('\n', to);
	}
}
