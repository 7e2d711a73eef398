/* Attachment on a veth pair in a network namespace of this program's own. Root only. */
#include "loader/xdp_attach.h"
#include "tap.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char *no_interface_is_refused(void)
{
	const struct hz_xdp_health health = { .endpoint.port = 8080,
		                              .endpoint.addr.byte = { 0xfd, 7, [15] = 2 } };
	const struct hz_xdp_attach_opts opts = { .size = sizeof(opts),
		                                 .instance = "bpft",
		                                 .ifname = "bpf-none",
		                                 .healths = &health,
		                                 .health_count = 1 };
	struct hz_xdp_info info;
	struct hz_err err = { 0 };

	return hz_xdp_attach(&opts, &info, &err) == -ENODEV ? NULL : "not refused";
}

int main(void)
{
	struct tap tap = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() != 0) {
		tap_skip(&tap, "bpf_attach", "needs root");
		return 77;
	}
	tap_result(&tap, "attach.no_interface_is_refused", no_interface_is_refused());
	return tap.failed == 0 ? 0 : 1;
}
