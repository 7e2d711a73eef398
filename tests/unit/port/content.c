#include "content.h"
#include "veth_wire.h"
#include <stdio.h>
#include <string.h>

#define STALE     0xa5
#define KEPT_FREE 64u /* buffers that the driver may want meanwhile */
#define BYTES_MAX 1514u
#define POOL_MAX  8192u

enum shape { SHAPE_ONE, SHAPE_CHAIN_2, SHAPE_CHAIN_3, SHAPE_CLONE, SHAPE_COUNT };

/* Every free buffer of the pool is full of what must not be seen again. */
static void pool_spoil(struct rte_mempool *pool)
{
	static struct rte_mbuf *all[POOL_MAX];
	uint32_t count = 0;

	while (count < POOL_MAX && rte_mempool_avail_count(pool) > KEPT_FREE) {
		all[count] = rte_pktmbuf_alloc(pool);
		if (all[count] == NULL)
			break;
		memset(all[count]->buf_addr, STALE, all[count]->buf_len);
		count++;
	}
	while (count > 0)
		rte_pktmbuf_free(all[--count]);
}

static void frame_make(uint8_t *out, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(((seed * 31 + i * 7) & 0x7f) | 1); /* never STALE, never 0 */
	memset(out, 0xff, 6);
	memcpy(out + 6, "\x02\0\0\0\0\1", 6);
	out[12] = WIRE_TYPE >> 8;
	out[13] = WIRE_TYPE & 255;
}

static struct rte_mbuf *piece(struct hz_port *port, const uint8_t *bytes, uint32_t count)
{
	struct rte_mbuf *mbuf = hz_port_alloc(port, false);

	if (mbuf != NULL)
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)count), bytes, count);
	return mbuf;
}

static struct rte_mbuf *chain(struct hz_port *port, const uint8_t *bytes, uint32_t count,
                              uint32_t pieces)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t i = 0, at = 0; i < pieces; i++) {
		uint32_t share = i + 1 == pieces ? count - at : 14 + (count - 14) * i / pieces;
		struct rte_mbuf *next = piece(port, bytes + at, share);

		if (next == NULL || (head != NULL && rte_pktmbuf_chain(head, next) != 0)) {
			rte_pktmbuf_free(next);
			rte_pktmbuf_free(head);
			return NULL;
		}
		head = head != NULL ? head : next;
		at += share;
	}
	return head;
}

static struct rte_mbuf *shaped(struct hz_port *port, const uint8_t *bytes, uint32_t count,
                               enum shape shape)
{
	struct rte_mbuf *whole, *clone;

	if (shape == SHAPE_CHAIN_2 || shape == SHAPE_CHAIN_3)
		return chain(port, bytes, count, shape == SHAPE_CHAIN_2 ? 2 : 3);
	whole = piece(port, bytes, count);
	if (shape == SHAPE_ONE || whole == NULL)
		return whole;
	clone = rte_pktmbuf_clone(whole, port->pool);
	rte_pktmbuf_free(whole);
	return clone;
}

const char *content_check(struct hz_port *from, size_t (*take)(uint8_t out[CONTENT_FRAME]))
{
	static char why[128];
	uint8_t want[CONTENT_FRAME], got[CONTENT_FRAME];

	for (uint32_t bytes = 60, seed = 1; bytes <= BYTES_MAX; bytes += 97, seed++) {
		for (unsigned shape = 0; shape < SHAPE_COUNT; shape++) {
			struct rte_mbuf *mbuf;
			size_t arrived;

			pool_spoil(from->pool);
			frame_make(want, bytes, seed);
			mbuf = shaped(from, want, bytes, (enum shape)shape);
			if (mbuf == NULL)
				return "no buffer";
			hz_port_tx(from, mbuf);
			hz_port_flush(from);
			arrived = take(got);
			if (arrived == bytes && memcmp(want, got, bytes) == 0)
				continue;
			snprintf(why, sizeof(why), "shape %u of %u bytes: %zu arrived, %s", shape,
			         bytes, arrived, arrived == bytes ? "other ones" : "not as many");
			return why;
		}
	}
	return NULL;
}
