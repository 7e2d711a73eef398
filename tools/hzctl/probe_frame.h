/* The first frame of a flow, as a client sends it. */
#ifndef HZ_PROBE_FRAME_H
#define HZ_PROBE_FRAME_H

#include "core/common.h"

#define HZ_PROBE_BYTES_MAX 128

enum hz_probe_kind { HZ_PROBE_SYN, HZ_PROBE_UDP, HZ_PROBE_ECHO };

struct hz_probe {
	enum hz_probe_kind kind;
	struct hz_endpoint from, to; /* of one family */
};

/* Fills out (HZ_PROBE_BYTES_MAX) and returns the length. */
size_t hz_probe_frame(const struct hz_probe *probe, uint8_t *out);

#endif
