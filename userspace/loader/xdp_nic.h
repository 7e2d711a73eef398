/* What a NIC does to frames before XDP sees them, and whether that can be lived with. */
#ifndef HZ_XDP_NIC_H
#define HZ_XDP_NIC_H

#include "loader/xdp_attach.h"

struct hz_xdp_nic {
	char driver[32];
	uint32_t mtu;
	bool has_lro;     /* joins segments into frames of several buffers */
	bool has_gro_hw;  /* the same, in a way that can be taken apart again */
	bool has_rx_vlan; /* takes the outer tag off */
	bool has_vlans;   /* VLAN devices stand on it: tagged frames are to be expected */
};

/* The interface by name in this network namespace. A driver that cannot tell a feature has none.
 * 0 or -errno. */
int hz_xdp_nic_read(const char *ifname, struct hz_xdp_nic *out);

/* 0 with the set of enum hz_xdp_degraded, or -errno with err filled. */
int hz_xdp_nic_judge(const struct hz_xdp_nic *nic, const char *ifname, enum hz_xdp_mode mode,
                     uint32_t *degraded, struct hz_err *err);

#endif
