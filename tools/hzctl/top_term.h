/* The terminal of hzctl top: its size, its modes, and how it was before. */
#ifndef HZ_TOP_TERM_H
#define HZ_TOP_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct hz_top_term {
	int in_fd, out_fd;
	bool is_entered;
	struct termios before;
};

/* Is there one to draw on: both descriptors a terminal, TERM one that obeys, NO_COLOR not set? */
bool hz_top_term_is_fit(int in_fd, int out_fd);
/* Does it show UTF-8? By the locale's variables, LC_ALL before LC_CTYPE before LANG. */
bool hz_top_term_is_utf8(void);

/* Remembers the modes. 0 or -errno. */
int hz_top_term_open(int in_fd, int out_fd, struct hz_top_term *out);
/* Keys unbuffered, another screen, no cursor; and back. Both may be called again and again; leave as well of a term
 * that another process entered. */
int hz_top_term_enter(struct hz_top_term *term);
void hz_top_term_leave(struct hz_top_term *term);

/* Rows and columns; 24 and 80 where the terminal does not know. */
void hz_top_term_size(const struct hz_top_term *term, unsigned *rows, unsigned *cols);
/* All of it, waiting for a slow terminal. 0 or -errno. */
int hz_top_term_write(const struct hz_top_term *term, const char *bytes, size_t len);

#endif
