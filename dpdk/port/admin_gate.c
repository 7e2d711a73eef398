#include "port/admin_gate.h"
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Capabilities belong to threads: others go on with theirs. */
static bool effective_set(bool is_on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t mask = CAP_TO_MASK(CAP_NET_ADMIN);
	uint32_t *effective = &data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective;

	if (syscall(SYS_capget, &header, data) != 0 || ((*effective & mask) != 0) == is_on)
		return false;
	*effective = is_on ? *effective | mask : *effective & ~mask;
	return syscall(SYS_capset, &header, data) == 0;
}

bool hz_admin_gate_shut(void)
{
	return effective_set(false);
}

void hz_admin_gate_open(bool was_shut)
{
	if (was_shut)
		(void)effective_set(true);
}
