/* The order of decisions: what a frame is, whose it is, who gets it. */
#include "model.h"
#include "model_bytes.h"
#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58 };

static const uint8_t mapped_prefix[12] = { [10] = 0xff, 0xff };

static bool is_mapped(const uint8_t addr[16])
{
	return memcmp(addr, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void take_addr4(uint8_t to[16], const uint8_t *at)
{
	memcpy(to, mapped_prefix, sizeof(mapped_prefix));
	memcpy(to + 12, at, 4);
}

/* Ports, or for the address's own ICMP none. All else is nobody's. */
static enum hz_reason parse_transport(struct model_packet *packet)
{
	bool has_ports = packet->protocol == TCP || packet->protocol == UDP;
	size_t need = packet->protocol == TCP ? 20 : 8;
	const uint8_t *l4 = packet->frame + packet->l4;

	if (!has_ports && packet->is_first_fragment)
		return HZ_REASON_pass_fragment;
	if (!has_ports)
		return packet->protocol == (packet->version == 4 ? ICMP : ICMPV6)
		               ? HZ_REASON_COUNT
		               : HZ_REASON_pass_not_ours;
	if (packet->is_first_fragment)
		need = 4; /* the ports decide whose it is */
	if (packet->l4 + need > packet->end)
		return HZ_REASON_pass_short;
	packet->source_port = get16(l4);
	packet->port = get16(l4 + 2);
	return HZ_REASON_COUNT;
}

/* RFC 791 3.1 */
static enum hz_reason parse4(struct model_packet *packet)
{
	const uint8_t *ip = packet->frame + packet->l3;
	size_t room = packet->len - packet->l3, header, total;

	if (room < 20)
		return HZ_REASON_pass_short;
	header = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || total < header || total > room)
		return HZ_REASON_pass_short;
	packet->version = 4;
	packet->l4 = packet->l3 + header;
	packet->end = packet->l3 + total;
	packet->protocol = ip[9];
	take_addr4(packet->from, ip + 12);
	take_addr4(packet->to, ip + 16);
	if ((get16(ip + 6) & 0x1fff) != 0)
		return HZ_REASON_pass_fragment; /* a later one: whose it is cannot be told */
	if (header > 20) {
		packet->has_options = true;
		return HZ_REASON_COUNT;
	}
	packet->is_first_fragment = (get16(ip + 6) & 0x2000) != 0;
	return parse_transport(packet);
}

/* RFC 8200 4 and the registry of extension headers (RFC 7045 4), without the fragment header. */
static bool is_extension(uint8_t next)
{
	static const uint8_t extension[] = { 0, 43, 60, 51, 135, 139, 140 };

	return memchr(extension, next, sizeof(extension)) != NULL;
}

static enum hz_reason parse6(struct model_packet *packet)
{
	const uint8_t *ip = packet->frame + packet->l3, *fragment = ip + 40;
	size_t room = packet->len - packet->l3;

	if (room < 40 || ip[0] >> 4 != 6 || 40u + get16(ip + 4) > room)
		return HZ_REASON_pass_short;
	packet->version = 6;
	packet->l4 = packet->l3 + 40;
	packet->end = packet->l4 + get16(ip + 4);
	packet->protocol = ip[6];
	memcpy(packet->from, ip + 8, 16);
	memcpy(packet->to, ip + 24, 16);
	if (is_mapped(packet->to))
		return HZ_REASON_pass_not_ours; /* no address of a wire (RFC 4291 2.5.5.2) */
	if (is_extension(packet->protocol)) {
		packet->has_options = true;
		return HZ_REASON_COUNT;
	}
	if (packet->protocol != 44)
		return parse_transport(packet);
	if (packet->l4 + 8 > packet->end)
		return HZ_REASON_pass_short;
	if (get16(fragment + 2) >> 3 != 0)
		return HZ_REASON_pass_fragment;
	packet->protocol = fragment[0];
	packet->l4 += 8;
	packet->is_first_fragment = true;
	return parse_transport(packet);
}

enum hz_reason model_parse(const uint8_t *frame, size_t len, struct model_packet *out)
{
	uint16_t type;

	memset(out, 0, sizeof(*out));
	out->frame = frame;
	out->len = len;
	if (len < 14)
		return HZ_REASON_pass_short;
	out->to_group = (frame[0] & 1) != 0;
	type = get16(frame + 12);
	out->l3 = 14;
	for (int tag = 0; tag < 2 && (type == 0x8100 || type == 0x88a8); tag++) {
		if (out->l3 + 4 > len)
			return HZ_REASON_pass_short;
		type = get16(frame + out->l3 + 2);
		out->l3 += 4;
	}
	if (type == 0x0800)
		return parse4(out);
	return type == 0x86dd ? parse6(out) : HZ_REASON_pass_not_ip;
}

bool model_source_is_bogus(const struct model_packet *packet)
{
	const uint8_t *from = packet->from, zero[12] = { 0 };

	if (packet->version == 4)
		return from[12] == 0 || from[12] == 127 || from[12] >= 224;
	return from[0] == 0xff || is_mapped(from) || memcmp(from, zero, 12) == 0;
}

/* By flow, or by address for ICMP and where the ports are out of sight. */
static const struct hz_claim *claim_of(const struct model_world *world,
                                       const struct model_packet *packet)
{
	bool by_flow = !packet->has_options && (packet->protocol == TCP || packet->protocol == UDP);
	uint8_t key[20] = { 0 };

	memcpy(key, packet->to, 16);
	if (by_flow)
		put16(key + 16, packet->port);
	key[18] = by_flow ? packet->protocol : packet->version == 4 ? ICMP : ICMPV6;
	for (uint32_t i = 0; i < world->claim_count; i++)
		if (memcmp(&world->claim_key[i], key, sizeof(key)) == 0)
			return &world->claim[i];
	return NULL;
}

bool model_beat_is_old(const struct model_world *world, const struct hz_beat *beat)
{
	return beat->beat_ns < world->now_ns &&
	       world->now_ns - beat->beat_ns > world->cfg.beat_timeout_ns;
}

enum model_health model_health_of(const struct model_world *world)
{
	uint32_t workers = HZ_MIN(world->cfg.workers, (uint32_t)HZ_WORKERS_MAX);
	bool is_ready = workers > 0 && world->cfg.state == HZ_STATE_READY;

	for (uint32_t i = 0; i < workers; i++) {
		if (model_beat_is_old(world, &world->beat[i]))
			return MODEL_DEAD;
		is_ready = is_ready && world->beat[i].state == HZ_STATE_READY;
	}
	return is_ready ? MODEL_READY : MODEL_NOT_READY;
}

/* The longest of the prefixes that this source at this port lies in. */
static const struct hz_claim *prober_of(const struct model_world *world,
                                        const struct model_packet *packet)
{
	uint8_t who[20] = { 0 };
	uint32_t longest = 0;
	const struct hz_claim *claim = NULL;

	put16(who, packet->port);
	memcpy(who + 4, packet->from, 16);
	for (uint32_t i = 0; i < world->prober_count; i++) {
		const struct hz_prober_key *key = &world->prober_key[i];
		const uint8_t *want = (const uint8_t *)key + 4;
		uint32_t bit = 0;

		while (bit < key->prefixlen &&
		       ((who[bit / 8] ^ want[bit / 8]) & (0x80 >> bit % 8)) == 0)
			bit++;
		if (bit == key->prefixlen && bit >= longest) {
			longest = bit;
			claim = &world->prober[i];
		}
	}
	return claim;
}

/* To the worker of the queue, as long as that one is not known to be dead. */
static enum hz_reason steer(const struct model_world *world)
{
	uint32_t workers = HZ_MIN(world->cfg.workers, (uint32_t)HZ_WORKERS_MAX);

	for (uint32_t i = 0; i < workers; i++) {
		const struct hz_beat *beat = &world->beat[i];

		if (beat->ifindex != world->ifindex || beat->queue != world->queue)
			continue;
		if (!model_beat_is_old(world, beat))
			break;
		return world->cfg.on_dead == HZ_ON_DEAD_DROP ? HZ_REASON_drop_on_dead
		                                             : HZ_REASON_pass_on_dead;
	}
	return world->has_socket ? HZ_REASON_steer : HZ_REASON_pass_no_socket;
}

static enum hz_reason site(const struct model_world *world, const struct model_packet *packet,
                           const struct hz_claim *claim, uint32_t list, uint64_t clock_ns,
                           struct wire *out)
{
	const struct hz_claim *prober = claim->has_probers ? prober_of(world, packet) : NULL;
	enum hz_reason reason = HZ_REASON_COUNT;

	if (prober != NULL)
		reason = model_health(world, packet, prober, true, out);
	if (reason == HZ_REASON_COUNT && list != HZ_SOURCE_PROBE)
		reason = model_shed(world, packet, claim, out);
	if (reason != HZ_REASON_COUNT)
		return reason;
	reason = steer(world);
	if (reason != HZ_REASON_steer)
		return reason;
	return model_is_over_rate(world, packet, claim, list)
	               ? HZ_REASON_drop_source_rate
	               : model_syn(world, packet, clock_ns, out);
}

void model_run(const struct model_world *world, uint64_t clock_ns, const uint8_t *frame, size_t len,
               struct model_verdict *out)
{
	struct model_packet packet;
	const struct hz_claim *claim;
	uint32_t list;

	memcpy(out->out.byte, frame, len);
	out->out.len = len;
	out->reason = model_parse(frame, len, &packet);
	if (out->reason != HZ_REASON_COUNT)
		return;
	claim = packet.to_group ? NULL : claim_of(world, &packet);
	list = model_list_of(world, &packet);
	if (claim == NULL)
		out->reason = packet.is_first_fragment ? HZ_REASON_pass_fragment
		                                       : HZ_REASON_pass_not_ours;
	else if (packet.has_options)
		out->reason = HZ_REASON_pass_options;
	else if (packet.is_first_fragment)
		out->reason = HZ_REASON_drop_fragment;
	else if (list == HZ_SOURCE_DENY) /* closed is what is served; ICMP is left to the kernel */
		out->reason = claim->kind == HZ_CLAIM_SITE || claim->kind == HZ_CLAIM_HEALTH
		                      ? HZ_REASON_drop_deny
		                      : HZ_REASON_pass_not_ours;
	else if (claim->kind == HZ_CLAIM_SITE)
		out->reason = site(world, &packet, claim, list, clock_ns, &out->out);
	else if (claim->kind == HZ_CLAIM_HEALTH && packet.protocol == TCP)
		out->reason = model_health(world, &packet, claim, false, &out->out);
	else if (claim->kind == HZ_CLAIM_HEALTH && packet.protocol == UDP)
		out->reason = model_udp(world, &packet, claim, &out->out);
	else if (claim->kind == HZ_CLAIM_ADDRESS &&
	         packet.protocol == (packet.version == 4 ? ICMP : ICMPV6))
		out->reason = model_echo(world, &packet, &out->out);
	else
		out->reason = HZ_REASON_pass_not_ours;
}
