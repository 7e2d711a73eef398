/* Where the collector's descriptors come from: the pins of an instance, where it may open them, or hzd, which hands
 * them over its control socket. */
#ifndef HZ_MAP_SOURCE_H
#define HZ_MAP_SOURCE_H

#include "collector/fd_ask.h"
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
#define HZ_MAP_SOURCE_FOLDER_BYTES 64

/* Opens the maps of an instance, by its pins or by asking hzd; NULL: the default one. 0 or
 * -errno with err filled, exit codes of hzctl: 2 bad name, 3 nothing attached, 4 not permitted,
 * 1 the rest. Waits at most 5 s for each piece of hzd's answer: for the start only. */
int hz_map_source_open(const char *instance, struct hz_map_source *out, struct hz_err *err);

/* The same in parts that do not wait: the pins alone, -EACCES or -ENOENT when hzd may be asked
 * instead; and what hzd answered, -EAGAIN (err is not filled) while it did not. */
int hz_map_source_pins(const char *instance, struct hz_map_source *out, struct hz_err *err);
int hz_map_source_take(struct hz_fd_ask *ask, const char *instance, struct hz_map_source *out,
                       struct hz_err *err);
void hz_map_source_close(struct hz_map_source *source);

/* Where the pins of an instance are, or would be. */
void hz_map_source_folder(const char *instance, char out[HZ_MAP_SOURCE_FOLDER_BYTES]);

#endif
