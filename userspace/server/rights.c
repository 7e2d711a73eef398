#include "server/rights.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/capability.h of Debian 12 has all of these; why each is needed stands beside it. */
static const struct {
	unsigned bit;
	const char *name;
} needed[] = {
	{ CAP_NET_RAW, "NET_RAW" },     /* AF_XDP sockets */
	{ CAP_NET_ADMIN, "NET_ADMIN" }, /* XSKMAP entries, program information */
	{ CAP_BPF, "BPF" },             /* pinned maps */
	{ CAP_SYS_ADMIN, "SYS_ADMIN" }, /* libxdp inside the driver looks the program up by id */
	{ CAP_IPC_LOCK, "IPC_LOCK" },   /* packet memory beyond RLIMIT_MEMLOCK */
};

int hz_rights_check(struct hz_err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	char missing[128] = "";
	size_t used = 0;

	if (syscall(SYS_capget, &header, data) != 0)
		return hz_err_set(err, -errno, 7, "capget", "", "cannot read own capabilities: %s",
		                  strerror(errno));
	for (size_t i = 0; i < HZ_ARRAY_LEN(needed); i++) {
		if (data[CAP_TO_INDEX(needed[i].bit)].effective & CAP_TO_MASK(needed[i].bit))
			continue;
		used += (size_t)snprintf(missing + used, sizeof(missing) - used, " %s",
		                         needed[i].name);
	}
	if (used == 0)
		return 0;
	return hz_err_set(
		err, -EPERM, 7, "capability",
		"run as root, or grant the capabilities; without a NIC: hzd -o boot/io=socket",
		"Operation not permitted: missing capabilities%s", missing);
}
