#include "core/log.h"
#include "core/span_ops.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The one exception to "no mutable globals": a log line must be possible where no context reaches, such
 * as in callbacks of libbpf. Set once, by whoever is first, and only read afterwards. */
enum { UNSET, SETTING, SET };
static struct {
	int state; /* atomic: what follows counts from SET on */
	char program[HZ_LOG_NAME_MAX];
	enum hz_log_level most;
	bool is_journal;
} log_conf;

static const struct {
	const char *name;
	const char *priority; /* sd-daemon(3) */
} levels[] = {
	[HZ_LOG_ERROR] = { "error", "<3>" },
	[HZ_LOG_WARN] = { "warning", "<4>" },
	[HZ_LOG_INFO] = { "info", "<6>" },
	[HZ_LOG_DEBUG] = { "debug", "<7>" },
};

void hz_log_open(const char *program, enum hz_log_level most)
{
	int unset = UNSET;

	if (!__atomic_compare_exchange_n(&log_conf.state, &unset, SETTING, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		return;
	snprintf(log_conf.program, sizeof(log_conf.program), "%s", program);
	log_conf.most = most;
	log_conf.is_journal = getenv("JOURNAL_STREAM") != NULL && isatty(STDERR_FILENO) == 0;
	__atomic_store_n(&log_conf.state, SET, __ATOMIC_RELEASE);
}

static size_t line_cut(int printed, size_t room)
{
	if (printed < 0)
		return 0;
	return HZ_MIN((size_t)printed, room - 1);
}

static void line_write(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, line, len);

		if (written < 0 && errno != EINTR)
			return; /* nowhere left to report it */
		if (written > 0) {
			line += written;
			len -= (size_t)written;
		}
	}
}

void hz_log(enum hz_log_level level, const char *format, ...)
{
	char line[HZ_LOG_LINE_MAX];
	size_t room = sizeof(line); /* the newline takes the place of the terminating zero */
	bool is_set = __atomic_load_n(&log_conf.state, __ATOMIC_ACQUIRE) == SET;
	int saved_errno = errno;
	size_t len;
	va_list args;

	if (level > (is_set ? log_conf.most : HZ_LOG_INFO))
		return;
	len = line_cut(snprintf(line, room, "%s%s: %s: ",
	                        is_set && log_conf.is_journal ? levels[level].priority : "",
	                        is_set ? log_conf.program : "hz", levels[level].name),
	               room);
	va_start(args, format);
	errno = saved_errno; /* for %m */
	len += line_cut(vsnprintf(line + len, room - len, format, args), room - len);
	va_end(args);
	hz_span_make_printable((struct hz_wspan){ (uint8_t *)line, len });
	line[len++] = '\n';
	line_write(line, len);
	errno = saved_errno;
}
