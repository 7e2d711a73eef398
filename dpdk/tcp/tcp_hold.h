/* Input that the protocol has not consumed, in one contiguous block from one of two pools. */
#ifndef HZ_TCP_HOLD_H
#define HZ_TCP_HOLD_H

#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"

/* Appends. 0, or -ENOMEM: no block is left, counted as drop_hold_full. */
int hz_tcp_hold_put(struct hz_tcp *tcp, struct hz_tcp_hold *hold, const uint8_t *data,
                    uint32_t bytes);

/* Drops the first bytes; an empty hold gives its block back. */
void hz_tcp_hold_consume(struct hz_tcp *tcp, struct hz_tcp_hold *hold, uint32_t bytes);

static inline struct hz_span hz_tcp_hold_bytes(const struct hz_tcp_hold *hold)
{
	return (struct hz_span){ hold->data + hold->at, hold->bytes };
}

#endif
