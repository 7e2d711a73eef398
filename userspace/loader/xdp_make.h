/* The folder of an instance's pins: made whole, taken away whole. */
#ifndef HZ_XDP_MAKE_H
#define HZ_XDP_MAKE_H

#include "loader/xdp_pins.h"

/* Programs of the latency object that hzd runs, pinned under their own names. */
#define HZ_XDP_MAKE_PROGRAMS                                                                       \
	{                                                                                          \
		"prog_flush", "prog_emit", "prog_watch"                                            \
	}

/* Loads the latency object and pins its maps, programs and views. What was pinned is not looked at: -EEXIST or
 * -ENOTEMPTY when the folder is there. 0, or -errno with err filled. */
int hz_xdp_make(const char *instance, struct hz_err *err);

/* Removes the folder with everything in it; absent is fine. 0 or -errno. */
int hz_xdp_make_undo(const char *instance);

#endif
