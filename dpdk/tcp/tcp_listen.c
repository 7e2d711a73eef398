#include "tcp/tcp_listen.h"

#include "net/ip_hdr.h"
#include "tcp/tcp_isn.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include <string.h>

#define MSS_DEFAULT_V4 536u /* RFC 9293 3.7.1: of a SYN without the option */
#define MSS_DEFAULT_V6 1220u
#define MSS_MIN        536u /* a smaller one only multiplies our packets */
#define RCV_WSCALE     2    /* hold_bytes_max in 16 bits */
_Static_assert((HZ_LIMIT_hold_bytes_max >> RCV_WSCALE) <= UINT16_MAX, "scale covers the window");

/* An endpoint of all zeros, or v4-mapped zeros, listens on every address. */
static bool is_any(const struct hz_addr *addr)
{
	static const struct hz_addr zero, zero_v4 = { { [10] = 0xff, [11] = 0xff } };

	return memcmp(addr, &zero, sizeof(zero)) == 0 ||
	       memcmp(addr, &zero_v4, sizeof(zero_v4)) == 0;
}

static bool is_listening(const struct hz_tcp *tcp, const struct hz_packet *packet)
{
	uint16_t port = (uint16_t)(packet->l4[2] << 8 | packet->l4[3]);

	for (uint32_t i = 0; i < tcp->conf.listen_count; i++) {
		const struct hz_endpoint *at = &tcp->conf.listens[i];

		if (at->port == port &&
		    (memcmp(&at->addr, &packet->dst, sizeof(at->addr)) == 0 || is_any(&at->addr)))
			return true;
	}
	return false;
}

static uint32_t mss_of(const struct hz_tcp_segment *seg)
{
	uint32_t given = seg->opts.mss;

	if (given == 0)
		given = seg->packet->is_v6 ? MSS_DEFAULT_V6 : MSS_DEFAULT_V4;
	return HZ_MAX(given, MSS_MIN);
}

/* RFC 9293 3.7.1, RFC 6691: MSS options exclude TCP options, segments sent must count them. */
static void negotiate(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	const struct hz_port *port = seg->packet->port;
	uint32_t ip_bytes =
		seg->packet->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	uint32_t ours = port->mtu - ip_bytes - (uint32_t)sizeof(struct hz_tcp_hdr);
	uint32_t room = rte_pktmbuf_data_room_size(port->pool) - HZ_PORT_HEADROOM;
	uint32_t theirs;

	ours = HZ_MIN(ours, room);
	theirs = HZ_MIN(mss_of(seg), ours);
	pcb->rcv_mss = (uint16_t)ours;
	if (seg->opts.has_ts) {
		pcb->flags |= HZ_TCP_F_TS;
		pcb->ts_recent = seg->opts.ts_val;
		theirs -= HZ_TCP_TS_BYTES;
	}
	pcb->snd_mss = (uint16_t)theirs;
	if (seg->opts.has_sack_permitted)
		pcb->flags |= HZ_TCP_F_SACK;
	if (seg->opts.has_wscale) {
		pcb->snd_wscale = seg->opts.wscale;
		pcb->rcv_wscale = RCV_WSCALE;
	}
}

static void syn_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg, const uint32_t *iss_min)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_open(tcp, seg->packet);
	struct hz_tcp_isn isn;

	if (pcb == NULL)
		return;
	isn = hz_tcp_isn_make(tcp->conf.secret, &pcb->key, hz_tcp_now(tcp));
	if (iss_min != NULL && hz_seq_leq(isn.iss, *iss_min))
		isn.iss = *iss_min + 1;
	negotiate(pcb, seg);
	pcb->irs = seg->seq;
	pcb->rcv_nxt = pcb->ack_sent = pcb->rcv_adv = seg->seq + 1;
	pcb->iss = isn.iss;
	pcb->ts_offset = isn.ts_offset;
	pcb->snd_una = pcb->snd_nxt = pcb->snd_max = pcb->iss;
	pcb->snd_end = pcb->iss + 1;
	pcb->snd_wnd = seg->window; /* of a SYN: not scaled, RFC 7323 2.2 */
	pcb->last_rx_ns = hz_tcp_now(tcp);
	hz_tcp_rto_open(pcb, HZ_TCP_RTO_INITIAL_US);
	hz_tcp_tmpl_build(&pcb->tmpl, seg->packet, (pcb->flags & HZ_TCP_F_TS) != 0);
	hz_tcp_pcb_touch(pcb); /* data on a SYN is not kept: the peer sends it again */
}

void hz_tcp_listen_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg, const uint32_t *iss_min)
{
	if ((seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST)) == HZ_TCP_SYN &&
	    !tcp->is_draining && is_listening(tcp, seg->packet)) {
		syn_in(tcp, seg, iss_min);
		return;
	}
	hz_tcp_count_drop(tcp, HZ_COUNTER_drop_not_ours);
	hz_tcp_out_reply_reset(tcp, seg);
}
