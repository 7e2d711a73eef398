/* Cells of hzctl top, what a terminal is sent for them, and keys. The terminal here is a small one of our own: what it shows
 * must be the grid, whatever was shown before. */
#include "../../../tools/hzctl/top_grid.h"
#include "../../../tools/hzctl/top_keys.h"
#include "../../../tools/hzctl/top_layout.h"
#include "core/base.h"
#include "core/rng.h"
#include "hz_test.h"
#include <stdlib.h>
#include <string.h>

#define ROWS 12u
#define COLS 40u

static const struct hz_top_style plain = HZ_TOP_STYLE(0);

/* --- a terminal that knows what we send ---------------------------------------------------------------- */

struct screen {
	uint32_t code[ROWS][COLS];
	unsigned row, col;
	unsigned wrong; /* bytes it does not understand, or text beyond its edge */
};

static const char *sequence_take(struct screen *screen, const char *at)
{
	unsigned number[8] = { 0 }, count = 0;

	for (; *at != '\0' && ((*at >= '0' && *at <= '9') || *at == ';'); at++) {
		if (*at == ';')
			count = HZ_MIN(count + 1, 7u);
		else
			number[count] = number[count] * 10 + (unsigned)(*at - '0');
	}
	if (*at == 'H') {
		screen->row = number[0] - 1;
		screen->col = number[1] - 1;
	} else if (*at == 'J') {
		for (unsigned i = 0; i < ROWS * COLS; i++)
			screen->code[i / COLS][i % COLS] = ' ';
	} else if (*at != 'm') {
		screen->wrong++;
	}
	return at + 1;
}

static void screen_feed(struct screen *screen, const char *at)
{
	while (*at != '\0') {
		const unsigned char *byte = (const unsigned char *)at;
		uint32_t code = *byte;
		unsigned bytes = 1;

		if (*at == 27 && at[1] == '[') {
			at = sequence_take(screen, at + 2);
			continue;
		}
		if (*byte >= 0xe0) {
			code = (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
			bytes = 3;
		}
		if (code < 0x20 || (code >= 0x7f && code != 0x2580) || screen->row >= ROWS ||
		    screen->col >= COLS)
			screen->wrong++;
		else
			screen->code[screen->row][screen->col++] = code;
		at += bytes;
	}
}

static unsigned differs(const struct screen *screen, const struct hz_top_grid *grid)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ROWS * COLS; i++)
		count += screen->code[i / COLS][i % COLS] != grid->cell[i].code;
	return count;
}

static size_t draw(struct screen *screen, const struct hz_top_grid *before,
                   const struct hz_top_grid *now)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&bytes, &len);

	hz_top_grid_draw(to, before, now);
	fclose(to);
	screen_feed(screen, bytes);
	free(bytes);
	return len;
}

