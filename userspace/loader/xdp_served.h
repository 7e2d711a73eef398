/* What a running hzd compares with the pins: is the attached program still the one it serves, and are the
 * claims what its site says? */
#ifndef HZ_XDP_SERVED_H
#define HZ_XDP_SERVED_H

#include "loader/xdp_attach.h"

/* The maps behind an interface: hzd's telemetry is in the shared ones, its sockets are in xsks. Attached
 * anew under a running hzd, the program has others, and hzd gets nothing any more. */
struct hz_xdp_served {
	uint32_t shared_id; /* of map `beat` */
	uint32_t xsks_id;
};

/* What is pinned now. 0 or -errno. */
int hz_xdp_served_read(const char *instance, const char *ifname, struct hz_xdp_served *out);

/* Our program on the interface, by its id; 0: it is pinned and runs nowhere, for another than hz took it off or the device
 * is gone. 0 or -errno; -ENOENT: hz took it off. */
int hz_xdp_served_program(const char *instance, const char *ifname, uint32_t *program_id);

/* How it is attached: 0 or -errno. */
int hz_xdp_served_mode(const char *instance, const char *ifname, enum hz_xdp_mode *out);

/* Is this health port claimed, with this path and this body? 0, -ENOENT: not claimed, -ESTALE: it is,
 * and probes are told something else; or -errno. */
int hz_xdp_served_health(const char *instance, const char *ifname,
                         const struct hz_xdp_health *health);

/* The class, enum hz_shed_class, with which a site's port is claimed. 0, -ENOENT: it is not claimed, or -errno. */
int hz_xdp_served_class(const char *instance, const char *ifname,
                        const struct hz_endpoint *endpoint, uint8_t *out);

#endif
