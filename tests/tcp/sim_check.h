/* What must hold inside a stack between its turns, whatever the link does. */
#ifndef HZ_SIM_CHECK_H
#define HZ_SIM_CHECK_H

#include "tcp/tcp.h"

/* Keeps the pattern that freed connections are filled with. */
struct sim_check {
	uint8_t *is_filled; /* owned; one per connection of the pool */
	uint32_t capacity;
};

int sim_check_open(struct sim_check *check, const struct hz_tcp *tcp); /* 0 or -ENOMEM */
void sim_check_close(struct sim_check *check);

/* Every rule, after a flush. NULL, or the first that is broken. */
const char *sim_check_stack(struct sim_check *check, const struct hz_tcp *tcp);

/* After the last connection: NULL, or what was left behind. */
const char *sim_check_empty(const struct hz_tcp *tcp);

/* What only TCP knows of a connection: its local port, and the number it expects next. */
uint16_t sim_check_local_port(const struct hz_stream *s);
uint32_t sim_check_rcv_nxt(const struct hz_stream *s);

/* The time at which the initial sequence number of a flow would be iss. */
uint64_t sim_check_time_of_iss(const uint8_t secret[16], const struct hz_addr *remote,
                               const struct hz_addr *local, uint16_t remote_port,
                               uint16_t local_port, uint32_t iss);

#endif