static void grid_random_changes_terminal_shows_the_grid(void)
{
	struct hz_top_grid grid[2];
	struct screen screen = { .row = 0 };
	struct hz_rng rng;
	unsigned wrong = 0;

	CU_ASSERT_FATAL(hz_top_grid_open(ROWS, COLS, &grid[0]) == 0);
	CU_ASSERT_FATAL(hz_top_grid_open(ROWS, COLS, &grid[1]) == 0);
	hz_rng_seed(&rng, 6);
	(void)draw(&screen, NULL, &grid[1]);
	for (unsigned turn = 0; turn < 2000; turn++) {
		struct hz_top_grid *now = &grid[turn % 2], *before = &grid[1 - turn % 2];

		memcpy(now->cell, before->cell, ROWS * COLS * sizeof(now->cell[0]));
		for (uint64_t i = hz_rng_below(&rng, 30); i > 0; i--) {
			struct hz_top_style style = plain;

			style.fg = (uint16_t)hz_rng_below(&rng, 257);
			style.attr = (uint8_t)hz_rng_below(&rng, 8);
			hz_top_grid_put(now, (unsigned)hz_rng_below(&rng, ROWS),
			                (unsigned)hz_rng_below(&rng, COLS), style,
			                hz_rng_below(&rng, 9) == 0
			                        ? 0x2580
			                        : (uint16_t)(' ' + hz_rng_below(&rng, 95)));
		}
		(void)draw(&screen, before, now);
		wrong += differs(&screen, now) + screen.wrong;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	hz_top_grid_close(&grid[0]);
	hz_top_grid_close(&grid[1]);
}

static void grid_without_changes_sends_next_to_nothing(void)
{
	struct screen screen = { .row = 0 };
	struct hz_top_grid grid;

	CU_ASSERT_FATAL(hz_top_grid_open(ROWS, COLS, &grid) == 0);
	CU_ASSERT(draw(&screen, NULL, &grid) > ROWS * COLS);
	CU_ASSERT(draw(&screen, &grid, &grid) < 16);
	hz_top_grid_close(&grid);
}

static void grid_of_other_size_is_drawn_wholly(void)
{
	struct hz_top_grid small, large;
	struct screen screen = { .row = 0 };

	CU_ASSERT_FATAL(hz_top_grid_open(3, 5, &small) == 0);
	CU_ASSERT_FATAL(hz_top_grid_open(ROWS, COLS, &large) == 0);
	CU_ASSERT(draw(&screen, &small, &large) > ROWS * COLS);
	CU_ASSERT_EQUAL(differs(&screen, &large) + screen.wrong, 0);
	hz_top_grid_close(&small);
	hz_top_grid_close(&large);
}

static void text_hostile_is_one_cell_per_character(void)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "a\033[2Jb", "a?[2Jb" },
		{ "\a\b\n\r\t\x7f", "??????" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", "??" }, /* two wide ones */
		{ "e\xcc\x81x", "e?x" },              /* a combining accent */
		{ "\xf0\x9f\x91\xa9!", "?!" },        /* beyond the basic plane */
		{ "\xc2\x9b\x33J", "?3J" },           /* CSI of eight bits */
		{ "\xff\xfe\x80", "???" },
		{ "\xe2\x82", "?" }, /* cut short */
	};
	struct hz_top_grid grid;

	CU_ASSERT_FATAL(hz_top_grid_open(1, COLS, &grid) == 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		unsigned len = (unsigned)strlen(rows[i].shown);

		hz_top_grid_clear(&grid);
		CU_ASSERT_EQUAL(hz_top_grid_text(&grid, 0, 0, plain, rows[i].text), len);
		for (unsigned k = 0; k < COLS; k++)
			CU_ASSERT_EQUAL(grid.cell[k].code, k < len ? rows[i].shown[k] : ' ');
	}
	hz_top_grid_close(&grid);
}

static void text_beyond_the_edges_is_cut(void)
{
	struct hz_top_grid grid;

	CU_ASSERT_FATAL(hz_top_grid_open(2, 4, &grid) == 0);
	CU_ASSERT_EQUAL(hz_top_grid_text(&grid, 0, 2, plain, "abcdef"), 4);
	CU_ASSERT_EQUAL(hz_top_grid_text(&grid, 0, 99, plain, "x"), 99);
	(void)hz_top_grid_text(&grid, 7, 0, plain, "x");
	(void)hz_top_grid_print(&grid, 1, 0, plain, "%0600d", 7);
	CU_ASSERT_EQUAL(grid.cell[3].code, 'b');
	CU_ASSERT_EQUAL(grid.cell[4].code, '0');
	hz_top_grid_close(&grid);
}

static void grid_of_absurd_size_is_bounded(void)
{
	struct hz_top_grid grid;

	CU_ASSERT_FATAL(hz_top_grid_open(0, 0, &grid) == 0);
	CU_ASSERT(grid.rows == 1 && grid.cols == 1);
	hz_top_grid_close(&grid);
	CU_ASSERT_FATAL(hz_top_grid_open(65535, 65535, &grid) == 0);
	CU_ASSERT(grid.rows == HZ_TOP_GRID_ROWS_MAX && grid.cols == HZ_TOP_GRID_COLS_MAX);
	hz_top_grid_close(&grid);
}

