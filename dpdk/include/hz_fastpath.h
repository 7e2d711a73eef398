/* The packet path as the server sees it: open ports, start pinned workers, stop. No rte_ types here;
 * everything below this header is DPDK, everything above is not. */
#ifndef HZ_FASTPATH_H
#define HZ_FASTPATH_H

#include "core/common.h"
#include "core/err.h"
#include "core/host_conf.h"
#include "core/limits.h"
#include "telemetry/slot.h"
#include "telemetry/trace_ring.h"

/* MEMIF and EAL ports have no kernel interface: they answer for their own addresses. */
enum hz_io { HZ_IO_AF_XDP, HZ_IO_RING, HZ_IO_SOCKET, HZ_IO_MEMIF, HZ_IO_EAL };
enum hz_congestion { HZ_CONGESTION_CUBIC, HZ_CONGESTION_NEWRENO };
enum hz_syn_cookies { HZ_SYN_COOKIES_AUTO, HZ_SYN_COOKIES_OFF, HZ_SYN_COOKIES_ALWAYS };
enum hz_hugepages { HZ_HUGEPAGES_AUTO, HZ_HUGEPAGES_ON, HZ_HUGEPAGES_OFF };

struct hz_cookies;

struct hz_fastpath_port {
	char ifname[16];
	uint32_t ifindex;
	uint32_t queue_count; /* workers take queues round robin, one port device each */
	bool verify_checksum; /* L4 checksum of received frames; off where the peer is a local veth */
	/* MEMIF and EAL, copied by open: the driver's "KEY=VALUE,...", and the port's addresses. */
	const char *device_args;
	const struct hz_host_conf *host;
};

/* Of every connection; 0 is the default, as in struct hz_tcp_conf of tcp/tcp.h. */
struct hz_fastpath_tcp {
	bool is_keepalive;
	uint32_t keepalive_idle_s, keepalive_interval_s, keepalive_count;
	uint8_t hop_limit, dscp;
	uint16_t lport_first, lport_last;
	uint32_t half_open_max; /* per worker */
	enum hz_syn_cookies cookie_mode;
};

struct hz_fastpath_conf {
	const char *file_prefix; /* "hz-INSTANCE": DPDK's runtime name */
	enum hz_io io;           /* any but SOCKET */
	enum hz_hugepages hugepages;
	uint32_t mbufs;                /* packet buffers per worker */
	uint32_t ring_slots;           /* per queue, power of two */
	uint32_t connections_max;      /* per worker */
	uint32_t time_wait_max;        /* per worker */
	uint32_t burst;                /* 1..HZ_LIMIT_burst_max */
	uint32_t spin_us;              /* empty polling before sleeping; 1000000: never sleeps */
	uint32_t sleep_ms_max;         /* a sleeper beats this often: beat timeout / 4; 0: 100 */
	enum hz_congestion congestion; /* RFC 9438, or RFC 5681 */
	struct hz_fastpath_tcp tcp;
	uint32_t worker_count;
	const struct hz_worker_conf *workers;
	uint32_t port_count;
	const struct hz_fastpath_port *ports;
	uint32_t listen_count;
	const struct hz_endpoint *listens;
	uint64_t exempt_listens; /* bit per index: overload sheds nothing of it */
	struct hz_cookies
		*cookies; /* abi/cookie_syn.h, of all workers and XDP; NULL: of each worker */
};

struct hz_fastpath; /* owned by the caller of open */

/* Starts EAL, opens ports and pools. Workers do not run yet. 0 or -errno with err filled: exit codes 4
 * device, 5 memory, 6 BPF, 7 privilege. One per process; EAL is set up once. */
int hz_fastpath_open(const struct hz_fastpath_conf *conf, struct hz_fastpath **out,
                     struct hz_err *err);

/* Launches the pinned workers; returns when every one has turned its loop once. */
int hz_fastpath_start(struct hz_fastpath *fp, struct hz_err *err);

/* No new connections from now on; existing ones finish. Returns at once; the count of open connections
 * is in hz_connections. Any thread. */
void hz_fastpath_drain(struct hz_fastpath *fp);

/* A worker's census (struct hz_worker_conf) holds a question: the worker answers within its next turns. Any
 * thread. */
void hz_fastpath_census(struct hz_fastpath *fp, uint32_t worker);

/* Frames of a worker are traced into ring from its next turn on; NULL: no more. The ring stays the caller's
 * until hz_fastpath_close. Any thread. Interfaces are numbered as in hz_fastpath_conf.ports. */
void hz_fastpath_trace(struct hz_fastpath *fp, uint32_t worker, struct hz_trace_ring *ring);

/* Wakes a worker that sleeps, after something was published that on_turn of its protocol will find. Any
 * thread. */
void hz_fastpath_ring(struct hz_fastpath *fp, uint32_t worker);

/* A device disappeared (ENXIO) or another fatal condition a worker met: 0, or the exit code. Polled by
 * housekeeping. */
int hz_fastpath_failed(const struct hz_fastpath *fp, struct hz_err *err);

/* Housekeeping's share, every tick: what the kernel and the peers of memif ports have to say. Not the
 * thread of a worker; workers pause for some microseconds. */
void hz_fastpath_turn(struct hz_fastpath *fp);

/* True without huge pages: boot/hugepages is off, or auto and there were none. */
bool hz_fastpath_is_degraded(const struct hz_fastpath *fp);

/* Stops workers (open connections are reset), closes ports and EAL. 0, or -ETIMEDOUT: a worker did not stop within
 * HZ_LIMIT_worker_stop_s; it may use all it was given, so nothing was freed, and nothing may be. Accepts NULL. */
int hz_fastpath_close(struct hz_fastpath *fp);

#endif
