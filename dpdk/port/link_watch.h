/* Watches the interfaces under ports through one rtnetlink socket: a link that goes down stops
 * transmit, a device that is deleted (or leaves the namespace) is gone for good. The socket is opened
 * before rights are dropped and needs none later. Polled by housekeeping. */
#ifndef HZ_LINK_WATCH_H
#define HZ_LINK_WATCH_H

#include "port/port.h"

#define HZ_LINK_WATCH_PORTS_MAX HZ_QUEUES_MAX

struct hz_link_watch {
	int fd; /* -1: closed */
	uint32_t sequence;
	uint32_t port_count;
	struct hz_port *port[HZ_LINK_WATCH_PORTS_MAX]; /* not owned; must outlive the watch */
};

/* In the caller's network namespace. Ports without a kernel netdev are skipped. Reads the state of
 * every link once. 0 or -errno. */
int hz_link_watch_open(struct hz_link_watch *watch, struct hz_port *const *ports, uint32_t count);

/* Takes in what happened since; never blocks. Returns the first port whose device is gone, or NULL.
 * When the kernel dropped messages, asks for the state of every link again. */
const struct hz_port *hz_link_watch_poll(struct hz_link_watch *watch);

void hz_link_watch_close(struct hz_link_watch *watch); /* also a closed or half-open one */

#endif
