/* The screen of hzctl top as cells, and how it becomes bytes for a terminal. Whatever text is put there, a cell
 * is one printable column: names come from outside, and a wide or control character would shift or take over
 * the screen. */
#ifndef HZ_TOP_GRID_H
#define HZ_TOP_GRID_H

#include "core/base.h"
#include <stdio.h>

#define HZ_TOP_GRID_ROWS_MAX 400u
#define HZ_TOP_GRID_COLS_MAX 1000u
#define HZ_TOP_COLOUR_NONE   256u /* the terminal's own */

enum hz_top_attr { HZ_TOP_PLAIN, HZ_TOP_BOLD = 1, HZ_TOP_DIM = 2, HZ_TOP_REVERSE = 4 };

struct hz_top_style {
	uint16_t fg, bg; /* 0..255 of the palette, or HZ_TOP_COLOUR_NONE */
	uint8_t attr;    /* enum hz_top_attr, or'ed */
};
#define HZ_TOP_STYLE(attr) ((struct hz_top_style){ HZ_TOP_COLOUR_NONE, HZ_TOP_COLOUR_NONE, (attr) })

struct hz_top_cell {
	uint16_t code; /* printable ASCII, or a block element */
	struct hz_top_style style;
};

struct hz_top_grid {
	unsigned rows, cols;
	struct hz_top_cell *cell; /* owned, rows * cols */
};

/* Blank, rows and cols cut to what is allowed, at least 1. 0 or -ENOMEM. */
int hz_top_grid_open(unsigned rows, unsigned cols, struct hz_top_grid *out);
void hz_top_grid_close(struct hz_top_grid *grid); /* accepts a zeroed one */
void hz_top_grid_clear(struct hz_top_grid *grid);

/* What does not fit is cut; rows and columns beyond the grid are no error. Of text every byte that is not
 * printable ASCII becomes '?', a well-formed UTF-8 character one '?'. Returns the column behind the text. */
unsigned hz_top_grid_text(struct hz_top_grid *grid, unsigned row, unsigned col,
                          struct hz_top_style style, const char *text);
unsigned hz_top_grid_print(struct hz_top_grid *grid, unsigned row, unsigned col,
                           struct hz_top_style style, const char *format, ...) HZ_PRINTF(5, 6);
/* code: of this program, one column wide. */
void hz_top_grid_put(struct hz_top_grid *grid, unsigned row, unsigned col,
                     struct hz_top_style style, uint16_t code);

/* What turns before, which the terminal shows, into now; before NULL, or of another size: all of it. */
void hz_top_grid_draw(FILE *to, const struct hz_top_grid *before, const struct hz_top_grid *now);
/* As lines without a single escape sequence, up to the last one that has something. */
void hz_top_grid_plain(FILE *to, const struct hz_top_grid *grid);

#endif
