/* The model's lists of sources and limit per source. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { TCP = 6 };

static bool is_within(const uint8_t *addr, const uint8_t *prefix, uint32_t bits)
{
	for (uint32_t bit = 0; bit < bits; bit++)
		if (((addr[bit / 8] ^ prefix[bit / 8]) & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

uint32_t model_list_of(const struct model_world *world, const struct model_packet *packet)
{
	size_t skip = packet->version == 4 ? 12 : 0;
	const struct model_rule *longest = NULL;

	for (uint32_t i = 0; i < world->rule_count; i++) {
		const struct model_rule *rule = &world->rule[i];

		if (rule->slot == world->live % 2 && rule->is_v4 == (packet->version == 4) &&
		    is_within(packet->from + skip, rule->addr + skip, rule->bits) &&
		    (longest == NULL || rule->bits > longest->bits))
			longest = rule;
	}
	return longest == NULL ? HZ_SOURCE_NONE : longest->list;
}

/* All flows of an IPv6 /64 are one source's. Whoever is unknown has a first one. */
static uint64_t due_of(const struct model_world *world, const struct model_packet *packet)
{
	static const uint8_t client4[4] = { 10, 7, 0, 1 }, net6[8] = { 0xfd, 0x07 };

	if (packet->version == 4)
		return memcmp(packet->from + 12, client4, 4) == 0 ? world->client_due_ns[0] : 0;
	return memcmp(packet->from, net6, 8) == 0 ? world->client_due_ns[1] : 0;
}

bool model_is_syn(const struct model_packet *packet)
{
	return packet->protocol == TCP &&
	       (packet->frame[packet->l4 + 13] & (WIRE_SYN | WIRE_ACK | WIRE_RST)) == WIRE_SYN;
}

/* Further ahead than this rate lets anybody get, a source is of another rate, and at the limit of this one. */
bool model_is_over_rate(const struct model_world *world, const struct model_packet *packet,
                        const struct hz_claim *claim, uint32_t list)
{
	uint64_t due_ns = due_of(world, packet), over_ns;

	if (!model_is_syn(packet) || list == HZ_SOURCE_ALLOW || list == HZ_SOURCE_PROBE ||
	    claim->shed_class == HZ_CLASS_CONTROL || world->rate.each_ns == 0)
		return false;
	over_ns = due_ns > world->now_ns ? due_ns - world->now_ns : 0;
	return over_ns > world->rate.ahead_ns &&
	       over_ns - world->rate.ahead_ns <= world->rate.each_ns;
}
