/* Attaching the XDP program: pinned bpf_link, pinned maps, claims frozen. Only hzctl calls this; hzd
 * opens the pins. All under /sys/fs/bpf/hz[-INSTANCE]. */
#ifndef HZ_XDP_ATTACH_H
#define HZ_XDP_ATTACH_H

#include "core/common.h"
#include "core/err.h"
#include "core/mw_conf.h"
#include "core/source_rule.h"

#define HZ_PIN_PATH_MAX 128

enum hz_xdp_mode { HZ_XDP_NATIVE, HZ_XDP_GENERIC };

/* What works, and not as well as it could: bits of a set. */
enum hz_xdp_degraded {
	HZ_XDP_DEGRADED_GENERIC = 1, /* after the kernel made its buffers: several times the cost */
	HZ_XDP_DEGRADED_RX_VLAN = 2, /* the NIC would take the tag off a tagged frame */
	HZ_XDP_DEGRADED_CHAINED =
		4, /* another program behind ours; whoever owns it may take both off */
};

struct hz_xdp_health {
	struct hz_endpoint endpoint;
	const char *path; /* default /healthz, at most 64 bytes */
	const char *body; /* default ok, at most HZ_HEALTH_BODY_MAX bytes */
	bool is_udp;      /* a datagram is the probe: no path */
	/* > 0: endpoint is one of claims, and these sources get health answers there and nothing else */
	uint32_t from_count;
	const struct hz_mw_prefix *from;
};

struct hz_xdp_attach_opts {
	size_t size;          /* sizeof(struct hz_xdp_attach_opts) */
	const char *instance; /* NULL: the default one */
	const char *ifname;   /* in the current network namespace */
	enum hz_xdp_mode mode;
	bool ensure; /* succeed when the same is attached already; replace when claims differ */
	bool update; /* replace what is attached, live; without claims those that run stay */
	bool chain; /* a program that sits there gets what ours lets pass, and its place at detach */
	bool dry_run;
	bool yes_this_nic; /* also on the interface of the default route */
	uint32_t claim_count;
	const struct hz_endpoint *claims;
	const uint8_t *claim_classes; /* enum hz_shed_class of each; NULL: all HZ_CLASS_BULK */
	uint32_t health_count;
	const struct hz_xdp_health *healths;
	bool has_sources; /* the lists of sources become these; else they stay */
	uint32_t source_count;
	const struct hz_source_rule *source;
};

struct hz_xdp_info {
	char ifname[16];
	uint32_t ifindex; /* 0: the device is gone */
	uint32_t program_id;
	enum hz_xdp_mode mode;
	bool is_ours; /* the attached program is the pinned link's */
	bool is_half; /* left by an attach that was killed; attach and detach both clear it away */
	uint32_t
		degraded; /* set of enum hz_xdp_degraded; of an interface of this network namespace */
	char next[96];    /* the program that is chained behind ours, "" without one */
	struct hz_meta meta;
};

/* "/sys/fs/bpf/hz[-INSTANCE][/NAME][_IF]" with dots of IF written %2E. 0 or -ENAMETOOLONG, -EINVAL. */
int hz_xdp_pin_path(char out[HZ_PIN_PATH_MAX], const char *instance, const char *name,
                    const char *ifname);

int hz_xdp_attach(const struct hz_xdp_attach_opts *opts, struct hz_xdp_info *out,
                  struct hz_err *err);
/* With a program chained its own is put back, in one step. */
int hz_xdp_detach(const char *instance, const char *ifname, struct hz_err *err); /* NULL: all */
/* Number of interfaces of this instance, at most max filled; or -errno. */
int hz_xdp_list(const char *instance, struct hz_xdp_info *out, uint32_t max, struct hz_err *err);

/* What hz_xdp_gc removes, one call each: "link" of a dead device, "half" an attachment, "pins" without a
 * link, an "instance" without interfaces, a "folder" that was being built. */
typedef void hz_xdp_gc_fn(const char *instance, const char *ifname, const char *what, void *ctx);

/* Removes what runs that are dead left pinned, of one instance or (NULL with all) of every one; what is
 * attached stays. dry_run only tells. Number of things found, or -errno with err filled. */
int hz_xdp_gc(const char *instance, bool all, bool dry_run, hz_xdp_gc_fn *on_found, void *ctx,
              struct hz_err *err);

/* Whatever program is attached to an interface of this network namespace, as the kernel tells it. */
struct hz_xdp_found {
	uint32_t ifindex;
	uint32_t program_id; /* 0: none */
	char text[96];       /* program 412 "xdp_lb" tag 3b185187f1855c4c */
};

/* 0, or -ENODEV without such an interface, or -errno. */
int hz_xdp_find(const char *ifname, struct hz_xdp_found *out, struct hz_err *err);

#endif
