#include "rig.h"
#include <rte_eal.h>
#include <stdio.h>
#include <string.h>

bool rig_eal(void)
{
	static int state; /* 0 not tried, 1 up, -1 failed: EAL starts once per process */
	char args[][48] = { "unit",
		            "--no-huge",
		            "--no-shconf",
		            "-m",
		            "256",
		            "--no-pci",
		            "--no-telemetry",
		            "--log-level=1",
		            "--iova-mode=va",
		            "--file-prefix=hz-unit" };
	char *argv[sizeof(args) / sizeof(args[0]) + 1] = { NULL };

	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		argv[i] = args[i];
	if (state == 0)
		state = rte_eal_init((int)(sizeof(args) / sizeof(args[0])), argv) >= 0 ? 1 : -1;
	return state == 1;
}

void rig_slot_init(struct rig_slot *slot)
{
	memset(slot, 0, sizeof(*slot));
	slot->slot = (struct hz_slot){ .hist = slot->hist,
		                       .beat = &slot->beat,
		                       .worker = &slot->worker,
		                       .conns = &slot->conns };
}

uint64_t rig_count(const struct rig_slot *slot, enum hz_counter counter)
{
	return slot->worker.counters[counter];
}

struct hz_port_ring *rig_ring(struct rig_slot *near, struct rig_slot *far, uint32_t mbufs,
                              uint32_t slots)
{
	static unsigned serial; /* names are unique in the process */
	struct hz_port_ring *ring = NULL;
	struct hz_err err = { 0 };
	char name[16];
	struct hz_port_ring_conf conf = { .name = name,
		                          .mbufs = mbufs,
		                          .slots = slots,
		                          .slot = &near->slot,
		                          .peer_slot = &far->slot };

	rig_slot_init(near);
	rig_slot_init(far);
	snprintf(name, sizeof(name), "t%u", serial++);
	if (hz_port_ring_open(&conf, &ring, &err) != 0) {
		fprintf(stderr, "ring: %s\n", err.why);
		return NULL;
	}
	return ring;
}

void rig_fill(struct rte_mbuf *mbuf, uint32_t bytes, uint32_t seed)
{
	uint8_t *data = rte_pktmbuf_mtod(mbuf, uint8_t *);

	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(seed * 31 + i * 7);
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

bool rig_is_filled(const struct rte_mbuf *mbuf, uint32_t bytes, uint32_t seed)
{
	const uint8_t *data = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	if (mbuf->data_len != bytes || mbuf->pkt_len != bytes)
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		if (data[i] != (uint8_t)(seed * 31 + i * 7))
			return false;
	}
	return true;
}
