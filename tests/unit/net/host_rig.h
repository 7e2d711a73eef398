/* A port with a host, 10.7.0.2/24 and fd07::2/64 at 02::02, and frames of a peer, .1 at 02::01. */
#ifndef HOST_RIG_H
#define HOST_RIG_H

#include "core/env.h"
#include "fake_port.h"
#include "net/host.h"

#define RIG_FRAME 2048u

struct host_rig {
	struct fake_port fake;
	struct hz_env env;
	struct hz_host *host;
	struct hz_packet packet; /* of the last host_rig_in */
};

struct rig_frame {
	uint8_t bytes[RIG_FRAME];
	size_t count;
	size_t l4; /* where ICMP or TCP begins */
};

void host_rig_open(struct host_rig *rig);  /* ends the case on failure */
void host_rig_close(struct host_rig *rig); /* nothing must have leaked */

enum hz_net_verdict host_rig_in(struct host_rig *rig, const struct rig_frame *frame);
/* Must be consumed without an answer, under this reason alone. */
void host_rig_expect_drop(struct host_rig *rig, const struct rig_frame *frame,
                          enum hz_counter reason);
/* Must be consumed with one answer, under this counter alone. Returns its length; answer holds
 * RIG_FRAME bytes, those behind it 0xee. */
size_t host_rig_expect_answer(struct host_rig *rig, const struct rig_frame *frame,
                              enum hz_counter counter, uint8_t answer[RIG_FRAME]);

/* An ARP packet of the peer about us: request (1) or reply (2), padded to 60 with junk. */
struct rig_frame rig_arp(uint8_t operation);
/* ICMP of bytes (type and code first, checksum left free), IP and ICMP checksums filled. */
struct rig_frame rig_icmp4(const uint8_t *icmp, size_t bytes);
struct rig_frame rig_icmp6(const uint8_t *icmp, size_t bytes);
struct rig_frame rig_solicitation(void); /* for fd07::2, to its group, with the peer's MAC */
void rig_sum(struct rig_frame *frame);   /* makes checksums right again */

extern const uint8_t rig_our_mac[6], rig_peer_mac[6];
extern const struct hz_addr rig_our4, rig_our6, rig_peer4, rig_peer6;

#endif
