/* Neighbour discovery on ports with a host, RFC 4861: solicitations are answered and never learned from,
 * an advertisement counts only if it was asked for. Routers are configured: their messages and redirects
 * are not listened to. */
#include "net/net_in.h"

#include "net/host.h"
#include <string.h>

#define TYPE_SOLICITATION  135u
#define TYPE_ADVERTISEMENT 136u
#define OPTION_SOURCE      1u /* link-layer address of who sends */
#define OPTION_TARGET      2u /* of whom it is about */
#define FLAG_SOLICITED     0x40u
#define FLAG_OVERRIDE      0x20u
#define HOP_LIMIT          255u /* nobody beyond a router can have sent it, RFC 4861 7.1.1 */

/* With the one option we send: a link-layer address. */
struct nd_message {
	struct hz_icmp_hdr icmp;
	uint8_t target[16];
	uint8_t option, option_units; /* of 8 bytes */
	uint8_t mac[6];
};
_Static_assert(sizeof(struct nd_message) == 32, "RFC 4861 4.3, 4.4 and 4.6.1");

#define FIXED_BYTES offsetof(struct nd_message, option)

static const struct hz_addr unspecified;

/* ff02::1:ffXX:XXXX, RFC 4291 2.7.1, which whoever has addr listens to; and its MAC, RFC 2464 7. */
static struct hz_addr group_of(const struct hz_addr *addr, uint8_t mac[6])
{
	struct hz_addr group = { { 0xff, 2, [11] = 1, 0xff } };

	memcpy(group.byte + 13, addr->byte + 13, 3);
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group.byte + 12, 4);
	return group;
}

/* Every option has a length, or the walk would never end; the first link-layer address of kind, if
 * there is one. False: malformed. */
static bool options_read(const struct hz_net_icmp *icmp, uint8_t kind, const uint8_t **mac)
{
	uint32_t at = FIXED_BYTES;

	*mac = NULL;
	while (at < icmp->bytes) {
		uint32_t left = icmp->bytes - at, bytes;

		if (left < 8)
			return false;
		bytes = icmp->data[at + 1] * 8u;
		if (bytes == 0 || bytes > left)
			return false;
		if (icmp->data[at] == kind && *mac == NULL)
			*mac = icmp->data + at + 2;
		at += bytes;
	}
	return true;
}

static void message_send(struct hz_port *port, const struct hz_net_out *out,
                         const struct hz_addr *src, const struct hz_addr *dst,
                         struct nd_message *message)
{
	struct hz_ip6_hdr ip = { .version_class_flow = { 0x60 },
		                 .payload_bytes = __builtin_bswap16(sizeof(*message)),
		                 .next_header = HZ_IPPROTO_ICMP6,
		                 .hop_limit = HOP_LIMIT };

	memcpy(ip.src, src, sizeof(ip.src));
	memcpy(ip.dst, dst, sizeof(ip.dst));
	message->option_units = 1;
	memcpy(message->mac, port->mac, sizeof(message->mac));
	message->icmp.checksum =
		hz_net_icmp6_sum(src, dst, (const uint8_t *)message, sizeof(*message));
	memcpy(out->l3, &ip, sizeof(ip));
	memcpy(out->l3 + sizeof(ip), message, sizeof(*message));
	hz_port_tx(port, out->mbuf);
}

static enum hz_net_verdict solicitation_answer(const struct hz_net_frame *frame,
                                               const struct hz_net_icmp *icmp,
                                               const struct hz_addr *target, bool is_probe)
{
	/* Who only asks whether the address is free has none: everybody is told, RFC 4861 7.2.4. */
	static const struct hz_addr all_nodes = { { 0xff, 2, [15] = 1 } };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	const uint8_t *to_mac = is_probe ? all_nodes_mac : frame->l2 + 6;
	struct nd_message reply = { .icmp = { .type = TYPE_ADVERTISEMENT },
		                    .option = OPTION_TARGET };
	struct hz_net_out out;

	if (!hz_rate_take(&frame->port->host->neighbour_answers, frame->port->host->env->now_ns,
	                  HZ_LIMIT_neighbour_answers_per_s))
		return hz_net_drop(frame, HZ_COUNTER_drop_answer_rate);
	if (hz_net_out_open(frame->port, frame, to_mac, HZ_ETHERTYPE_IP6,
	                    sizeof(struct hz_ip6_hdr) + sizeof(reply), &out) != 0)
		return hz_net_unanswered(frame);
	reply.icmp.rest[0] = (uint8_t)(FLAG_OVERRIDE | (is_probe ? 0u : FLAG_SOLICITED));
	memcpy(reply.target, target, sizeof(reply.target));
	message_send(frame->port, &out, target, is_probe ? &all_nodes : &icmp->src, &reply);
	return hz_net_done(frame, HZ_COUNTER_neighbour_answered);
}

