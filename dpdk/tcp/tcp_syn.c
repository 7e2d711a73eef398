#include "tcp/tcp_syn.h"

#include "core/cookie_keys.h"
#include "net/ip_hdr.h"

uint16_t hz_tcp_syn_mss_ours(const struct hz_port *port, bool is_v6)
{
	uint32_t ip_bytes = is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	uint32_t mss = port->mtu - ip_bytes - (uint32_t)sizeof(struct hz_tcp_hdr);
	uint32_t room = rte_pktmbuf_data_room_size(port->pool) - HZ_PORT_HEADROOM;

	return (uint16_t)HZ_MIN(mss, room);
}

uint32_t hz_tcp_syn_mss_theirs(bool is_v6, const struct hz_tcp_opts *syn)
{
	return hz_cookie_mss_theirs(syn->mss, is_v6);
}

/* RFC 9293 3.7.1, RFC 6691: MSS options exclude TCP options, segments sent must count them. */
void hz_tcp_syn_negotiate(struct hz_tcp_pcb *pcb, const struct hz_packet *packet,
                          const struct hz_tcp_opts *syn)
{
	uint32_t ours = hz_tcp_syn_mss_ours(packet->port, packet->is_v6 != 0);
	uint32_t theirs = HZ_MIN(hz_tcp_syn_mss_theirs(packet->is_v6 != 0, syn), ours);

	pcb->rcv_mss = (uint16_t)ours;
	if (syn->has_ts) {
		pcb->flags |= HZ_TCP_F_TS;
		pcb->ts_recent = syn->ts_val;
		theirs -= HZ_TCP_TS_BYTES;
	}
	pcb->snd_mss = (uint16_t)theirs;
	if (syn->has_sack_permitted)
		pcb->flags |= HZ_TCP_F_SACK;
	if (syn->has_wscale) {
		pcb->snd_wscale = syn->wscale;
		pcb->rcv_wscale = HZ_TCP_RCV_WSCALE;
	}
}
