#include "loader/xdp_fail.h"
#include "core/log.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>

/* libbpf's callback has no argument of ours to find the listener by. */
static _Thread_local struct hz_xdp_chatter *listener;

HZ_PRINTF(2, 0)
static int on_libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	struct hz_xdp_chatter *chatter = listener;
	size_t room;
	int len;

	if (chatter == NULL || level == LIBBPF_DEBUG)
		return 0;
	room = sizeof(chatter->text) - chatter->len;
	len = vsnprintf(chatter->text + chatter->len, room, format, args);
	if (len > 0)
		chatter->len += HZ_MIN((size_t)len, room - 1);
	return len;
}

void hz_xdp_fail_listen(struct hz_xdp_chatter *chatter)
{
	listener = chatter;
	libbpf_set_print(on_libbpf_print);
}

void hz_xdp_fail_listen_end(void)
{
	if (listener != NULL && listener->len > 0)
		hz_log(HZ_LOG_DEBUG, "libbpf: %s", listener->text);
	listener = NULL;
	libbpf_set_print(NULL);
}

/* The last line that says something by itself: what follows a verifier log is only numbers. */
static void chatter_last_line(const struct hz_xdp_chatter *chatter, char *out, size_t room)
{
	size_t end, start;

	out[0] = '\0';
	if (chatter == NULL)
		return;
	for (end = chatter->len; end > 0 && chatter->text[end - 1] == '\n'; end--)
		;
	for (start = end; start > 0 && chatter->text[start - 1] != '\n'; start--)
		;
	snprintf(out, room, " (%.*s)", (int)(end - start), chatter->text + start);
	if (end == start)
		out[0] = '\0';
}

int hz_xdp_fail(struct hz_err *err, int status, const char *code, const char *doing,
                const struct hz_xdp_chatter *chatter)
{
	char said[256];

	chatter_last_line(chatter, said, sizeof(said));
	if (status == -EPERM || status == -EACCES)
		return hz_err_set(err, status, 4, "not_permitted",
		                  "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
		                  "%s: %s", doing, strerror(-status));
	if (status == -EOPNOTSUPP || status == -ENOSYS || status == -EINVAL || status == -E2BIG)
		return hz_err_set(err, status, 5, code, "hzctl doctor", "%s: %s%s", doing,
		                  strerror(-status), said);
	return hz_err_set(err, status, 1, code, "", "%s: %s%s", doing, strerror(-status), said);
}
