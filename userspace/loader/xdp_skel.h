/* The generated skeletons: the BPF objects as bytes, with their maps and programs by name. Their code
 * is bpftool's, so our warnings are off for it. */
#ifndef HZ_XDP_SKEL_H
#define HZ_XDP_SKEL_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "skel/hz_latency.skel.h"
#include "skel/hz_xdp.skel.h"
#pragma GCC diagnostic pop

#endif
