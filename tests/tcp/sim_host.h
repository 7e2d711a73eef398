/* One host of a simulation: the real stack on a fake port, with a clock of its own. */
#ifndef HZ_SIM_HOST_H
#define HZ_SIM_HOST_H

#include "fake_port.h"
#include "sim_check.h"
#include "tcp/tcp.h"

#define SIM_SERVER_PORT 80u
#define SIM_CLOSED_PORT 81u

struct sim_host_conf {
	uint8_t index; /* 0 the client, 1 the server, which listens */
	bool is_v6;
	uint8_t tags;
	uint16_t mtu;
	enum hz_tcp_cc cc;
	uint64_t seed, clock_ns;           /* what its clock shows at the start of the run */
	const struct hz_proto_ops *listen; /* of the server's listener */
	void *listen_ctx;
};

struct sim_host {
	struct fake_port fake; /* opened once, reset by every open */
	struct hz_env env;
	struct hz_net net;
	struct hz_tcp *tcp;
	struct sim_check check;
	struct sim_host_conf conf;
};

int sim_host_boot(struct sim_host *host); /* EAL and its pool; 0 or -errno */
int sim_host_open(struct sim_host *host, const struct sim_host_conf *conf);
/* Returns the number of packet buffers that never came back. */
uint32_t sim_host_close(struct sim_host *host);

struct hz_addr sim_host_addr(uint8_t index, bool is_v6);
void sim_host_secret(uint64_t seed, uint8_t secret[16]);

/* A frame arrives. */
void sim_host_in(struct sim_host *host, const uint8_t *frame, size_t bytes);

/* A router could not pass on the segment with this number. */
void sim_host_too_big(struct sim_host *host, uint16_t local_port, uint16_t remote_port,
                      uint32_t seq, uint32_t mtu);

/* local_port 0: the stack chooses. 0 or -errno. */
int sim_host_connect(struct sim_host *host, uint16_t local_port, uint16_t remote_port,
                     const struct hz_proto_ops *proto, void *owner, struct hz_stream **out);

/* Timers and a flush; what it sent waits in fake. NULL, or the invariant that does not hold. */
const char *sim_host_turn(struct sim_host *host, uint64_t since_start_ns);
uint64_t sim_host_next_ns(const struct sim_host *host); /* since the start, UINT64_MAX: never */

#endif
