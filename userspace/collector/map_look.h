/* Looks for other maps of an instance, time and again and without ever waiting: by the pins, or
 * with a question to hzd that stays open until it is answered. */
#ifndef HZ_MAP_LOOK_H
#define HZ_MAP_LOOK_H

#include "collector/map_source.h"

#define HZ_MAP_LOOK_EVERY_S    2  /* from one look to the next */
#define HZ_MAP_LOOK_PATIENCE_S 30 /* with one question: whoever took it may be gone for good */

struct hz_map_look { /* zeroed: does not look; owned by the caller; end with hz_map_look_end */
	struct hz_fd_ask ask;
	uint64_t asked_ns; /* when ask was begun */
	uint64_t next_ns;
};

/* A turn at now_ns: 0, *out is what there is, and the caller's; -EAGAIN: nothing to say now;
 * else -errno with err filled, as hz_map_source_open. */
int hz_map_look_turn(struct hz_map_look *look, const char *instance, uint64_t now_ns,
                     struct hz_map_source *out, struct hz_err *err);
int hz_map_look_poll_fd(const struct hz_map_look *look); /* readable: turn; -1: turn by the clock */
void hz_map_look_end(struct hz_map_look *look);          /* until the next turn */

#endif
