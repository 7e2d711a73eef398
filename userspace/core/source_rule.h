/* One prefix of the lists of sources, site.yaml `sources`. */
#ifndef HZ_SOURCE_RULE_H
#define HZ_SOURCE_RULE_H

#include "core/common.h"
#include <stdint.h>

struct hz_source_rule {
	struct hz_addr addr; /* IPv4 is mapped; zero beyond bits */
	uint8_t bits;        /* within its family */
	uint8_t list;        /* enum hz_source_list, not NONE */
};

#endif
