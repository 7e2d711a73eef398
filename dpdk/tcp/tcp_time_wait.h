/* TIME_WAIT: what is left of a connection that we closed first, RFC 9293 3.3.2. A record of its own,
 * a sixth of a PCB, in a queue by age: the duration is the same for all. */
#ifndef HZ_TCP_TIME_WAIT_H
#define HZ_TCP_TIME_WAIT_H

#include "tcp/tcp_pcb.h"

#define HZ_TCP_TIME_WAIT_NS (60 * HZ_NS_PER_S) /* twice an MSL of 30 s */

struct hz_tcp_segment;

struct hz_tcp_tw {
	struct hz_tcp_key key;
	uint32_t hash;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t ts_recent;
	uint32_t ts_offset;
	uint32_t older, newer; /* index + 1, 0: none */
	uint32_t flags;        /* HZ_TCP_F_TS */
	uint64_t expires_ns;
	uint64_t replied_ns;
};

struct hz_tcp_tw_queue {
	struct hz_tcp_tw *record; /* owned */
	uint32_t capacity;
	uint32_t free; /* index + 1, through older */
	uint32_t oldest, newest;
	uint32_t count;
};

int hz_tcp_tw_open(struct hz_tcp_tw_queue *queue, uint32_t capacity); /* 0 or -ENOMEM */
void hz_tcp_tw_close(struct hz_tcp_tw_queue *queue);                  /* accepts a zeroed one */

/* Takes over what must be remembered of pcb, which has left the table. When full the oldest goes. */
void hz_tcp_tw_enter(struct hz_tcp *tcp, const struct hz_tcp_pcb *pcb);

/* A segment for a record. True: the record is gone and the segment, a SYN or the echo of a cookie, may open
 * a new connection; a SYN's initial sequence number must be beyond *iss_min. */
bool hz_tcp_tw_in(struct hz_tcp *tcp, uint32_t ref, const struct hz_tcp_segment *seg,
                  uint32_t *iss_min);

/* Ends at most budget expired records; returns how many. */
unsigned hz_tcp_tw_expire(struct hz_tcp *tcp, unsigned budget);

uint64_t hz_tcp_tw_next_ns(const struct hz_tcp_tw_queue *queue); /* UINT64_MAX: none */

static inline struct hz_tcp_tw *hz_tcp_tw_at(const struct hz_tcp_tw_queue *queue, uint32_t ref)
{
	return &queue->record[(ref & ~0x80000000u) - 1];
}

#endif
