#include "loader/xdp_fail.h"
#include <errno.h>
#include <string.h>

int hz_xdp_fail(struct hz_err *err, int status, const char *code, const char *doing,
                const struct hz_xdp_chatter *chatter)
{
	char said[256];

	hz_xdp_chatter_cause(chatter, said, sizeof(said));
	if (status == -EPERM || status == -EACCES)
		return hz_err_set(err, status, 4, "not_permitted",
		                  "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
		                  "%s: %s", doing, strerror(-status));
	if (status == -EOPNOTSUPP || status == -ENOSYS || status == -EINVAL || status == -E2BIG)
		return hz_err_set(err, status, 5, code, "hzctl doctor", "%s: %s%s", doing,
		                  strerror(-status), said);
	return hz_err_set(err, status, 1, code, "", "%s: %s%s", doing, strerror(-status), said);
}
