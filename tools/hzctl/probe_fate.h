/* What a health probe meets right now, and by whose fault. The rule is XDP's: bpf/beats.h says how
 * the server is, bpf/health_tcp.h and bpf/health_udp.h what a probe gets then. Pure. */
#ifndef HZ_PROBE_FATE_H
#define HZ_PROBE_FATE_H

#include "abi/hz_abi.h"
#include <stdint.h>

enum hz_probe_fate_kind { HZ_PROBE_ANSWERED, HZ_PROBE_PASSED, HZ_PROBE_DROPPED };

struct hz_probe_fate {
	enum hz_probe_fate_kind
		tcp; /* PASSED: whoever listens in the kernel answers, or it resets */
	enum hz_probe_fate_kind udp; /* PASSED: the kernel says that the port is closed */
	unsigned status;             /* 200 or 503; of TCP that is ANSWERED */
	char why[96];                /* "": all is well */
};

/* now_ns: CLOCK_MONOTONIC, taken before the beats were read. */
void hz_probe_fate_find(const struct hz_cfg *cfg, const struct hz_beat beat[HZ_WORKERS_MAX],
                        uint64_t now_ns, struct hz_probe_fate *out);

#endif
