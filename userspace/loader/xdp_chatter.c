#include "loader/xdp_chatter.h"
#include "core/log.h"
#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

/* The callbacks have no argument of ours to find the listener by. */
static _Thread_local struct hz_xdp_chatter *listener;

/* What is said whenever hzd starts and ends, and so is never the cause of anything: our program counts no
 * references, as it stays when hzd ends; and DPDK's driver, when it closes, tries to take it off, which the
 * kernel refuses because a link holds it. */
static bool is_normal(const char *line)
{
	static const char *const normal[] = {
		"Another XSK socket was created by a version of libxdp",
		"Can't replace active BPF XDP link",
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(normal); i++)
		if (strstr(line, normal[i]) != NULL)
			return true;
	return false;
}

HZ_PRINTF(1, 0)
static void log_line(const char *format, va_list args)
{
	char line[HZ_LOG_LINE_MAX];
	size_t len;

	vsnprintf(line, sizeof(line), format, args);
	for (len = strlen(line); len > 0 && line[len - 1] == '\n'; len--)
		;
	hz_log(HZ_LOG_DEBUG, "%.*s", (int)len, line);
}

HZ_PRINTF(1, 0)
static int take(const char *format, va_list args)
{
	struct hz_xdp_chatter *chatter = listener;
	size_t room;
	char *at;
	int len;

	if (chatter == NULL) {
		log_line(format, args);
		return 0;
	}
	room = sizeof(chatter->text) - chatter->len;
	at = chatter->text + chatter->len;
	len = vsnprintf(at, room, format, args);
	if (len > 0 && !is_normal(at))
		chatter->len += HZ_MIN((size_t)len, room - 1);
	return len;
}

HZ_PRINTF(2, 0)
static int on_libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : take(format, args);
}

HZ_PRINTF(2, 0)
static int on_libxdp_print(enum libxdp_print_level level, const char *format, va_list args)
{
	return level == LIBXDP_DEBUG ? 0 : take(format, args);
}

void hz_xdp_chatter_divert(void)
{
	libbpf_set_print(on_libbpf_print);
	libxdp_set_print(on_libxdp_print);
}

void hz_xdp_chatter_listen(struct hz_xdp_chatter *chatter)
{
	listener = chatter;
}

void hz_xdp_chatter_listen_end(void)
{
	if (listener != NULL && listener->len > 0)
		hz_log(HZ_LOG_DEBUG, "%.*s", (int)listener->len, listener->text);
	listener = NULL;
}

void hz_xdp_chatter_cause(const struct hz_xdp_chatter *chatter, char *out, size_t room)
{
	size_t end, start;

	out[0] = '\0';
	if (chatter == NULL)
		return;
	for (end = chatter->len; end > 0 && chatter->text[end - 1] == '\n'; end--)
		;
	for (start = end; start > 0 && chatter->text[start - 1] != '\n'; start--)
		;
	if (end > start)
		snprintf(out, room, " (%.*s)", (int)(end - start), chatter->text + start);
}

void hz_xdp_chatter_explain(const struct hz_xdp_chatter *chatter, struct hz_err *err)
{
	size_t used = strlen(err->why);

	if (used < sizeof(err->why))
		hz_xdp_chatter_cause(chatter, err->why + used, sizeof(err->why) - used);
}
