/* A segment on its way in: parsed once, then passed from the connection's state to ACK to data. */
#ifndef HZ_TCP_IN_H
#define HZ_TCP_IN_H

#include "tcp/tcp_hdr.h"
#include "tcp/tcp_opts.h"
#include "tcp/tcp_pcb.h"

/* Lives on the stack for one frame. Trimming changes seq, payload, bytes and flags. */
struct hz_tcp_segment {
	struct hz_packet *packet; /* packet->mbuf is NULL once somebody keeps the buffer */
	uint8_t *payload;
	uint32_t bytes; /* of payload */
	uint32_t seq, ack;
	uint32_t window; /* not scaled */
	uint8_t flags;
	struct hz_tcp_opts opts;
};

/* Sequence numbers it takes: SYN and FIN take one each, RFC 9293 3.4. */
static inline uint32_t hz_tcp_segment_length(const struct hz_tcp_segment *seg)
{
	return seg->bytes + ((seg->flags & HZ_TCP_SYN) != 0) + ((seg->flags & HZ_TCP_FIN) != 0);
}

/* The connection or the TIME_WAIT record of packet's flow, a reference of tcp_table.h. */
uint32_t hz_tcp_lookup(const struct hz_tcp *tcp, const struct hz_packet *packet);

/* SYN_RCVD or SYN_SENT to ESTABLISHED, RFC 9293 3.10.7.4 fifth check. False: the segment is refused, or the
 * protocol refuses the connection. */
bool hz_tcp_in_establish(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg);

/* The ACK of an acceptable segment in a synchronised state: false, the segment is refused. */
bool hz_tcp_in_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg);

/* Payload and FIN of an acceptable, trimmed segment. */
void hz_tcp_in_data(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg);

/* Owes an ACK to a segment that does not fit, unless there were too many: RFC 5961 7, per connection
 * twice a second, per stack HZ_TCP_CHALLENGES_PER_S. */
void hz_tcp_in_challenge(struct hz_tcp_pcb *pcb);

#endif
