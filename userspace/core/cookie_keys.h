/* Keys of SYN cookies (abi/cookie_syn.h): made at the start, and anew for every epoch. One thread calls these;
 * workers and XDP read at the same time, and what is written is never what they need. */
#ifndef HZ_COOKIE_KEYS_H
#define HZ_COOKIE_KEYS_H

#include "abi/cookie_syn.h"
#include <stdint.h>

/* Keys of the epoch of now_ns and of the one before, flow key and token: what is there from a server before
 * stays, as long as it is as young as it must be. No worker runs yet. 0 or -errno of getrandom(2). */
int hz_cookie_keys_open(struct hz_cookies *cookies, uint64_t now_ns);

/* Once per second or so. The key of the next epoch is made in the place of the last one's, as soon as no
 * cookie of that one lives. 0 or -errno: then the old key serves on. */
int hz_cookie_keys_turn(struct hz_cookies *cookies, uint64_t now_ns);

#endif
