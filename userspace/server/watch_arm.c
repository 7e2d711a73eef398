#include "server/watch_arm.h"
#include "core/base.h"
#include "core/log.h"
#include <errno.h>
#include <string.h>

void hz_watch_arm_turn(struct hz_watch_arm *watch, uint64_t wait_ns, uint64_t now_ns,
                       hz_watch_arm_fn *arm, void *ctx)
{
	int status;

	if (watch->wait_ns == wait_ns)
		return;
	if (watch->is_failing && now_ns - watch->tried_ns < HZ_NS_PER_S)
		return;
	status = arm(ctx, wait_ns);
	if (status == 0 || status == -EPERM) {
		watch->wait_ns = wait_ns;
		watch->is_failing = false;
		return;
	}
	if (!watch->is_failing)
		hz_log(HZ_LOG_WARN, "the kernel will not tell of latency without us: %s",
		       strerror(-status));
	watch->is_failing = true;
	watch->tried_ns = now_ns;
}
