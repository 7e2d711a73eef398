/* Where the collector's descriptors come from: the pins of an instance, where it may open them, or hzd, which hands
 * them over its control socket. */
#ifndef HZ_MAP_SOURCE_H
#define HZ_MAP_SOURCE_H

#include "core/err.h"

enum hz_stream_map {
#define HZ_STREAM_MAP(name, type, key_bytes, value_bytes, required) HZ_STREAM_##name,
#include "telemetry/stream_maps.def"
#undef HZ_STREAM_MAP
	HZ_STREAM_MAPS,
};

struct hz_map_source {                    /* owned by the caller; close with hz_map_source_close */
	int fd[HZ_STREAM_MAPS];           /* -1: this instance has no such map */
	uint32_t entries[HZ_STREAM_MAPS]; /* what the map has room for */
	uint64_t made_unix_ns;            /* when the ring was pinned; 0: not known, of hzd */
	uint32_t id; /* of the ring: another one after xdp detach all and attach */
};
#define HZ_MAP_SOURCE_INSTANCE_MAX 32

/* Opens the maps of an instance; NULL: the default one. 0 or -errno with err filled, exit codes of hzctl: 2 bad name,
 * 3 nothing attached, 4 not permitted, 1 the rest. Waits at most 5 s for hzd. */
int hz_map_source_open(const char *instance, struct hz_map_source *out, struct hz_err *err);
void hz_map_source_close(struct hz_map_source *source);

#endif
