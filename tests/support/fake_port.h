/* A port without a device: what is sent is captured, received frames are built from bytes. Starts EAL
 * once per process, without huge pages and without files. */
#ifndef HZ_FAKE_PORT_H
#define HZ_FAKE_PORT_H

#include "port/port.h"

#define FAKE_PORT_CAPTURE_MAX 4096

struct fake_port {
	struct hz_port port;
	struct rte_mbuf *sent[FAKE_PORT_CAPTURE_MAX]; /* owned until taken */
	uint32_t first, count;
	bool is_holding; /* the driver keeps its reference of every frame, in held */
	struct rte_mbuf *held[FAKE_PORT_CAPTURE_MAX];
	uint32_t held_count;
	uint64_t sent_sum[FAKE_PORT_CAPTURE_MAX]; /* of the frame when it was sent, and when held */
	uint64_t held_sum[FAKE_PORT_CAPTURE_MAX];
	uint32_t allocs_left; /* then hz_port_alloc fails; UINT32_MAX: no limit */
	struct hz_slot slot;
	struct hz_worker worker;
	struct hz_connections conns;
	struct hz_beat beat;
};

/* A pool of mbufs buffers and a zeroed slot. 0 or -errno. */
int fake_port_open(struct fake_port *fake, uint32_t mbufs);
/* Returns the number of buffers that never came back: leaked. */
uint32_t fake_port_close(struct fake_port *fake);

/* As close and open with the same buffers. Returns the same. */
uint32_t fake_port_reset(struct fake_port *fake);

/* A received frame; the caller's. AddressSanitizer reports whoever looks beyond its bytes. */
struct rte_mbuf *fake_port_frame(struct fake_port *fake, const void *bytes, size_t count);

/* Bytes of XDP before a received frame, which may be looked at as well. */
void fake_port_before(struct rte_mbuf *mbuf, const void *bytes, size_t count);

/* The oldest frame sent and not yet taken, as a copy of its bytes; its reference is dropped, unless the
 * driver holds it. Returns its length, 0: none. A frame that changed after it was sent ends the test
 * program: no driver would have sent the right bytes. */
size_t fake_port_take(struct fake_port *fake, uint8_t *to, size_t room);

void fake_port_release_held(struct fake_port *fake);

#endif