static void plain_lines_end_with_the_last_text(void)
{
	struct hz_top_grid grid;
	char *bytes = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&bytes, &len);

	CU_ASSERT_FATAL(hz_top_grid_open(9, 9, &grid) == 0);
	(void)hz_top_grid_text(&grid, 0, 1, HZ_TOP_STYLE(HZ_TOP_BOLD), "a");
	(void)hz_top_grid_text(&grid, 2, 0, plain, "b ");
	hz_top_grid_plain(to, &grid);
	fclose(to);
	CU_ASSERT_STRING_EQUAL(bytes, " a\n\nb\n");
	free(bytes);
	hz_top_grid_close(&grid);
}

/* --- keys ---------------------------------------------------------------------------------------------- */

static enum hz_top_key typed(const char *bytes)
{
	struct hz_top_keys keys = { 0 };
	enum hz_top_key key = HZ_TOP_KEY_NONE, next;

	for (; *bytes != '\0'; bytes++) {
		next = hz_top_keys_feed(&keys, (uint8_t)*bytes);
		if (next != HZ_TOP_KEY_NONE)
			key = key == HZ_TOP_KEY_NONE ? next : HZ_TOP_KEY_REDRAW; /* one at most */
	}
	return key;
}

static void keys_and_sequences_are_told_apart(void)
{
	static const struct {
		const char *bytes;
		enum hz_top_key key;
	} rows[] = {
		{ "q", HZ_TOP_KEY_QUIT },
		{ "\003", HZ_TOP_KEY_QUIT },
		{ "1", HZ_TOP_KEY_VIEW },
		{ "6", (enum hz_top_key)(HZ_TOP_KEY_VIEW + HZ_TOP_VIEW_SLOW) },
		{ "7", HZ_TOP_KEY_NONE },
		{ "0", HZ_TOP_KEY_NONE },
		{ "\t", HZ_TOP_KEY_NEXT },
		{ "\033[A", HZ_TOP_KEY_UP },
		{ "\033OB", HZ_TOP_KEY_DOWN },
		{ "\033[5~", HZ_TOP_KEY_PAGE_UP },
		{ "\033[6~", HZ_TOP_KEY_PAGE_DOWN },
		{ "\033[15~", HZ_TOP_KEY_NONE },      /* F5 */
		{ "\033[1;5A", HZ_TOP_KEY_UP },       /* with control held */
		{ "\033[<0;10;5M", HZ_TOP_KEY_NONE }, /* a mouse, whose digits are no keys */
		{ "\033[\033[B", HZ_TOP_KEY_DOWN },
		{ "\033q", HZ_TOP_KEY_QUIT },
		{ "\032", HZ_TOP_KEY_SUSPEND },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		CU_ASSERT_EQUAL(typed(rows[i].bytes), rows[i].key);
}

static void keys_any_bytes_end_in_a_usable_state(void)
{
	struct hz_top_keys keys = { 0 };
	struct hz_rng rng;
	unsigned quits = 0;

	hz_rng_seed(&rng, 8);
	for (unsigned i = 0; i < 20000; i++) {
		(void)hz_top_keys_feed(&keys, (uint8_t)hz_rng_below(&rng, 256));
		if (i % 100 != 0)
			continue;
		/* whatever was typed, these two end it */
		quits += hz_top_keys_feed(&keys, 27) == HZ_TOP_KEY_NONE &&
		         hz_top_keys_feed(&keys, 'q') == HZ_TOP_KEY_QUIT;
	}
	CU_ASSERT_EQUAL(quits, 200);
}

HZ_SUITE(top_grid, CASE(grid_random_changes_terminal_shows_the_grid),
         CASE(grid_without_changes_sends_next_to_nothing), CASE(grid_of_other_size_is_drawn_wholly),
         CASE(text_hostile_is_one_cell_per_character), CASE(text_beyond_the_edges_is_cut),
         CASE(grid_of_absurd_size_is_bounded), CASE(plain_lines_end_with_the_last_text),
         CASE(keys_and_sequences_are_told_apart), CASE(keys_any_bytes_end_in_a_usable_state));
