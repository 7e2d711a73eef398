#include "net/net_in.h"

#include "net/sw_csum.h"
#include "port/mbuf_span.h"
#include <string.h>

enum hz_net_verdict hz_net_drop(const struct hz_net_frame *frame, enum hz_counter reason)
{
	const struct hz_slot *slot = frame->port->slot;

	hz_slot_count(slot, reason);
	slot->worker->dropped++;
	rte_pktmbuf_free(frame->mbuf);
	return HZ_NET_DONE;
}

enum hz_net_verdict hz_net_unanswered(const struct hz_net_frame *frame)
{
	frame->port->slot->worker->dropped++;
	rte_pktmbuf_free(frame->mbuf);
	return HZ_NET_DONE;
}

enum hz_net_verdict hz_net_done(const struct hz_net_frame *frame, enum hz_counter what)
{
	hz_slot_count(frame->port->slot, what);
	rte_pktmbuf_free(frame->mbuf);
	return HZ_NET_DONE;
}

enum hz_net_verdict hz_net_l4(const struct hz_net_frame *frame, struct hz_packet *out)
{
	uint64_t sum;

	if (!frame->port->verify_checksum)
		return HZ_NET_TCP;
	sum = hz_csum_pseudo(&out->src, &out->dst, out->is_v6, HZ_IPPROTO_TCP);
	sum += __builtin_bswap16(out->l4_bytes);
	sum = hz_csum_add(sum, out->l4, out->l4_bytes);
	if (hz_csum_finish(sum) != 0)
		return hz_net_drop(frame, HZ_COUNTER_drop_tcp_checksum);
	return HZ_NET_TCP;
}

static uint16_t ethertype_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* An answer goes back where the frame came from: MACs swapped, tags as they were. */
static void l2_reply_fill(struct hz_packet *out, const uint8_t *l2, uint32_t l2_bytes)
{
	memcpy(out->l2_reply, l2 + 6, 6);
	memcpy(out->l2_reply + 6, l2, 6);
	memcpy(out->l2_reply + 12, l2 + 12, l2_bytes - 12);
	out->l2_bytes = (uint8_t)l2_bytes;
}

/* A station sends, RFC 894 and IEEE 802.3 3.2.4: what a group seems to send, an answer would go to all of. */
static bool is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return (mac[0] & 1u) == 0 && memcmp(mac, none, sizeof(none)) != 0;
}

enum hz_net_verdict hz_net_in(const struct hz_net *net, struct hz_port *port, struct rte_mbuf *mbuf,
                              struct hz_packet *out)
{
	struct hz_wspan bytes = hz_mbuf_bytes(mbuf);
	struct hz_net_frame frame = { .net = net, .port = port, .mbuf = mbuf };
	uint32_t l2_bytes = HZ_ETH_BYTES;
	uint16_t type;

	/* A chain never comes from our drivers at our MTU; its later segments would go unread. */
	if (bytes.len < HZ_ETH_BYTES || mbuf->nb_segs != 1)
		return hz_net_drop(&frame, HZ_COUNTER_drop_short);
	frame.is_group = (bytes.data[0] & 1u) != 0;
	/* TCP never answers what was sent to a group, RFC 9293 3.9.2.3; only a host listens to some. */
	if (port->host == NULL ? frame.is_group
	                       : !frame.is_group && memcmp(bytes.data, port->mac, 6) != 0)
		return hz_net_drop(&frame, HZ_COUNTER_drop_not_ours);
	if (!is_station(bytes.data + 6))
		return hz_net_drop(&frame, HZ_COUNTER_drop_source);
	type = ethertype_at(bytes.data + 12);
	for (uint32_t tags = 0; type == HZ_ETHERTYPE_VLAN || type == HZ_ETHERTYPE_QINQ; tags++) {
		if (tags == HZ_VLAN_TAGS_MAX)
			return hz_net_drop(&frame, HZ_COUNTER_drop_l4);
		l2_bytes += HZ_VLAN_BYTES;
		if (bytes.len < l2_bytes)
			return hz_net_drop(&frame, HZ_COUNTER_drop_short);
		type = ethertype_at(bytes.data + l2_bytes - 2);
	}
	frame.l2 = bytes.data;
	frame.l2_bytes = l2_bytes;
	frame.l3 = bytes.data + l2_bytes;
	frame.l3_bytes = (uint32_t)bytes.len - l2_bytes;
	out->mbuf = mbuf;
	out->port = port;
	l2_reply_fill(out, bytes.data, l2_bytes);
	if (type == HZ_ETHERTYPE_IP4)
		return hz_ip4_in(&frame, out);
	if (type == HZ_ETHERTYPE_IP6)
		return hz_ip6_in(&frame, out);
	if (type == HZ_ETHERTYPE_ARP && port->host != NULL)
		return hz_arp_in(&frame);
	return hz_net_drop(&frame, HZ_COUNTER_drop_l4);
}
