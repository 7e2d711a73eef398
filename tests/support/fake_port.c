#include "fake_port.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define ROOM_BYTES 2176

static int eal_start(void)
{
	static char *const args[] = {
		(char *)(uintptr_t) "test",        (char *)(uintptr_t) "--no-huge",
		(char *)(uintptr_t) "-m",          (char *)(uintptr_t) "64",
		(char *)(uintptr_t) "--no-pci",    (char *)(uintptr_t) "--no-telemetry",
		(char *)(uintptr_t) "--no-shconf", (char *)(uintptr_t) "--log-level=critical"
	};
	static bool is_started;
	char *argv[sizeof(args) / sizeof(args[0])];

	if (is_started)
		return 0;
	memcpy(argv, args, sizeof(args)); /* EAL reorders its arguments */
	if (rte_eal_init((int)(sizeof(args) / sizeof(args[0])), argv) < 0)
		return -ENODEV;
	is_started = true;
	return 0;
}

static void fields_set(struct fake_port *fake, struct rte_mempool *pool)
{
	memset(fake, 0, sizeof(*fake));
	fake->port.pool = pool;
	fake->port.mtu = 1500;
	fake->port.link_up = true;
	fake->port.verify_checksum = true;
	fake->port.slot = &fake->slot;
	fake->slot.worker = &fake->worker;
	fake->slot.conns = &fake->conns;
	fake->slot.beat = &fake->beat;
	fake->allocs_left = UINT32_MAX;
}

int fake_port_open(struct fake_port *fake, uint32_t mbufs)
{
	static unsigned opened;
	struct rte_mempool *pool;
	char name[32];
	int err = eal_start();

	if (err != 0)
		return err;
	snprintf(name, sizeof(name), "fake%u", opened++);
	pool = rte_pktmbuf_pool_create(name, mbufs, 0, 0, ROOM_BYTES, SOCKET_ID_ANY);
	if (pool == NULL)
		return -ENOMEM;
	fields_set(fake, pool);
	return 0;
}

/* All of a buffer may be used again. */
static void buffer_open(struct rte_mbuf *mbuf)
{
	ASAN_UNPOISON_MEMORY_REGION(mbuf->buf_addr, mbuf->buf_len);
}

/* Only the frame's own bytes may be looked at. */
static void buffer_close(struct rte_mbuf *mbuf)
{
	char *data = rte_pktmbuf_mtod(mbuf, char *);
	char *end = (char *)mbuf->buf_addr + mbuf->buf_len;

	ASAN_POISON_MEMORY_REGION(mbuf->buf_addr, (size_t)(data - (char *)mbuf->buf_addr));
	ASAN_POISON_MEMORY_REGION(data + mbuf->data_len, (size_t)(end - data - mbuf->data_len));
}

static void object_open(struct rte_mempool *pool, void *ctx, void *mbuf, unsigned index)
{
	(void)pool;
	(void)ctx;
	(void)index;
	buffer_open(mbuf);
}

/* FNV-1a over what the driver was given: address, length and bytes. */
static uint64_t frame_sum(const struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint64_t sum = 14695981039346656037u ^ (uintptr_t)bytes ^ mbuf->data_len;

	for (uint32_t i = 0; i < mbuf->data_len; i++)
		sum = (sum ^ bytes[i]) * 1099511628211u;
	return sum;
}

static void frame_check(const struct rte_mbuf *mbuf, uint64_t sum)
{
	if (frame_sum(mbuf) == sum)
		return;
	printf("not ok fake_port: a frame changed while the driver held it\n");
	fflush(stdout);
	abort();
}

void fake_port_release_held(struct fake_port *fake)
{
	while (fake->held_count > 0) {
		fake->held_count--;
		frame_check(fake->held[fake->held_count], fake->held_sum[fake->held_count]);
		rte_pktmbuf_free(fake->held[fake->held_count]);
	}
}

/* Gives back all that was sent. Returns the number of buffers that somebody else has. */
static uint32_t drain(struct fake_port *fake)
{
	while (fake->count > 0)
		fake_port_take(fake, NULL, 0);
	fake_port_release_held(fake);
	return rte_mempool_in_use_count(fake->port.pool);
}

