/* What an interface runs now, told in the stream of events by whoever changed it with us. That others took the program
 * off, or the device is gone, a hzd tells that serves there. */
#ifndef HZ_XDP_TELL_H
#define HZ_XDP_TELL_H

#include <stdint.h>

/* Programs by their ids, 0: none. Says nothing where they are the same. That it cannot be told, for the ring is full or
 * the instance has none, fails nothing. */
void hz_xdp_tell(const char *instance, const char *ifname, uint32_t before_id, uint32_t now_id);

#endif
