#include "collector/line_out.h"
#include "core/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* stdout is often one open file of several processes (a shell's): O_NONBLOCK on it would be
 * theirs as well. A pipe or terminal can be opened once more, with a mode of its own. */
void hz_line_out_open(struct hz_line_out *out, int fd)
{
	struct stat file;
	char path[32];
	int own;

	out->fd = fd;
	out->is_own = false;
	out->piece_bytes = PIPE_BUF; /* fits where POLLOUT says that there is room: pipe(7) */
	out->status = 0;
	out->lost = 0;
	out->at = out->bytes = 0;
	if (fstat(fd, &file) != 0)
		return;
	if (S_ISREG(file.st_mode)) /* in one piece: who is killed leaves whole lines */
		out->piece_bytes = sizeof(out->line);
	if (!S_ISFIFO(file.st_mode) && !S_ISCHR(file.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own == -1)
		return;
	out->fd = own;
	out->is_own = true;
}

void hz_line_out_close(struct hz_line_out *out)
{
	if (out->is_own)
		close(out->fd);
	out->is_own = false;
	out->bytes = 0;
}

static bool has_room(const struct hz_line_out *out)
{
	struct pollfd room = { out->fd, POLLOUT, 0 };

	return poll(&room, 1, 0) == 1; /* POLLERR too: write says why */
}

int hz_line_out_turn(struct hz_line_out *out)
{
	while (out->bytes > 0 && out->status == 0) {
		ssize_t part;

		if (!has_room(out))
			return -EAGAIN;
		part = write(out->fd, out->line + out->at, HZ_MIN(out->bytes, out->piece_bytes));
		if (part >= 0) {
			out->at += (size_t)part;
			out->bytes -= (size_t)part;
		} else if (errno == EAGAIN) {
			return -EAGAIN;
		} else if (errno != EINTR) {
			out->status = -errno;
		}
	}
	return out->status;
}

int hz_line_out_put(struct hz_line_out *out, const char *line, size_t bytes)
{
	int status;

	if (bytes > sizeof(out->line))
		return -EMSGSIZE;
	status = hz_line_out_turn(out);
	if (status != 0)
		return status;
	memcpy(out->line, line, bytes);
	out->at = 0;
	out->bytes = bytes;
	status = hz_line_out_turn(out);
	return status == -EAGAIN ? 0 : status;
}

int hz_line_out_drain(struct hz_line_out *out, uint32_t wait_ms)
{
	const uint64_t end_ns = hz_clock_monotonic_ns() + wait_ms * HZ_NS_PER_MS;
	uint64_t now_ns;
	int status;

	while ((status = hz_line_out_turn(out)) == -EAGAIN &&
	       (now_ns = hz_clock_monotonic_ns()) < end_ns) {
		struct pollfd room = { out->fd, POLLOUT, 0 };

		(void)poll(&room, 1, (int)((end_ns - now_ns) / HZ_NS_PER_MS) + 1);
	}
	return status;
}

bool hz_line_out_is_waiting(const struct hz_line_out *out)
{
	return out->bytes > 0 && out->status == 0;
}