uint32_t fake_port_close(struct fake_port *fake)
{
	uint32_t leaked = drain(fake);

	rte_mempool_obj_iter(fake->port.pool, object_open, NULL);
	rte_mempool_free(fake->port.pool);
	return leaked;
}

uint32_t fake_port_reset(struct fake_port *fake)
{
	uint32_t leaked = drain(fake);

	fields_set(fake, fake->port.pool);
	return leaked;
}

struct rte_mbuf *fake_port_frame(struct fake_port *fake, const void *bytes, size_t count)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(fake->port.pool);
	char *to = mbuf != NULL ? rte_pktmbuf_append(mbuf, (uint16_t)count) : NULL;

	if (to == NULL)
		abort(); /* the test's own pool or frame is out of proportion */
	buffer_open(mbuf);
	memcpy(to, bytes, count);
	buffer_close(mbuf);
	return mbuf;
}

void fake_port_before(struct rte_mbuf *mbuf, const void *bytes, size_t count)
{
	char *to = rte_pktmbuf_mtod(mbuf, char *) - count;

	ASAN_UNPOISON_MEMORY_REGION(to, count);
	memcpy(to, bytes, count);
}

size_t fake_port_take(struct fake_port *fake, uint8_t *to, size_t room)
{
	struct rte_mbuf *mbuf;
	size_t bytes;

	if (fake->count == 0)
		return 0;
	mbuf = fake->sent[fake->first];
	frame_check(mbuf, fake->sent_sum[fake->first]);
	fake->first = (fake->first + 1) % FAKE_PORT_CAPTURE_MAX;
	fake->count--;
	bytes = rte_pktmbuf_data_len(mbuf);
	if (to != NULL)
		memcpy(to, rte_pktmbuf_mtod(mbuf, const void *), bytes < room ? bytes : room);
	if (fake->is_holding && fake->held_count < FAKE_PORT_CAPTURE_MAX) {
		fake->held_sum[fake->held_count] = frame_sum(mbuf);
		fake->held[fake->held_count++] = mbuf;
	} else {
		rte_pktmbuf_free(mbuf);
	}
	return bytes;
}

/* --- the four calls of port/port.h that TCP and tests make --------------------------------------- */

uint16_t hz_port_rx(struct hz_port *port, struct rte_mbuf **out, uint16_t count)
{
	(void)port;
	(void)out;
	(void)count;
	return 0;
}

void hz_port_tx(struct hz_port *port, struct rte_mbuf *mbuf)
{
	struct fake_port *fake = (struct fake_port *)port;
	uint32_t at;

	/* What the AF_XDP driver needs, FACTS of the port: one direct segment. */
	if (mbuf->nb_segs != 1 || mbuf->next != NULL || !RTE_MBUF_DIRECT(mbuf) ||
	    mbuf->data_len != mbuf->pkt_len || mbuf->ol_flags != 0)
		abort();
	port->tx_packets++;
	if (fake->count == FAKE_PORT_CAPTURE_MAX) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	at = (fake->first + fake->count++) % FAKE_PORT_CAPTURE_MAX;
	fake->sent[at] = mbuf;
	fake->sent_sum[at] = frame_sum(mbuf);
}

void hz_port_flush(struct hz_port *port)
{
	(void)port;
}

struct rte_mbuf *hz_port_alloc(struct hz_port *port, bool for_control)
{
	struct fake_port *fake = (struct fake_port *)port;
	struct rte_mbuf *mbuf = NULL;

	(void)for_control;
	if (fake->allocs_left > 0)
		mbuf = rte_pktmbuf_alloc(port->pool);
	if (mbuf != NULL)
		buffer_open(mbuf);
	if (mbuf == NULL)
		hz_slot_count(port->slot, HZ_COUNTER_drop_no_mbuf);
	else if (fake->allocs_left != UINT32_MAX)
		fake->allocs_left--;
	return mbuf;
}
