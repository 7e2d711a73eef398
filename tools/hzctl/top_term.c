#include "top_term.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WRITE_WAIT_MS 5000

/* The other screen, no cursor, no wrapping at the right edge; and the other way round. */
static const char enter_bytes[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave_bytes[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

bool hz_top_term_is_fit(int in_fd, int out_fd)
{
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");

	return isatty(in_fd) && isatty(out_fd) && term != NULL && term[0] != '\0' &&
	       strcmp(term, "dumb") != 0 && (plain == NULL || plain[0] == '\0');
}

bool hz_top_term_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

int hz_top_term_open(int in_fd, int out_fd, struct hz_top_term *out)
{
	struct hz_top_term term = { .in_fd = in_fd, .out_fd = out_fd };

	if (tcgetattr(in_fd, &term.before) != 0)
		return -errno;
	*out = term;
	return 0;
}

int hz_top_term_enter(struct hz_top_term *term)
{
	struct termios raw = term->before;

	/* No ISIG: ^C and ^Z are keys, so that the terminal is put back before they do what they do. */
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= (tcflag_t) ~(IXON | ICRNL | INLCR);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(term->in_fd, TCSADRAIN, &raw) != 0)
		return -errno;
	term->is_entered = true;
	return hz_top_term_write(term, enter_bytes, sizeof(enter_bytes) - 1);
}

void hz_top_term_leave(struct hz_top_term *term)
{
	if (!term->is_entered)
		return;
	term->is_entered = false;
	(void)hz_top_term_write(term, leave_bytes, sizeof(leave_bytes) - 1);
	/* Not TCSADRAIN: a terminal that takes nothing any more would keep us. */
	(void)tcsetattr(term->in_fd, TCSANOW, &term->before);
}

void hz_top_term_size(const struct hz_top_term *term, unsigned *rows, unsigned *cols)
{
	struct winsize size = { 0 };

	(void)ioctl(term->out_fd, TIOCGWINSZ, &size);
	*rows = size.ws_row > 0 ? size.ws_row : 24;
	*cols = size.ws_col > 0 ? size.ws_col : 80;
}

int hz_top_term_write(const struct hz_top_term *term, const char *bytes, size_t len)
{
	struct pollfd room = { .fd = term->out_fd, .events = POLLOUT };

	while (len > 0) {
		ssize_t wrote = write(term->out_fd, bytes, len);

		if (wrote > 0) {
			bytes += wrote;
			len -= (size_t)wrote;
		} else if (errno == EAGAIN) {
			if (poll(&room, 1, WRITE_WAIT_MS) == 0)
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}
