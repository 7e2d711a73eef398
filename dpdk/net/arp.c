/* ARP on ports with a host, RFC 826, RFC 5227. Requests are answered and never learned from; an answer
 * counts only if it was asked for. */
#include "net/net_in.h"

#include "net/host.h"
#include <string.h>

#define HARDWARE_ETHERNET 1u
#define OPERATION_REQUEST 1u
#define OPERATION_REPLY   2u

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool is_well_formed(const struct hz_arp_hdr *arp)
{
	return arp->hardware == __builtin_bswap16(HARDWARE_ETHERNET) &&
	       arp->protocol == __builtin_bswap16(HZ_ETHERTYPE_IP4) && arp->hardware_bytes == 6 &&
	       arp->protocol_bytes == 4;
}

/* Who sends is who says so, and could be a neighbour: of another network, or our own address, is a lie
 * or a conflict, and no reason to tell anybody anything. */
static bool is_sender_credible(const struct hz_net_frame *frame, const struct hz_arp_hdr *arp,
                               bool is_request)
{
	static const uint8_t nobody[4];
	const struct hz_host *host = frame->port->host;
	struct hz_addr sender = hz_ip4_mapped(arp->sender);

	if (memcmp(arp->sender_mac, frame->l2 + 6, 6) != 0)
		return false;
	if (memcmp(arp->sender, nobody, sizeof(nobody)) == 0)
		return is_request; /* a probe, RFC 5227 2.1.1: we defend the address by answering */
	return hz_host_beside(host, &sender) != NULL && !hz_host_has(host, &sender);
}

static void arp_fill(struct hz_arp_hdr *arp, uint16_t operation, const struct hz_port *port)
{
	arp->hardware = __builtin_bswap16(HARDWARE_ETHERNET);
	arp->protocol = __builtin_bswap16(HZ_ETHERTYPE_IP4);
	arp->hardware_bytes = 6;
	arp->protocol_bytes = 4;
	arp->operation = __builtin_bswap16(operation);
	memcpy(arp->sender_mac, port->mac, sizeof(arp->sender_mac));
}

static enum hz_net_verdict request_in(const struct hz_net_frame *frame,
                                      const struct hz_arp_hdr *request)
{
	struct hz_host *host = frame->port->host;
	struct hz_arp_hdr reply;
	struct hz_net_out out;

	if (!hz_rate_take(&host->neighbour_answers, frame->port->host->env->now_ns,
	                  HZ_LIMIT_neighbour_answers_per_s))
		return hz_net_drop(frame, HZ_COUNTER_drop_answer_rate);
	if (hz_net_out_open(frame->port, frame, request->sender_mac, HZ_ETHERTYPE_ARP,
	                    sizeof(reply), &out) != 0)
		return hz_net_unanswered(frame);
	arp_fill(&reply, OPERATION_REPLY, frame->port);
	memcpy(reply.sender, request->target, sizeof(reply.sender));
	memcpy(reply.target_mac, request->sender_mac, sizeof(reply.target_mac));
	memcpy(reply.target, request->sender, sizeof(reply.target));
	memcpy(out.l3, &reply, sizeof(reply));
	hz_port_tx(frame->port, out.mbuf);
	return hz_net_done(frame, HZ_COUNTER_neighbour_answered);
}

static enum hz_net_verdict reply_in(const struct hz_net_frame *frame,
                                    const struct hz_arp_hdr *reply)
{
	struct hz_host *host = frame->port->host;
	struct hz_addr sender = hz_ip4_mapped(reply->sender);

	if (frame->is_group || memcmp(reply->target_mac, frame->port->mac, 6) != 0 ||
	    !hz_neigh_answer(&host->neigh, &sender, reply->sender_mac,
	                     frame->port->host->env->now_ns))
		return hz_net_drop(frame, HZ_COUNTER_drop_arp);
	return hz_net_done(frame, HZ_COUNTER_neighbour_learned);
}

enum hz_net_verdict hz_arp_in(const struct hz_net_frame *frame)
{
	struct hz_arp_hdr arp;
	struct hz_addr target;
	bool is_request;

	if (frame->l3_bytes < sizeof(arp))
		return hz_net_drop(frame, HZ_COUNTER_drop_short);
	memcpy(&arp, frame->l3, sizeof(arp));
	is_request = arp.operation == __builtin_bswap16(OPERATION_REQUEST);
	if (!is_well_formed(&arp) ||
	    (!is_request && arp.operation != __builtin_bswap16(OPERATION_REPLY)))
		return hz_net_drop(frame, HZ_COUNTER_drop_arp);
	target = hz_ip4_mapped(arp.target);
	if (!hz_host_has(frame->port->host, &target))
		return hz_net_drop(frame, HZ_COUNTER_drop_not_ours);
	if (!is_sender_credible(frame, &arp, is_request))
		return hz_net_drop(frame, HZ_COUNTER_drop_arp);
	return is_request ? request_in(frame, &arp) : reply_in(frame, &arp);
}

void hz_arp_ask(struct hz_port *port, const struct hz_addr *local, const struct hz_addr *addr,
                const uint8_t *to_mac)
{
	struct hz_arp_hdr arp;
	struct hz_net_out out;

	if (hz_net_out_open(port, NULL, to_mac != NULL ? to_mac : everybody, HZ_ETHERTYPE_ARP,
	                    sizeof(arp), &out) != 0)
		return; /* asked again in a second */
	arp_fill(&arp, OPERATION_REQUEST, port);
	memcpy(arp.sender, local->byte + 12, sizeof(arp.sender));
	memset(arp.target_mac, 0, sizeof(arp.target_mac));
	memcpy(arp.target, addr->byte + 12, sizeof(arp.target));
	memcpy(out.l3, &arp, sizeof(arp));
	hz_port_tx(port, out.mbuf);
}
