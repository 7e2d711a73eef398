#include "tcp/tcp_connect.h"

#include "net/ip_hdr.h"
#include "tcp/tcp_isn.h"
#include "tcp/tcp_lport.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stream.h"
#include "tcp/tcp_syn.h"
#include "tcp/tcp_timer.h"
#include <errno.h>
#include <string.h>

static bool is_v4(const struct hz_addr *addr)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* RFC 9293 3.9.2.3 and 3.9.1.1: nobody opens to a group or to an address of all zeros. */
static bool is_host(const struct hz_addr *addr, bool is_v6)
{
	static const struct hz_addr zero;

	if (is_v6)
		return addr->byte[0] != 0xff && memcmp(addr, &zero, sizeof(zero)) != 0;
	return addr->byte[12] != 0 && addr->byte[12] < 224;
}

static bool is_good(const struct hz_tcp_target *to)
{
	bool is_v6 = !is_v4(&to->remote);
	uint16_t type;

	if (is_v6 == is_v4(&to->local) || !is_host(&to->remote, is_v6) ||
	    !is_host(&to->local, is_v6) || to->remote_port == 0 || to->port == NULL ||
	    to->proto == NULL)
		return false;
	if (to->l2_bytes < HZ_ETH_BYTES || to->l2_bytes > HZ_L2_BYTES_MAX ||
	    (to->l2_bytes - HZ_ETH_BYTES) % HZ_VLAN_BYTES != 0 || (to->l2[0] & 1) != 0)
		return false;
	type = (uint16_t)(to->l2[to->l2_bytes - 2] << 8 | to->l2[to->l2_bytes - 1]);
	return type == (is_v6 ? HZ_ETHERTYPE_IP6 : HZ_ETHERTYPE_IP4);
}

/* Connections keep a number instead of a pointer; vtables are few and live as long as the program. */
static int proto_index(struct hz_tcp *tcp, const struct hz_proto_ops *proto)
{
	for (int i = 0; i < (int)HZ_TCP_PROTOS_MAX; i++) {
		if (tcp->protos[i] == NULL)
			tcp->protos[i] = proto;
		if (tcp->protos[i] == proto)
			return i;
	}
	return -ENOSPC;
}

int hz_tcp_connect(struct hz_tcp *tcp, const struct hz_tcp_target *to, struct hz_stream **out)
{
	uint8_t ports[4] = { (uint8_t)(to->remote_port >> 8), (uint8_t)to->remote_port };
	/* What a segment of the peer would look like: key, hash and headers are made from it. */
	struct hz_packet packet = { .l4 = ports,
		                    .l4_bytes = sizeof(ports),
		                    .is_v6 = !is_v4(&to->remote),
		                    .src = to->remote,
		                    .dst = to->local,
		                    .port = to->port };
	int err, proto;
	struct hz_tcp_pcb *pcb;
	struct hz_tcp_key key;
	struct hz_tcp_isn isn;

	if (!is_good(to))
		return -EINVAL;
	proto = proto_index(tcp, to->proto);
	if (proto < 0)
		return proto;
	packet.l2_bytes = to->l2_bytes;
	memcpy(packet.l2_reply, to->l2, to->l2_bytes);
	err = hz_tcp_lport_choose(tcp, &packet, to->local_port);
	if (err != 0)
		return err;
	pcb = hz_tcp_pcb_open(tcp, &packet, HZ_TCP_SYN_SENT);
	if (pcb == NULL)
		return -ENOBUFS;
	hz_tcp_key_of(&packet, &key);
	isn = hz_tcp_isn_make(tcp->conf.secret, &key, hz_tcp_now(tcp));
	pcb->proto = (uint8_t)proto;
	pcb->stream.owner = to->owner;
	pcb->flags |= HZ_TCP_F_ACTIVE | HZ_TCP_F_TS | HZ_TCP_F_SACK;
	pcb->rcv_mss = hz_tcp_syn_mss_ours(to->port, packet.is_v6 != 0);
	pcb->rcv_wscale = HZ_TCP_RCV_WSCALE;
	pcb->ts_offset = isn.ts_offset;
	pcb->snd_una = pcb->snd_max = isn.iss;
	pcb->snd_end = isn.iss + 1;
	hz_tcp_rto_open(pcb, HZ_TCP_RTO_INITIAL_US);
	hz_tcp_pcb_touch(pcb);
	*out = &pcb->stream;
	return 0;
}

/* What the peer's SYN says replaces what ours offered. */
static void syn_take(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	uint32_t offered = pcb->rcv_adv - pcb->rcv_nxt;

	pcb->flags &= ~(uint32_t)(HZ_TCP_F_TS | HZ_TCP_F_SACK);
	pcb->rcv_wscale = 0;
	hz_tcp_syn_negotiate(pcb, seg->packet, &seg->opts);
	pcb->rcv_nxt = pcb->ack_sent = seg->seq + 1;
	pcb->rcv_adv = pcb->rcv_nxt + offered;
	pcb->snd_wnd = seg->window; /* of a SYN: not scaled, RFC 7323 2.2 */
	pcb->last_rx_tick = hz_tcp_tick(hz_tcp_of(pcb));
	hz_tcp_path_change(&pcb->path, seg->packet);
	hz_tcp_pcb_touch(pcb);
}

/* RFC 5961 3.2 leaves it at this: in SYN_SENT the acknowledgment of our SYN proves the RST. */
static void refused(struct hz_tcp_pcb *pcb)
{
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_reset_received);
	hz_tcp_pcb_close(pcb, HZ_CLOSE_RESET);
}

bool hz_tcp_connect_in(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	bool has_ack = (seg->flags & HZ_TCP_ACK) != 0;

	if (pcb->flags & HZ_TCP_F_ABORT)
		return false;
	if (has_ack && (hz_seq_leq(seg->ack, pcb->snd_una) || hz_seq_gt(seg->ack, pcb->snd_max))) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_out_of_window);
		hz_tcp_out_reply_reset(tcp, seg);
		return false;
	}
	if (has_ack && (seg->flags & HZ_TCP_RST)) {
		refused(pcb);
		return false;
	}
	if ((seg->flags & HZ_TCP_RST) || !(seg->flags & HZ_TCP_SYN)) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_bad_flags);
		return false;
	}
	syn_take(pcb, seg);
	if (!has_ack) { /* both sides at once, RFC 9293 3.5: our SYN again, as its answer */
		hz_tcp_pcb_set_state(pcb, HZ_TCP_SYN_RCVD);
		pcb->flags |= HZ_TCP_F_SYN_AGAIN;
		return false;
	}
	pcb->flags |= HZ_TCP_F_ACK_NOW;
	if (!hz_tcp_in_establish(pcb, seg))
		return false;
	seg->flags &= (uint8_t)~HZ_TCP_SYN;
	seg->seq++;
	seg->bytes = HZ_MIN(seg->bytes, pcb->rcv_adv - pcb->rcv_nxt);
	return true;
}
