/* A running hz_sock on loopback with a protocol made of one-letter commands, and blocking clients. */
#ifndef SOCK_RIG_H
#define SOCK_RIG_H

#include "io_sock/sock.h"
#include <stdatomic.h>

#define RIG_WORKERS_MAX 4
#define RIG_BUSY_MS     300

/* What the protocol saw; written by workers, read by the test. */
struct rig_seen {
	atomic_uint opens, eofs, timers, closes, writables, shorts;
	atomic_uint closed[4]; /* by enum hz_close_why */
	atomic_uint reentries; /* an up-call while another of the same stream was running */
	atomic_uint calls_after_close;
	atomic_uint presented;   /* on_data calls */
	atomic_ulong span_max;   /* longest span presented */
	atomic_ulong queued_max; /* most bytes taken by one burst of writes */
	atomic_ulong timer_ns;   /* from arming to on_timer */
	atomic_ushort peer_port;
	atomic_uint peer_is_loopback;
	atomic_uint peers_lost; /* on_close found another peer than on_open */
};

/* The first byte of a connection chooses what it is:
 *   L  echo whole lines, at most 4 per call, through reserve and commit
 *   E  echo what comes, through write
 *   G  then a decimal count and a newline: that many bytes of the rig_byte pattern, then shutdown
 *   A  abort at once          S  write "bye", then shutdown       K  abort the connection before this one
 *   N  consume nothing, until a timer of 30 ms; what is presented then is echoed
 *   H  end of input is answered only by a timer of 30 ms, with "bye" and shutdown
 *   Z  keeps its worker busy for RIG_BUSY_MS
 *   T  arm a timer of 20 ms; on_timer writes "tick"               D  the same, then disarm it */
struct rig {
	struct hz_sock *sock;
	uint16_t port;
	uint32_t worker_count;
	atomic_bool refuse_open;
	struct hz_env env[RIG_WORKERS_MAX];
	struct hz_slot slot[RIG_WORKERS_MAX];
	struct hz_worker_conf conf[RIG_WORKERS_MAX];
	struct hz_worker worker[RIG_WORKERS_MAX];
	struct hz_beat beat[RIG_WORKERS_MAX];
	struct hz_connections conns[RIG_WORKERS_MAX];
	struct hz_conn_census census[RIG_WORKERS_MAX];
	struct hz_stream *_Atomic last; /* spoke first last; for tests with one worker */
	struct rig_seen seen;
};

/* Listens on 127.0.0.1 with a port of the kernel's choice. NULL and a failed assertion when it cannot. */
struct rig *rig_open(uint32_t workers, uint32_t connections_max);
struct rig *rig_open_at(uint32_t workers, uint32_t connections_max, const char *address,
                        uint16_t port);
void rig_close(struct rig *rig); /* also checks what must hold after any test */

uint8_t rig_byte(size_t index);
int rig_connect(const struct rig *rig); /* 5 s timeouts; -1 */
bool rig_send(int fd, const void *data, size_t bytes);
bool rig_recv(int fd, void *data, size_t bytes); /* exactly */
bool rig_is_eof(int fd);
bool rig_is_reset(int fd);
/* Until counter reaches at least want; false after 5 s. */
bool rig_wait(const atomic_uint *counter, unsigned want);
uint64_t rig_load(const __u64 *value);

#endif