static enum hz_net_verdict solicitation_in(const struct hz_net_frame *frame,
                                           const struct hz_net_icmp *icmp)
{
	const struct hz_host *host = frame->port->host;
	bool is_probe = memcmp(&icmp->src, &unspecified, sizeof(unspecified)) == 0;
	struct hz_addr target;
	const uint8_t *mac;

	memcpy(&target, icmp->data + sizeof(struct hz_icmp_hdr), sizeof(target));
	if (!options_read(icmp, OPTION_SOURCE, &mac))
		return hz_net_drop(frame, HZ_COUNTER_drop_nd);
	if (!hz_host_has(host, &target))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	/* A probe goes to the group and brings no address, RFC 4861 7.1.1; anybody else is a neighbour,
	 * says where it is, and sends from there. */
	if (is_probe ? (icmp->dst.byte[0] != 0xff || mac != NULL)
	             : ((mac != NULL && memcmp(mac, frame->l2 + 6, 6) != 0) ||
	                !hz_nd_is_beside(host, &icmp->src)))
		return hz_net_drop(frame, HZ_COUNTER_drop_nd);
	return solicitation_answer(frame, icmp, &target, is_probe);
}

static enum hz_net_verdict advertisement_in(const struct hz_net_frame *frame,
                                            const struct hz_net_icmp *icmp)
{
	struct hz_host *host = frame->port->host;
	struct hz_addr target;
	const uint8_t *mac;

	memcpy(&target, icmp->data + sizeof(struct hz_icmp_hdr), sizeof(target));
	if ((icmp->data[4] & FLAG_SOLICITED) == 0 || icmp->dst.byte[0] == 0xff ||
	    !options_read(icmp, OPTION_TARGET, &mac) ||
	    (mac != NULL && memcmp(mac, frame->l2 + 6, 6) != 0) ||
	    !hz_neigh_answer(&host->neigh, &target, frame->l2 + 6, frame->port->host->env->now_ns))
		return hz_net_drop(frame, HZ_COUNTER_drop_nd);
	return hz_net_done(frame, HZ_COUNTER_neighbour_learned);
}

bool hz_nd_is_beside(const struct hz_host *host, const struct hz_addr *addr)
{
	bool is_link_local = addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;

	return is_link_local || hz_host_beside(host, addr) != NULL;
}

bool hz_nd_is_group(const struct hz_host *host, const struct hz_addr *group)
{
	uint8_t mac[6];

	for (uint32_t i = 0; i < host->conf.addr_count; i++) {
		struct hz_addr ours = group_of(&host->conf.addr[i].addr, mac);

		if (memcmp(&ours, group, sizeof(ours)) == 0)
			return true;
	}
	return false;
}

enum hz_net_verdict hz_nd_in(const struct hz_net_frame *frame, const struct hz_net_icmp *icmp)
{
	if (icmp->hop_limit != HOP_LIMIT || icmp->data[1] != 0 || icmp->bytes < FIXED_BYTES)
		return hz_net_drop(frame, HZ_COUNTER_drop_nd);
	if (icmp->data[0] == TYPE_SOLICITATION)
		return solicitation_in(frame, icmp);
	if (icmp->data[0] == TYPE_ADVERTISEMENT)
		return advertisement_in(frame, icmp);
	return hz_net_drop(frame, HZ_COUNTER_drop_nd);
}

void hz_nd_ask(struct hz_port *port, const struct hz_addr *local, const struct hz_addr *addr,
               const uint8_t *to_mac)
{
	struct nd_message message = { .icmp = { .type = TYPE_SOLICITATION },
		                      .option = OPTION_SOURCE };
	uint8_t group_mac[6];
	struct hz_addr group = group_of(addr, group_mac);
	struct hz_net_out out;

	if (hz_net_out_open(port, NULL, to_mac != NULL ? to_mac : group_mac, HZ_ETHERTYPE_IP6,
	                    sizeof(struct hz_ip6_hdr) + sizeof(message), &out) != 0)
		return; /* asked again in a second */
	memcpy(message.target, addr, sizeof(message.target));
	message_send(port, &out, local, to_mac != NULL ? addr : &group, &message);
}
