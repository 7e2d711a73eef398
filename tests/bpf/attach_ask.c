#include "attach_ask.h"
#include "attach_world.h"
#include "core/endpoint.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

#include <bpf/bpf.h>

struct hz_source_rule ask_rule(const char *addr, uint8_t bits, uint8_t list)
{
	struct hz_source_rule rule = { .bits = bits, .list = list };

	if (hz_addr_parse(addr, &rule.addr) != 0)
		abort();
	return rule;
}

bool ask_open(struct asker *asker)
{
	asker->prog_fd = world_open("prog_xdp_" WORLD_A);
	for (int i = 0; i < 2; i++) {
		struct wire_spec spec = {
			.version = i == 0 ? 4 : 6, .port = 80, .source_port = 7, .flags = WIRE_ACK
		};

		wire_build(&asker->frame[i], &spec);
	}
	return asker->prog_fd >= 0;
}

int ask_verdict(const struct asker *asker, int family, uint8_t network)
{
	uint8_t out[WIRE_MAX];
	struct wire frame = asker->frame[family];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.byte,
	            .data_size_in = (uint32_t)frame.len, .data_out = out,
	            .data_size_out = sizeof(out), .repeat = 1);

	frame.byte[family == 0 ? 14 + 13 : 14 + 9] = network; /* 10.N.0.1, fdNN::1 */
	if (bpf_prog_test_run_opts(asker->prog_fd, &opts) != 0)
		return -errno;
	return (int)opts.retval;
}

bool ask_are_denied(const struct asker *asker, bool is_denied4, bool is_denied6)
{
	return ask_verdict(asker, 0, 7) == (is_denied4 ? XDP_DROP : XDP_PASS) &&
	       ask_verdict(asker, 1, 7) == (is_denied6 ? XDP_DROP : XDP_PASS);
}
