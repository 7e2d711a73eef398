/* net_af_xdp takes whatever XDP program is on its interface off when it closes. A pinned link resists; a
 * program that another one's owner attached by netlink, with ours in its place, does not. Without
 * CAP_NET_ADMIN the driver cannot, and says so to its log only. */
#ifndef HZ_ADMIN_GATE_H
#define HZ_ADMIN_GATE_H

#include <stdbool.h>

/* Takes CAP_NET_ADMIN from this thread's effective set. True: it had it, and hz_admin_gate_open gives it
 * back. */
bool hz_admin_gate_shut(void);
void hz_admin_gate_open(bool was_shut);

#endif
